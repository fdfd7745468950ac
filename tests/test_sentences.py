"""Parts of sentences."""

import pytest

from geoseg.sentences import join_words


@pytest.mark.parametrize(
    ("words", "joined"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_joined(words, joined):
    """Commas stand between all words but the last two."""
    assert join_words(words) == joined
    assert join_words(words, "or") == joined.replace(" and ", " or ")
