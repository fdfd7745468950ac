"""Augment training windows with Keras layers that transform image and labels together."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from geoseg.training.recipe.recipe import Augmentation

Images = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]
Pixel = np.uint8 | np.float32

UNIT = (0.0, 1.0)
"""Range of pixel values between the layers: Keras's `RandomSaturation` is correct in no other."""


def margin_side(choice: Augmentation, side: int) -> int:
    """Side in pixels of the square of ground that a window of `side` may cover after rotation and zoom."""
    angle = math.radians(min(choice.rotation, 45))
    return math.ceil(side * (1 + choice.zoom) * (math.cos(angle) + math.sin(angle)))


class GivenSeed(keras.random.SeedGenerator):  # type: ignore[misc]  # Keras is not typed
    """Seeds derived from a number given with each batch; Keras's depend on how many were drawn before."""

    def __init__(self) -> None:
        super().__init__(seed=0, name="given_seed")
        self._given: Any = None
        self._draws = 0

    def give(self, seed: Any) -> None:  # noqa: ANN401 - a tensor
        """Start a batch whose seed is the int32 scalar `seed`."""
        self._given, self._draws = seed, 0

    def next(self, ordered: bool = True) -> Any:  # noqa: ANN401 - a tensor
        """Draw the next seed `(2,)` of the batch."""
        import tensorflow as tf

        self._draws += 1
        return tf.stack([self._given, tf.constant(self._draws, tf.int32)])


class Augmenter:
    """Changes batches at random; the result depends on batch and seed alone, not on the order of calls.

    TensorFlow runs the layers on the CPU, whichever backend trains, so that the network does not wait for them. Several
    threads may call at once.

    Parameters
    ----------
    choice
        Changes and their strengths.
    side
        Side of the augmented windows, in pixels.
    ignored
        Label value of pixels outside the image.
    colour
        Whether the first three bands are red, green and blue, so that saturation and hue can be changed.
    """

    def __init__(self, choice: Augmentation, *, side: int, ignored: int, colour: bool) -> None:
        import tensorflow as tf

        if keras.backend.backend() != "tensorflow":
            tf.config.set_visible_devices([], "GPU")  # they belong to the backend that trains
        self._choice = choice
        self._ignored = ignored
        self._seed = GivenSeed()
        self._moves = self._seeded(_moves(choice, side))
        self._colours = self._seeded(_colours(choice) if colour else [])
        self._shades = self._seeded(_shades(choice))
        self._change = tf.function(self._changed, reduce_retracing=True)

    def __call__(self, images: Images, labels: Labels, seed: int) -> tuple[npt.NDArray[np.float32], Labels]:
        """Change a batch.

        Parameters
        ----------
        images
            Pixel values 0–255 `(windows, margin side, margin side, bands)`.
        labels
            Label values `(windows, margin side, margin side)`.
        seed
            0 to 2**31 - 1.

        Returns
        -------
        images
            `(windows, side, side, bands)`, 0–255.
        labels
            `(windows, side, side)`.
        """
        import tensorflow as tf

        images, labels = self._oriented(images, labels, np.random.default_rng(seed))
        with tf.device("CPU"):
            changed, moved = self._change(images, labels, tf.constant(seed, tf.int32))
        return changed.numpy(), moved.numpy()

    def _oriented(self, images: Images, labels: Labels, random: np.random.Generator) -> tuple[Images, Labels]:
        """Flip and rotate each window as a view; Keras would compute both results and pick, or interpolate."""
        oriented: tuple[Images, Labels] = np.empty_like(images), np.empty_like(labels)
        for number in range(len(images)):
            down, across = random.integers(2, size=2) * self._choice.flips
            quarters = int(random.integers(4)) * self._choice.right_angles
            for source, target in zip((images, labels), oriented, strict=True):
                flipped = source[number, :: -1 if down else 1, :: -1 if across else 1]
                target[number] = np.rot90(flipped, quarters)
        return oriented

    def _seeded(self, layers: Sequence[keras.layers.Layer]) -> list[keras.layers.Layer]:
        for layer in layers:
            layer._get_seed_generator = lambda _backend=None: self._seed
        return list(layers)

    def _changed(self, images: Any, labels: Any, seed: Any) -> tuple[Any, Any]:  # noqa: ANN401 - tensors
        import tensorflow as tf

        self._seed.give(seed)
        # Layers fill uncovered pixels with 0, in images and masks, so 0 has to mean ignored.
        masks = self._ignored - tf.cast(labels, tf.float32)[..., None]
        moved = {"images": tf.cast(images, tf.float32) / 255, "segmentation_masks": masks}
        for layer in self._moves:
            moved = layer(moved)
        pixels = moved["images"]
        if self._colours:
            colours = pixels[..., :3]
            for layer in self._colours:
                colours = layer(colours)
            pixels = tf.concat([colours, pixels[..., 3:]], axis=-1)
        for layer in self._shades:
            pixels = layer(pixels)
        if self._choice.noise:
            pixels = self._noisy(pixels)
        return pixels * 255, tf.cast(self._ignored - moved["segmentation_masks"][..., 0], tf.uint8)

    def _noisy(self, pixels: Any) -> Any:  # noqa: ANN401 - a tensor
        """Add normal noise of a random strength per image; Keras's `GaussianNoise` has one strength for all."""
        import tensorflow as tf

        strengths = tf.random.stateless_uniform([tf.shape(pixels)[0], 1, 1, 1], self._seed.next())
        drawn = tf.random.stateless_normal(tf.shape(pixels), self._seed.next())
        return tf.clip_by_value(pixels + drawn * strengths * self._choice.noise, *UNIT)


def _moves(choice: Augmentation, side: int) -> list[keras.layers.Layer]:
    """Layers for images and labels."""
    layers = []
    if choice.zoom:
        layers.append(keras.layers.RandomZoom(choice.zoom, fill_mode="constant"))
    if choice.rotation:
        layers.append(keras.layers.RandomRotation(choice.rotation / 360, fill_mode="constant"))
    if margin_side(choice, side) > side:
        layers.append(keras.layers.CenterCrop(side, side))
    return layers


def _colours(choice: Augmentation) -> list[keras.layers.Layer]:
    """Layers for red, green and blue."""
    layers = []
    if choice.saturation:
        # Saturation is multiplied by f / (1 - f).
        factors = [gain / (1 + gain) for gain in (1 - choice.saturation, 1 + choice.saturation)]
        layers.append(keras.layers.RandomSaturation(factors, value_range=UNIT))
    if choice.hue:
        layers.append(keras.layers.RandomHue(choice.hue, value_range=UNIT))
    return layers


def _shades(choice: Augmentation) -> list[keras.layers.Layer]:
    """Layers for all bands."""
    layers = []
    if choice.brightness:
        layers.append(keras.layers.RandomBrightness(choice.brightness, value_range=UNIT))
    if choice.contrast:
        # With a single number Keras would only raise the contrast.
        layers.append(keras.layers.RandomContrast((choice.contrast, choice.contrast), value_range=UNIT))
    if choice.blur:
        layers.append(keras.layers.RandomGaussianBlur(kernel_size=5, sigma=(0.0, choice.blur), value_range=UNIT))
    return layers
