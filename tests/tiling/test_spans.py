"""Spans are clipped, counted from another's start, and cut, as sets of positions say."""

from hypothesis import given
from hypothesis import strategies as st

from geoseg.tiling import clip, cut, within

spans = st.tuples(st.integers(-50, 50), st.integers(1, 60)).map(lambda each: slice(each[0], each[0] + each[1]))


def positions(span):
    return list(range(span.start, span.stop))


@given(spans, spans)
def test_clip(span, bounds):
    """A clipped span holds the positions of both, and none if they do not meet."""
    assert positions(clip(span, bounds)) == sorted(set(positions(span)) & set(positions(bounds)))


@given(spans, spans)
def test_within(span, frame):
    """The indices of a span in an array that covers a frame find its positions there."""
    part = clip(span, frame)
    if part.start < part.stop:
        assert positions(frame)[within(part, frame)] == positions(part)


@given(spans, st.lists(st.integers(-60, 120)))
def test_cut(span, places):
    """The parts follow each other, cover the span, and meet at the places inside of it alone."""
    parts = cut(span, places)
    assert [place for part in parts for place in positions(part)] == positions(span)
    assert {part.start for part in parts[1:]} == set(places) & set(positions(span)[1:])
