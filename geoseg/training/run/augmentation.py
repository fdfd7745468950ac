"""Augment training windows with Keras layers that transform image and labels together."""

import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from geoseg.training.recipe.recipe import Augmentation

Images = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]

UNIT = (0.0, 1.0)
"""Range of pixel values between the layers: Keras's `RandomSaturation` is correct in no other."""


def margin_side(choice: Augmentation, side: int) -> int:
    """Side in pixels of the source square that a window of `side` may need for rotation and zoom."""
    angle = math.radians(min(choice.rotation, 45))
    return math.ceil(side * (1 + choice.zoom) * (math.cos(angle) + math.sin(angle)))


class BatchSeed(keras.random.SeedGenerator):  # type: ignore[misc]  # Keras is not typed
    """Seeds derived from a number set for each batch; Keras's depend on the number of earlier draws."""

    def __init__(self) -> None:
        super().__init__(seed=0, name="batch_seed")
        self._batch_seed: Any = None
        self._draws = 0

    def set(self, seed: Any) -> None:  # noqa: ANN401 - a tensor
        """Set the seed of a batch, an int32 scalar."""
        self._batch_seed, self._draws = seed, 0

    def next(self, ordered: bool = True) -> Any:  # noqa: ANN401 - a tensor
        """Draw the next seed `(2,)` of the batch."""
        import tensorflow as tf

        self._draws += 1
        return tf.stack([self._batch_seed, tf.constant(self._draws, tf.int32)])


class Augmenter:
    """Augments batches at random, depending only on batch and seed; thread-safe.

    TensorFlow runs the layers on the CPU with every backend, so that the network does not wait for them. `colour` means
    that the first three bands are red, green and blue, so that saturation and hue can be changed.
    """

    def __init__(self, choice: Augmentation, *, side: int, ignored: int, colour: bool) -> None:
        import tensorflow as tf

        if keras.backend.backend() != "tensorflow":
            tf.config.set_visible_devices([], "GPU")  # GPUs belong to the backend that trains
        self._choice = choice
        self._ignored = ignored
        self._seed = BatchSeed()
        self._geometric_layers = self._use_seed(_build_geometric_layers(choice, side))
        self._colour_layers = self._use_seed(_build_colour_layers(choice) if colour else [])
        self._tone_layers = self._use_seed(_build_tone_layers(choice))
        self._run_layers_compiled = tf.function(self._run_layers, reduce_retracing=True)

    def __call__(self, images: Images, labels: Labels, seed: int) -> tuple[npt.NDArray[np.float32], Labels]:
        """Augment pixels 0–255 `(windows, margin side, margin side, bands)` and label values without the last axis.

        Results have the augmenter's side in place of the margin side. The seed is 0 to 2**31 - 1.
        """
        import tensorflow as tf

        images, labels = self._flip_and_rotate(images, labels, np.random.default_rng(seed))
        with tf.device("CPU"):
            pixels, values = self._run_layers_compiled(images, labels, tf.constant(seed, tf.int32))
        return pixels.numpy(), values.numpy()

    def _flip_and_rotate(self, images: Images, labels: Labels, random: np.random.Generator) -> tuple[Images, Labels]:
        """Flip and rotate each window as a view; Keras would compute and choose from all results, or interpolate."""
        oriented: tuple[Images, Labels] = np.empty_like(images), np.empty_like(labels)
        for number in range(len(images)):
            down, across = random.integers(2, size=2) * self._choice.flips
            quarters = int(random.integers(4)) * self._choice.right_angles
            for source, target in zip((images, labels), oriented, strict=True):
                flipped = source[number, :: -1 if down else 1, :: -1 if across else 1]
                target[number] = np.rot90(flipped, quarters)
        return oriented

    def _use_seed(self, layers: list[keras.layers.Layer]) -> list[keras.layers.Layer]:
        for layer in layers:
            layer._get_seed_generator = lambda _backend=None: self._seed
        return layers

    def _run_layers(self, images: Any, labels: Any, seed: Any) -> tuple[Any, Any]:  # noqa: ANN401 - tensors
        import tensorflow as tf

        self._seed.set(seed)
        # Layers fill uncovered pixels of images and masks with 0, so 0 has to mean ignored.
        masks = self._ignored - tf.cast(labels, tf.float32)[..., None]
        windows = {"images": tf.cast(images, tf.float32) / 255, "segmentation_masks": masks}
        for layer in self._geometric_layers:
            windows = layer(windows)
        pixels = windows["images"]
        if self._colour_layers:
            colours = pixels[..., :3]
            for layer in self._colour_layers:
                colours = layer(colours)
            pixels = tf.concat([colours, pixels[..., 3:]], axis=-1)
        for layer in self._tone_layers:
            pixels = layer(pixels)
        if self._choice.noise:
            pixels = self._add_noise(pixels)
        return pixels * 255, tf.cast(self._ignored - windows["segmentation_masks"][..., 0], tf.uint8)

    def _add_noise(self, pixels: Any) -> Any:  # noqa: ANN401 - a tensor
        """Add normal noise of a random strength per image; Keras's `GaussianNoise` has one strength for all."""
        import tensorflow as tf

        strengths = tf.random.stateless_uniform([tf.shape(pixels)[0], 1, 1, 1], self._seed.next())
        noise = tf.random.stateless_normal(tf.shape(pixels), self._seed.next())
        return tf.clip_by_value(pixels + noise * strengths * self._choice.noise, *UNIT)


def _build_geometric_layers(choice: Augmentation, side: int) -> list[keras.layers.Layer]:
    """Build the layers for images and labels."""
    layers = []
    if choice.zoom:
        layers.append(keras.layers.RandomZoom(choice.zoom, fill_mode="constant"))
    if choice.rotation:
        layers.append(keras.layers.RandomRotation(choice.rotation / 360, fill_mode="constant"))
    if margin_side(choice, side) > side:
        layers.append(keras.layers.CenterCrop(side, side))
    return layers


def _build_colour_layers(choice: Augmentation) -> list[keras.layers.Layer]:
    """Build the layers for red, green and blue."""
    layers = []
    if choice.saturation:
        # Saturation is multiplied by f / (1 - f).
        factors = [gain / (1 + gain) for gain in (1 - choice.saturation, 1 + choice.saturation)]
        layers.append(keras.layers.RandomSaturation(factors, value_range=UNIT))
    if choice.hue:
        layers.append(keras.layers.RandomHue(choice.hue, value_range=UNIT))
    return layers


def _build_tone_layers(choice: Augmentation) -> list[keras.layers.Layer]:
    """Build the layers for all bands."""
    layers = []
    if choice.brightness:
        layers.append(keras.layers.RandomBrightness(choice.brightness, value_range=UNIT))
    if choice.contrast:
        # With a single number Keras would only increase the contrast.
        layers.append(keras.layers.RandomContrast((choice.contrast, choice.contrast), value_range=UNIT))
    if choice.blur:
        layers.append(keras.layers.RandomGaussianBlur(kernel_size=5, sigma=(0.0, choice.blur), value_range=UNIT))
    return layers
