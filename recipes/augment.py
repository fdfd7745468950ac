"""Random crops of labelled images: scale, orientation, colour, sharpness and noise."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from imagery import IGNORED, ROAD, LabelledImage
from PIL import Image, ImageFilter

Crop = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def batches(
    pools: Sequence[Sequence[LabelledImage]], shares: Sequence[float], *, side: int, size: int, seed: int
) -> Iterator[Crop]:
    """Endless batches of `size` crops: images `(size, side, side, 3)` and label values `(size, side, side)`.

    Each crop comes from pool `i` with probability `shares[i]`, and from the images of a pool by their area. Crops that
    are mostly unlabelled are passed over, and two of three of those without a road.
    """
    random = np.random.default_rng(seed)
    areas = [np.array([item.labels.size for item in pool], np.float64) for pool in pools]
    while True:
        images, labels = [], []
        while len(images) < size:
            pool = random.choice(len(pools), p=shares)
            item = pools[pool][random.choice(len(pools[pool]), p=areas[pool] / areas[pool].sum())]
            image, label = _crop(item, side, random)
            has_road = (label == ROAD).mean() > 0.01
            if (label == IGNORED).mean() < 0.5 and (has_road or random.random() < 0.35):
                images.append(_recolour(image, random))
                labels.append(label)
        yield np.stack(images), np.stack(labels)


def _crop(item: LabelledImage, side: int, random: np.random.Generator) -> Crop:
    """A square crop at a random place, scale (0.6–1.6, at most the image) and orientation."""
    height, width = item.labels.shape
    extent = min(round(side * float(np.exp(random.uniform(np.log(0.6), np.log(1.6))))), height, width)
    top, left = random.integers(height - extent + 1), random.integers(width - extent + 1)
    roi = (slice(top, top + extent), slice(left, left + extent))
    image = np.asarray(Image.fromarray(item.image[roi]).resize((side, side), Image.Resampling.BICUBIC))
    label = np.asarray(Image.fromarray(item.labels[roi]).resize((side, side), Image.Resampling.NEAREST))
    turns, flipped = int(random.integers(4)), bool(random.integers(2))
    image, label = np.rot90(image, turns), np.rot90(label, turns)
    return (image[:, ::-1], label[:, ::-1]) if flipped else (image, label)


def _recolour(image: npt.NDArray[np.uint8], random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Another sensor, season and hour: saturation, channel gains, contrast, gamma, sharpness, noise."""
    if random.random() < 0.25:
        blurred = Image.fromarray(np.ascontiguousarray(image)).filter(
            ImageFilter.GaussianBlur(random.uniform(0.3, 1.2))
        )
        image = np.asarray(blurred)
    pixels = image.astype(np.float32) / 255
    grey = pixels.mean(axis=-1, keepdims=True)
    pixels = grey + (pixels - grey) * random.uniform(0.4, 1.4)
    pixels *= random.uniform(0.88, 1.12, 3).astype(np.float32)
    middle = pixels.mean()
    pixels = (pixels - middle) * random.uniform(0.7, 1.35) + middle * random.uniform(0.75, 1.25)
    pixels = np.clip(pixels, 0, 1) ** random.uniform(0.75, 1.33)
    if random.random() < 0.3:
        pixels = pixels + random.normal(0, random.uniform(0.005, 0.03), pixels.shape).astype(np.float32)
    recoloured: npt.NDArray[np.uint8] = (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
    return recoloured
