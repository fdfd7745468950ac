"""Options of evaluations: typed keywords of the public calls."""

from geoseg.evaluation.criteria import Criteria, CriteriaOptions


def test_options_are_the_criteria():
    """Every field of `Criteria` is a typed keyword, of the same type."""
    fields = {name: field.type for name, field in Criteria.__dataclass_fields__.items()}
    assert CriteriaOptions.__annotations__ == fields
