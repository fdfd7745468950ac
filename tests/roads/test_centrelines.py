def test_small_networks_are_kept_by_length_and_probability(trace_levels, paint_bands):
    """An isolated road of 30 m stays if it is certain and is dropped if it is faint."""
    certain, faint = (paint_bands((60, 120), (slice(26, 34), slice(40, 70), level)) for level in (254, 115))
    assert len(trace_levels(certain)) == 1
    assert len(trace_levels(faint)) == 0
