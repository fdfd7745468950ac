"""Make a film of the validation scene over the epochs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from geoseg.files import whole
from geoseg.models.legend import Legend
from geoseg.pages.pictures import scaled_size

from .pictures import GAP, GREY_LEVELS, GREYS, palette

PANEL = 480
"""Longer side of a picture in the film, in pixels."""
MOST = 60
"""Most frames of a film; of more epochs, evenly spaced ones are shown."""
_SHOWN_MS, _LAST_MS = 500, 2500
_HEAD, _FOOT = 30, 10
"""Rows of text above the pictures, and of the bar below."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Pictures of the validation scene after an epoch."""

    epoch: int
    plain: Path
    """Predicted tile by tile."""
    blended: Path
    """Predicted with overlapping tiles, blended."""


def spread(frames: Sequence[Frame], most: int, *, wanted: float | None = None) -> list[Frame]:
    """Choose at most `most` evenly spaced frames, with the first, the last, and the epoch `wanted` (if `most` > 2)."""
    if len(frames) <= most:
        return list(frames)
    numbers = np.linspace(0, len(frames) - 1, most).round().astype(int)
    for number, frame in enumerate(frames):
        if frame.epoch == wanted and number not in numbers:
            numbers[1:-1][np.abs(numbers[1:-1] - number).argmin()] = number
    return [frames[number] for number in numbers]


def write_film(frames: Sequence[Frame], epochs: int, legend: Legend, path: Path) -> None:
    """Write an animated GIF: plain and blended side by side, the epoch above, and a bar of `epochs` below."""
    pictures = [_draw_frame(frame, epochs, legend) for frame in spread(frames, MOST)]
    durations = [_SHOWN_MS] * (len(pictures) - 1) + [_LAST_MS]
    # Exact colours: all frames share one palette, neither optimised nor dithered.
    exact = {"optimize": False, "disposal": 1}
    with whole(path) as new:
        pictures[0].save(new, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, **exact)


def _draw_frame(frame: Frame, epochs: int, legend: Legend) -> Image.Image:
    plain, blended = (_read_scaled(path) for path in (frame.plain, frame.blended))
    height, width = plain.shape
    canvas = np.full((_HEAD + height + _FOOT, 2 * width + GAP), GREYS + GREY_LEVELS - 1, np.uint8)
    canvas[:_HEAD] = _draw_text(canvas.shape[1], (0, width + GAP), f"epoch {frame.epoch}")
    canvas[_HEAD : _HEAD + height, :width] = plain
    canvas[_HEAD : _HEAD + height, width + GAP :] = blended
    canvas[-_FOOT + 4 :, :] = GREYS + GREY_LEVELS - 2
    canvas[-_FOOT + 4 :, : round(canvas.shape[1] * frame.epoch / max(epochs, frame.epoch))] = GREYS + 5
    picture = Image.fromarray(canvas)
    picture.putpalette(palette(legend))
    return picture


def _read_scaled(path: Path) -> npt.NDArray[np.uint8]:
    """Read palette entries `(height, width)` of a class picture, scaled down for the film."""
    with Image.open(path) as picture:
        return np.asarray(picture.resize(scaled_size(picture.size, PANEL), Image.Resampling.NEAREST))


def _draw_text(width: int, starts: tuple[int, int], epoch: str) -> npt.NDArray[np.uint8]:
    """Draw the text above the pictures in palette entries `(_HEAD, width)`."""
    strip = Image.new("L", (width, _HEAD), 255)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(15)
    for start, words in zip(starts, (f"{epoch}: tile by tile", "blended"), strict=True):
        draw.text((start + 1, _HEAD // 2), words, fill=0, font=font, anchor="lm")
    return (GREYS + np.rint(np.asarray(strip) / 255 * (GREY_LEVELS - 1))).astype(np.uint8)
