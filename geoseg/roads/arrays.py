"""Array types of the tracer, and the type of the function that reads probabilities."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
"""Ids, indices and counts."""

Bytes = npt.NDArray[np.uint8]
"""Masks of ones and zeros, probabilities in `LEVELS`, codes."""

Flags = npt.NDArray[np.bool_]

Floats = npt.NDArray[np.float64]
"""Metres, shares, and angles in radians."""

Points = npt.NDArray[np.float64]
"""Column and row, integers at pixel corners, or x and y in the CRS, `(points, 2)`."""

Read = Callable[[slice, slice], Bytes]
"""Return the road probability of a window of the grid `(rows, columns)` in `LEVELS`, 255 for nodata."""
