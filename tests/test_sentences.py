"""Parts of sentences."""

import pytest

from geoseg.sentences import are, counted, has, join_words


@pytest.mark.parametrize(
    ("words", "joined"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_joined(words, joined):
    """Commas stand between all words but the last two."""
    assert join_words(words) == joined
    assert join_words(words, "or") == joined.replace(" and ", " or ")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(0, "0 images have no label and are left out"), (1, "1 image has no label and is left out"),
     (2000, "2,000 images have no label and are left out")],
)  # fmt: skip
def test_nouns_and_verbs_agree_with_their_number(number, sentence):
    """One is singular, none and many are plural, and thousands are separated."""
    assert f"{counted(number, 'image')} {has(number)} no label and {are(number)} left out" == sentence
