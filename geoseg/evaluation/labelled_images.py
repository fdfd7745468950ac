"""Pair images with label rasters, and check that each pair can be compared."""

from collections.abc import Sequence
from pathlib import Path

from geoseg.datasets.listing import RASTERS
from geoseg.datasets.pairs import Files, find_pairs
from geoseg.errors import SceneError, UsageError
from geoseg.rasters.georeference import lacks_georeference
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.scene import is_placed, refuse_one_unrectified


def find_raster_pairs(images: str | Path, labels: str | Path) -> list[Files]:
    """Pair images with label rasters; DataError if they do not match, UsageError if a label is not a raster."""
    files = find_pairs(str(images), str(labels))
    for entry in files:
        if entry.label.suffix.lower() not in RASTERS:
            raise UsageError(f"{entry.label} is not a raster; rasterise vector labels first.")
    return files


def check_image_gsd(files: Sequence[Files], image_gsd_m: float | None) -> None:
    """Raise UsageError for metres per pixel of images that all have a georeference; SceneError for one unreadable."""
    if image_gsd_m is None:
        return
    for entry in files:
        with unplaced(), opened(str(entry.image), overviews=True) as image:
            if lacks_georeference(image):
                return
    others = " and each other" * (len(files) > 1)
    raise UsageError(
        f"`image_gsd_m` is for images without a georeference, and {files[0].image}{others} has one; leave it "
        "out, or correct the georeference if that is wrong (`gdal_edit.py -a_ullr …`)."
    )


def on_own_pixels(entry: Files) -> bool:
    """Whether to compare on the image's own pixels; SceneError if image and label do not match."""
    with (
        unplaced(),
        opened(str(entry.image), overviews=True) as image,
        opened(str(entry.label), overviews=True) as label,
    ):
        label_placed = is_placed(label)
        if not label_placed and image.shape != label.shape:
            raise SceneError(
                f"{entry.label} has {label.width} × {label.height} pixels and {entry.image} {image.width} × "
                f"{image.height}; without a georeference they must have the same size."
            )
        if label_placed and lacks_georeference(image):
            raise SceneError(f"{entry.image} has no georeference, but its label has; give both one, or neither.")
        refuse_one_unrectified(image, label)
    return not label_placed
