"""Paint the ground: relief, patches, crop rows and fine texture."""

import numpy as np
import numpy.typing as npt

from .canvas import Canvas
from .land_use import Parcel
from .scene_styles import Style, draw
from .surfaces import VEGETATED, SurfaceClass, reflectances
from .texture import fractal_noise, wave


def paint_ground(
    rng: np.random.Generator, canvas: Canvas, style: Style, parcels: list[Parcel]
) -> npt.NDArray[np.int32]:
    """Paint all parcels; return the number of each cell's parcel, (height, width) from 1, 0 for none."""
    label = canvas.burn([parcel.area for parcel in parcels])
    padded = [parcels[0], *parcels]
    first = reflectances([parcel.ground for parcel in padded])
    second = reflectances([parcel.second for parcel in padded])
    tone = np.array([parcel.tone for parcel in padded], np.float32)[:, None]
    first, second = first * tone, second * tone
    threshold = np.array([parcel.patches for parcel in padded], np.float32)
    share = np.clip(canvas.drift * np.float32(0.55) + threshold[label] + np.float32(0.15) * canvas.grain, 0.0, 1.0)

    rough = np.array([parcel.roughness for parcel in padded], np.float32)
    light = np.float32(1.0) + rough[label] * canvas.grain + np.float32(0.06) * canvas.drift
    np.maximum(light, np.float32(0.3), out=light)
    _add_rows(canvas, padded, label, light)
    for band in range(4):
        base = first[:, band][label]
        canvas.albedo[band] = (base + (second[:, band][label] - base) * share) * light
    grown = [np.array([getattr(p, name) in VEGETATED for p in padded]) for name in ("ground", "second")]
    vegetated = np.where(share > 0.5, grown[1][label], grown[0][label])
    canvas.classes[...] = np.where(vegetated, np.uint8(SurfaceClass.VEGETATION), np.uint8(SurfaceClass.LAND))
    _shade_relief(rng, canvas, draw(rng, style.relief))
    return label


def _add_rows(
    canvas: Canvas, parcels: list[Parcel], label: npt.NDArray[np.int32], light: npt.NDArray[np.float32]
) -> None:
    strength = np.array([parcel.row_strength for parcel in parcels], np.float32)
    cells = np.flatnonzero(strength[label.ravel()] > 0.0)
    if not cells.size:
        return
    # rows finer than the cells would alias
    spacing = np.maximum([parcel.row_spacing_m for parcel in parcels], 3.0 * canvas.cell_m)
    heading = np.array([parcel.row_heading for parcel in parcels])
    step_x, step_y = (np.cos(heading) / spacing).astype(np.float32), (np.sin(heading) / spacing).astype(np.float32)
    of = label.ravel()[cells]
    x, y = canvas.points_of(cells)
    phase = x * step_x[of] + y * step_y[of]
    # every eighth row is a wheel track
    rows = wave(phase) + np.float32(0.8) * wave(phase / np.float32(8.0))
    light.ravel()[cells] *= np.float32(1.0) + strength[of] * rows


def _shade_relief(rng: np.random.Generator, canvas: Canvas, strength: float) -> None:
    """Light the slopes of a smooth fractal surface from one corner."""
    ground = fractal_noise(rng, canvas.shape, coarsest=220.0 / canvas.cell_m, finest=4.0, roughness=0.5)
    slope = np.diff(ground, axis=1, prepend=ground[:, :1]) + np.diff(ground, axis=0, prepend=ground[:1])
    scale = np.float32(strength * 12.0 / canvas.cell_m)
    canvas.lighting[...] = np.clip(np.float32(1.0) + scale * slope, 0.4, 1.5)
