"""Compile the tracer ahead of its first use."""

from geoseg.compilation import Compilation, compile_ahead
from geoseg.models.engines.hardware import address_limit

COMPILING = "compiling the road tracer (first run only)"
"""Text of progress, which explains a slow first run."""

_GROUPS = (
    ("line_points", "graph.axes", "graph.junctions", "graph.dead_ends", "graph.joins", "graph.islands", "graph.graph"),
    (
        "skeleton.widths",
        "skeleton.distance",
        "graph.chains",
        "skeleton.mask",
        "skeleton.thinning",
        "graph.edge_statistics",
        "skeleton.pieces",
        "skeleton.smoothing",
    ),
)
"""Modules with compiled functions, in groups that take equally long; the first shares `graph.walking.walk`."""


def prepare_tracer() -> Compilation:
    """Start to compile the tracer in two processes, unless that was done before on this machine.

    Use it as a context, and `wait` before tracing. It costs milliseconds where nothing is to be compiled.
    """
    if address_limit() is not None:
        # Numba's first call imports it, and OpenBLAS, loaded when `ulimit -v` leaves too little, tries for ever.
        import scipy.linalg  # noqa: F401
    return compile_ahead("geoseg.roads", _GROUPS)
