"""Augment training windows on the device, image and labels together, in one compiled function."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from geoseg.models.backend import Tensor
from geoseg.training.recipe.learning import Augmentation

from .changes import BLUR_REACH, NOISE_STARTS, Changes, draw_changes, margin_side


class Augmenter:
    """Augments batches of windows: random numbers are drawn on the host, and pixels are changed on the device.

    Batches depend only on windows and seed, and a window does not depend on the others of its batch, so that several
    devices may share it. `colour` means that the first three bands are red, green and blue, so that saturation and hue
    can be changed.
    """

    def __init__(self, choice: Augmentation, *, side: int, bands: int, colour: bool) -> None:
        self.side = side
        self.margin_side = margin_side(choice, side)
        """Side of the windows to augment."""
        self.margin = (self.margin_side - side) // 2
        """Margin on each side of the returned window, in pixels, if it is not moved."""
        self.resident: dict[str, Tensor] = {}
        """Parts of every batch that stay on the device."""
        self._choice = choice
        self._colour = colour
        rows = NOISE_STARTS + (side * side)
        self._noise = np.random.default_rng(0).standard_normal((rows, bands), np.float32)
        self._compiled = _compile(self._augment)

    def draw(self, seed: int, windows: int) -> Changes:
        """Draw the changes of a batch."""
        return draw_changes(self._choice, np.random.default_rng(seed), windows, colour=self._colour)

    def __call__(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Augment a batch: its changes, and pixels 0-255 as `images`, label values as `labels`.

        `images (windows, margin side, margin side, bands)` is uint8 or float32, `labels` is uint8 without the last
        axis. With `places (windows, 5)` instead, windows are cut from `atlas (pixels, bands)` and `atlas_labels
        (pixels,)`, as of a `geoseg.training.data.atlas.Atlas`. Returns float32 pixels and uint8 labels of the
        augmenter's side.
        """
        sources = batch | self.resident
        pixels, labels = self._compiled({name: ops.convert_to_tensor(values) for name, values in sources.items()})
        return pixels, labels

    def _augment(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        pixels, labels = self._cut(batch)
        inner = slice(BLUR_REACH, -BLUR_REACH)
        pixels = ops.clip(self._tone(self._mix(pixels, batch), batch), 0, 255)
        pixels = self._add_noise(_blur(pixels, batch["blur"]), batch)
        return ops.clip(pixels, 0, 255), labels[:, inner, inner]

    def _cut(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Cut windows from their sources: pixels interpolated between four, labels of the nearest."""
        size = self.margin_side
        rows, cols = _locate(batch["matrix"], self.side + 2 * BLUR_REACH, (size - 1) / 2)
        above, left = (ops.clip(ops.floor(place), 0, size - 2) for place in (rows, cols))
        across, down = (cols - left)[..., None], (rows - above)[..., None]
        images, values, find = _open_sources(batch, size)

        def corner(row: int, col: int) -> Tensor:
            return ops.cast(ops.take(images, find(above + row, left + col), axis=0), "float32")

        upper = corner(0, 0) * (1 - across) + corner(0, 1) * across
        lower = corner(1, 0) * (1 - across) + corner(1, 1) * across
        nearest = find(*(ops.clip(ops.round(place), 0, size - 1) for place in (rows, cols)))
        return upper * (1 - down) + lower * down, ops.take(values, nearest, axis=0)

    def _mix(self, pixels: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Change saturation and hue."""
        if not self._colour:
            return pixels
        side, others = self.side + 2 * BLUR_REACH, pixels.shape[-1] - 3
        flat = ops.reshape(pixels[..., :3], (-1, side * side, 3))
        mixed = ops.reshape(ops.matmul(flat, batch["colours"]), (-1, side, side, 3))
        return ops.concatenate([mixed, pixels[..., 3:]], axis=-1) if others else mixed

    def _tone(self, pixels: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Change contrast and brightness."""
        contrast, brightness = (batch[name][:, None, None, None] for name in ("contrast", "brightness"))
        mean = ops.mean(pixels, axis=(1, 2), keepdims=True)
        return pixels * contrast + (mean * (1 - contrast) + brightness)

    def _add_noise(self, pixels: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Add noise from the table: unlike random numbers of the backend, it is the same on every device."""
        rows = batch["noise_start"][:, None] + ops.arange(self.side * self.side, dtype="int32")
        noise = ops.reshape(ops.take(self._noise, rows, axis=0), (-1, self.side, self.side, pixels.shape[-1]))
        return pixels + noise * batch["noise"][:, None, None, None]


def _open_sources(batch: dict[str, Tensor], size: int) -> tuple[Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]:
    """Flat pixels and labels, and a function that finds the pixel of a row and column of each window in them.

    They are those of the batch, or of an atlas, in which rows and columns beyond an image are reflected.
    """
    if "places" in batch:
        start, height, width, top, first = (batch["places"][:, number, None, None] for number in range(5))

        def find_in_atlas(rows: Tensor, cols: Tensor) -> Tensor:
            row = _reflect(ops.cast(rows, "int32") + top, height)
            return start + row * width + _reflect(ops.cast(cols, "int32") + first, width)

        return batch["atlas"], batch["atlas_labels"], find_in_atlas
    bands, windows = batch["images"].shape[-1], ops.shape(batch["images"])[0]
    begin = (ops.arange(windows, dtype="int32") * (size * size))[:, None, None]

    def find(rows: Tensor, cols: Tensor) -> Tensor:
        return begin + ops.cast(rows, "int32") * size + ops.cast(cols, "int32")

    return ops.reshape(batch["images"], (-1, bands)), ops.reshape(batch["labels"], (-1,)), find


def _reflect(places: Tensor, size: Tensor) -> Tensor:
    """Mirror places at the borders of `0:size`, as `geoseg.tiling.reflect` does."""
    period = ops.maximum(2 * (size - 1), 1)
    folded = ops.mod(ops.abs(places), period)
    return ops.minimum(folded, period - folded)


def _locate(matrix: Tensor, side: int, centre: float) -> tuple[Tensor, Tensor]:
    """Rows and columns in the source `(windows, side, side)` of each pixel of the windows."""
    steps = ops.arange(side, dtype="float32") - (side - 1) / 2
    rows, cols = (
        matrix[:, axis, 0, None, None] * steps[:, None] + matrix[:, axis, 1, None, None] * steps + centre
        for axis in range(2)
    )
    return rows, cols


def _blur(pixels: Tensor, weights: Tensor) -> Tensor:
    """Blur rows, then columns; the border, which has too few neighbours, is cut off."""
    for axis in (1, 2):
        size = pixels.shape[axis] - 2 * BLUR_REACH

        def shifted(start: int, axis: int = axis, size: int = size, source: Tensor = pixels) -> Tensor:
            return source[(slice(None),) * axis + (slice(start, start + size),)]

        own, near, far = (weights[:, number, None, None, None] for number in range(3))
        pixels = shifted(2) * own + (shifted(1) + shifted(3)) * near + (shifted(0) + shifted(4)) * far
    return pixels


def _compile(function: Any) -> Any:  # noqa: ANN401 - functions of the backend
    """Compile a function of tensors.

    XLA makes one loop of what TensorFlow would compute in forty on a CPU, in a fifth of the time.
    """
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return tf.function(function, jit_compile=True)
        case "jax":
            import jax

            return jax.jit(function)
    return function
