"""Blend windows whose overlapping weights sum to exactly one."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .lattice import Axis

FAMILIES = ("hann", "linear", "spline", "flat")
"""Names of the ramps."""

STEPS = 4096
"""Ramps are multiples of 1/4096, so products of two (24 bits) and their sums are exact in float32."""


@lru_cache(maxsize=16)
def ramp(family: str, overlap: int) -> NDArray[np.float32]:
    """Return the weights ``(overlap,)`` of a tile in the overlap with its predecessor, whose weights are ``1 - ramp``.

    With ``t`` running from 0 to 1 at the pixel centres of the overlap:

    * ``hann``: ``sin(pi t / 2)**2``, the rising half of the Hann window (Harris 1978, "On the use of windows for
      harmonic analysis with the discrete Fourier transform", Proc. IEEE 66).
    * ``linear``: ``t``, the rising half of the triangular (Bartlett) window (same source).
    * ``spline``: ``2 t**2`` below one half and ``1 - 2 (1 - t)**2`` above, the squared triangular window of
      Chevalier's "Make smooth predictions by blending image patches" (Vooban, 2017; ``power=2``).
    * ``flat``: 0, then 1 from the middle: no blending.

    Each satisfies ``ramp(t) + ramp(1 - t) = 1``, so no normalisation is needed.
    """
    t = (np.arange(overlap) + 0.5) / max(1, overlap)
    match family:
        case "hann":
            weights = np.sin(np.pi / 2 * t) ** 2
        case "linear":
            weights = t
        case "spline":
            weights = np.where(t < 0.5, 2 * t**2, 1 - 2 * (1 - t) ** 2)
        case "flat":
            weights = (t > 0.5).astype(np.float64)
        case _:
            raise ValueError(f"window {family!r} is unknown; choose one of {', '.join(FAMILIES)}.")
    quantised: NDArray[np.float32] = (np.rint(weights * STEPS) / STEPS).astype(np.float32)
    quantised.flags.writeable = False
    return quantised


def taper(axis: Axis, index: int, family: str) -> NDArray[np.float32]:
    """Return the weights ``(tile,)`` of a tile along one axis: ramp up, ones, ramp down; no ramp at the scene's border.

    At each pixel the weights of all tiles sum to exactly one, as do outer products of two axes.
    """
    span, alone, up = axis.span(index), axis.alone(index), ramp(family, axis.overlap)
    weights = np.ones(axis.tile, np.float32)
    if index > 0:
        weights[: alone.start - span.start] = up
    if index < axis.count - 1:
        weights[alone.stop - span.start :] = 1 - up
    return weights
