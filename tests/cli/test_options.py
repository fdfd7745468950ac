"""Values of options."""

import sys

import click
import pytest

from geoseg.cli.options import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2_000_000_000),
        ("800M", 800_000_000),
        ("1.5 gb", 1_500_000_000),
        ("12", 12),
        ("12B", 12),
        ("2GiB", 2 * 2**30),
        ("9" * 400, sys.maxsize),
    ],
)
def test_sizes(text, size):
    """Units are decimal unless marked as binary; their case and a space before them do not matter."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["x", "GBx", "-1GB", "1,5GB", "2GB x", "5 apples"])
def test_text_that_is_not_a_size_is_refused(text):
    """A typo must not pass as another size."""
    with pytest.raises(click.BadParameter, match="is not a size such as 2GB or 800MB"):
        parse_size(text)
