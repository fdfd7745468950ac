"""Steps across a grid, measured on the ground in compiled code."""

from geoseg.compiled import compiled_within

from .arrays import Floats


@compiled_within
def on_ground(metric: Floats, columns: float, rows: float) -> tuple[float, float]:
    """Return a step of columns and rows in the plane of the metric: `GridSettings.to_metres` of one step."""
    return metric[0, 0] * columns + metric[0, 1] * rows, metric[1, 1] * rows
