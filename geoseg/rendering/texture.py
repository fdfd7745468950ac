"""Fractal noise and waves."""

import numpy as np
import numpy.typing as npt

_SPLINE_VARIANCE = 0.5  # white noise keeps about half its variance under the quadratic spline


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    coarsest: float,
    finest: float = 1.0,
    roughness: float = 0.5,
) -> npt.NDArray[np.float32]:
    """Return noise of about zero mean and unit variance: octaves added from coarse to fine, upsampling at each level.

    Features are `finest` to `coarsest` pixels in size; `roughness` is the ratio of an octave's amplitude to that of the
    next coarser one.
    """
    levels = max(0, round(np.log2(max(coarsest, 1.0))))
    finest_level = min(levels, max(0, round(np.log2(max(finest, 1.0)))))
    sizes = [shape]
    for _ in range(levels):
        rows, columns = sizes[-1]
        sizes.append((-(-rows // 2) + 2, -(-columns // 2) + 2))
    field = np.zeros(sizes[-1], np.float32)
    variance = 0.0
    for level in range(levels, -1, -1):
        if level < levels:
            field = _enlarge(field, sizes[level])
        if level >= finest_level:
            amplitude = np.float32(roughness ** (levels - level))
            field += amplitude * rng.standard_normal(sizes[level], dtype=np.float32)
            variance += float(amplitude) ** 2 * (_SPLINE_VARIANCE if level else 1.0)
    field *= np.float32(variance**-0.5)
    return field


def _enlarge(field: npt.NDArray[np.float32], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Upsample a field by 2 with a quadratic B-spline and crop it to `shape`."""
    near, far = np.float32(0.75), np.float32(0.25)
    tall = np.empty((2 * (field.shape[0] - 2), field.shape[1]), np.float32)
    scaled = near * field[1:-1]
    tall[0::2] = scaled + far * field[:-2]
    tall[1::2] = scaled + far * field[2:]
    tall = tall[: shape[0]]
    wide = np.empty((shape[0], 2 * (field.shape[1] - 2)), np.float32)
    scaled = near * tall[:, 1:-1]
    wide[:, 0::2] = scaled + far * tall[:, :-2]
    wide[:, 1::2] = scaled + far * tall[:, 2:]
    return np.ascontiguousarray(wide[:, : shape[1]])


def plane_waves(
    points: npt.NDArray[np.float64],
    heading: npt.NDArray[np.float64],
    wavelength: npt.NDArray[np.float64],
    phase: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return plane waves (n, waves) at points (n, 2); headings and phases are in radians."""
    turns = (np.outer(points[:, 0], np.cos(heading)) + np.outer(points[:, 1], np.sin(heading))) / wavelength
    return np.asarray(np.sin(2.0 * np.pi * turns + phase))


def wave(phase: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Approximate sin(2π phase) by parabolas, with the same bytes on every processor."""
    turn = phase - np.floor(phase) - np.float32(0.5)
    return np.asarray(np.float32(-16.0) * turn * (np.float32(0.5) - np.abs(turn)), np.float32)
