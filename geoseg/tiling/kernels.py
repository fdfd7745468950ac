"""Source indices and weights for nearest-exact and Lanczos resampling.

Pixels are areas: pixel ``i`` of ``n`` covers the scene from ``i / n`` to ``(i + 1) / n``. Indices and weights depend
only on a pixel's position in the whole target, so results are the same in any block.
"""

from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

LANCZOS_LOBES = 3
"""Lobes of the Lanczos kernel on each side of its centre, as in GDAL and Pillow."""


def nearest_exact(n_out: int, n_in: int, part: slice | None = None) -> NDArray[np.int64]:
    """Return the source pixel that contains the centre of each target pixel, ``(n_out,)``, or of those in ``part``.

    The centre of target pixel ``i`` is at ``(2 i + 1) / (2 n_out)`` of the scene, so the index is
    ``floor((2 i + 1) n_in / (2 n_out))``, exact in integers. A centre on the border of two source pixels belongs to the
    second.
    """
    _check_sizes(n_out, n_in)
    targets = np.arange(n_out, dtype=np.int64) if part is None else np.arange(part.start, part.stop, dtype=np.int64)
    return ((2 * targets + 1) * n_in) // (2 * n_out)


def targets_before(source: int, n_out: int, n_in: int) -> int:
    """Return the number of target pixels that `nearest_exact` takes from source pixels before ``source``."""
    _check_sizes(n_out, n_in)
    return max(0, -((n_in - 2 * n_out * source) // (2 * n_in)))


def lanczos_radius(n_out: int, n_in: int) -> Fraction:
    """Return the kernel's half width in source pixels: 3, times the reduction factor when downsampling."""
    _check_sizes(n_out, n_in)
    return LANCZOS_LOBES * max(Fraction(1), Fraction(n_in, n_out))


def source_interval(start: int, stop: int, n_out: int, n_in: int, radius: Fraction) -> slice:
    """Return the source pixels under the kernels of target pixels ``start:stop``, clipped to the source.

    ``radius`` is the half width of the kernel in source pixels.
    """
    _check_sizes(n_out, n_in)
    if not 0 <= start < stop <= n_out:
        raise ValueError(f"Target pixels must be within 0:{n_out}, found {start}:{stop}.")
    scale, half = Fraction(n_in, n_out), Fraction(1, 2)
    first = floor((start + half) * scale - radius)
    last = ceil((stop - half) * scale + radius)
    return slice(max(0, first), min(n_in, last))


def lanczos_weights(start: int, stop: int, n_out: int, n_in: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return source indices and weights ``(stop - start, taps)`` of target pixels ``start:stop``.

    The kernel is ``sinc(x) sinc(x / 3)`` for ``|x| < 3`` (Duchon 1979, "Lanczos filtering in one and two dimensions",
    J. Appl. Meteorol. 18), stretched by the reduction factor to avoid aliasing. Indices beyond the source are clipped
    and have weight zero; the weights of a target pixel sum to one.
    """
    radius = lanczos_radius(n_out, n_in)
    stretch = float(radius / LANCZOS_LOBES)
    doubled = (2 * np.arange(start, stop, dtype=np.int64) + 1) * n_in
    # Pixels whose centre is within the radius, in integers: exact at any position.
    first = doubled // (2 * n_out) - ceil(radius)
    indices = first[:, None] + np.arange(2 * ceil(radius) + 1)
    distance = ((2 * indices + 1) * n_out - doubled[:, None]) / (2 * n_out)
    x = distance / stretch
    inside = (np.abs(x) < LANCZOS_LOBES) & (indices >= 0) & (indices < n_in)
    weights = np.where(inside, np.sinc(x) * np.sinc(x / LANCZOS_LOBES), 0.0)
    return np.clip(indices, 0, n_in - 1), weights / weights.sum(axis=1, keepdims=True)


def _check_sizes(n_out: int, n_in: int) -> None:
    if n_out < 1 or n_in < 1:
        raise ValueError(f"Resampling needs at least one source and one target pixel, found {n_in} and {n_out}.")
