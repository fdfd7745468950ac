"""Options of evaluations: typed keywords of the public calls."""

import pytest

from geoseg.errors import UsageError
from geoseg.evaluation.criteria import Criteria, CriteriaOptions


def test_options_are_the_criteria():
    """Every field of `Criteria` is a typed keyword, of the same type."""
    fields = {name: field.type for name, field in Criteria.__dataclass_fields__.items()}
    assert CriteriaOptions.__annotations__ == fields


def test_a_seed_of_nothing():
    """A seed is refused without the resamples that it is for."""
    assert Criteria(bootstrap=9, seed=3).seed == 3
    with pytest.raises(UsageError, match=r"`seed` has no effect without `bootstrap`"):
        Criteria(seed=3)
