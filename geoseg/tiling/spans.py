"""Spans of pixels along an axis: slices without a step."""

from collections.abc import Iterable
from itertools import pairwise


def within(span: slice, frame: slice) -> slice:
    """Convert a span of the grid to indices into an array that covers ``frame``."""
    return slice(span.start - frame.start, span.stop - frame.start)


def clip(span: slice, bounds: slice) -> slice:
    """Intersect a span with bounds; it is empty, or ends before it starts, if they do not meet."""
    return slice(max(span.start, bounds.start), min(span.stop, bounds.stop))


def cut(span: slice, places: Iterable[int]) -> list[slice]:
    """Cut a span at the positions that are inside it."""
    edges = [span.start, *sorted(place for place in set(places) if span.start < place < span.stop), span.stop]
    return [slice(start, stop) for start, stop in pairwise(edges)]
