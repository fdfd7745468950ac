"""The labelled imagery that the aerial model is trained on, as label values of one legend.

Label values 0–4 are the classes of `geoseg.models.legend.AERIAL`; `NOT_ROAD` allows every class but road; `IGNORED` any
class.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geoseg.rendering import render_scene

ROAD = 2
NOT_ROAD = 5
IGNORED = 6
ALLOWED = ((0,), (1,), (2,), (3,), (4,), (0, 1, 3, 4), (0, 1, 2, 3, 4))
"""Class ids that each label value allows: the sets of `geoseg.models.losses.MarginalCrossEntropy`."""

MBRSC_COLOURS = {
    (60, 16, 152): 0,
    (132, 41, 246): 1,
    (110, 193, 228): 2,
    (254, 221, 58): 3,
    (226, 169, 41): 4,
    (155, 155, 155): IGNORED,
    (0, 0, 0): IGNORED,
}
MBRSC_VALIDATION = ("Tile 1", "Tile 3")
"""These two show the same ground, and no other tile does: the split leaks nothing."""
MASSACHUSETTS_VALIDATION_STEP = 5
"""Every fifth Massachusetts tile by name, ten in all, is held out."""


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """One image with its labels."""

    name: str
    image: npt.NDArray[np.uint8]
    """`(height, width, 3)`: red, green, blue."""
    labels: npt.NDArray[np.uint8]
    """`(height, width)`: label values."""


def mbrsc_dubai(folder: Path, *, validation: bool) -> Iterator[LabelledImage]:
    """Tiles of the MBRSC Dubai set (Humans in the Loop, CC0 1.0), about 1 m; the held-out ones or all others."""
    for tile in sorted(folder.glob("Tile *")):
        if (tile.name in MBRSC_VALIDATION) != validation:
            continue
        for path in sorted((tile / "images").glob("*.jpg")):
            image = _read(path)
            colours = _read(tile / "masks" / f"{path.stem}.png")
            yield LabelledImage(name=f"{tile.name} {path.stem}", image=image, labels=_labels_of_colours(colours))


def massachusetts_roads(folder: Path, *, validation: bool) -> Iterator[LabelledImage]:
    """Tiles of Massachusetts Roads (Mnih, 2013; imagery MassGIS, labels OpenStreetMap), 1 m; held out or all others."""
    labels_of = np.full(256, IGNORED, np.uint8)
    labels_of[:2] = NOT_ROAD, ROAD
    paths = sorted((folder / "images").glob("*.tif"))
    held_out = set(paths[: MASSACHUSETTS_VALIDATION_STEP * 10 : MASSACHUSETTS_VALIDATION_STEP])
    for path in paths:
        if (path in held_out) == validation:
            labels = labels_of[_read(folder / "labels" / path.name)[..., 0]]
            image = _read(path)
            with rasterio.open(path) as source:
                masked = source.dataset_mask() == 0
            labels[masked], image[masked] = IGNORED, 0  # as `geoseg predict` gives masked pixels to the network
            yield LabelledImage(name=path.stem, image=image, labels=labels)


def rendered(seeds: range, *, side: int = 640) -> Iterator[LabelledImage]:
    """Procedural scenes of geoseg's own renderer, `side` pixels square at 1 m."""
    for seed in seeds:
        scene = render_scene(seed, (side, side))
        yield LabelledImage(name=f"rendered {seed}", image=scene.image[..., :3], labels=scene.classes)


def _read(path: Path) -> npt.NDArray[np.uint8]:
    """Pixels `(height, width, bands)`; a palette is expanded to red, green, blue."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as source:
            pixels: npt.NDArray[np.uint8] = np.moveaxis(source.read(), 0, -1)
            if source.colorinterp[0] == rasterio.enums.ColorInterp.palette:
                table = np.zeros((256, 3), np.uint8)
                for value, colour in source.colormap(1).items():
                    table[value] = colour[:3]
                pixels = table[pixels[..., 0]]
    return pixels[..., :3]


def _labels_of_colours(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    packed = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    labels = np.full(packed.shape, 255, np.uint8)
    for (red, green, blue), value in MBRSC_COLOURS.items():
        labels[packed == (red << 16 | green << 8 | blue)] = value
    if (labels == 255).any():
        raise ValueError(f"{int((labels == 255).sum())} pixels have a colour that the MBRSC legend does not list.")
    return labels
