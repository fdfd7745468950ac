"""Labelled images of any format, with or without a georeference."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning

from geoseg.training.data.dataset import open_data
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve

UTM = "EPSG:32633"
PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)
LEGEND = {
    "road": "road",
    "classes": [
        {"name": "land", "colour": "#d9c8a0"},
        {"name": "road", "colour": "#4a4a4a"},
        {"name": "water", "colour": "#3b7dd8"},
    ],
}
DRIVERS = {".tif": "GTiff", ".png": "PNG", ".jpg": "JPEG"}


@pytest.fixture
def write_raster(tmp_path):
    """Write pixels `(bands, rows, columns)` in the test's folder; `transform=None` means no georeference."""

    def write(name, pixels, *, transform=PLACE, crs=UTM, palette=None, mask=None, **profile):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        count, height, width = pixels.shape
        shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
        place = {} if transform is None else {"crs": crs, "transform": transform}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with (
                rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
                rasterio.open(path, "w", driver=DRIVERS[path.suffix], **shape, **place, **profile) as dataset,
            ):
                dataset.write(pixels)
                if palette is not None:
                    dataset.write_colormap(1, palette)
                if mask is not None:
                    dataset.write_mask(mask)
        return path

    return write


@pytest.fixture
def coordinates():
    """An image whose bands encode row, column, and a mix of both, `(3, height, width)`."""

    def make(height, width):
        rows, cols = np.mgrid[:height, :width]
        return np.stack([rows % 251, cols % 241, (rows // 251 * 16 + cols // 241) % 256]).astype(np.uint8)

    return make


@pytest.fixture
def open_recipe(tmp_path):
    """Open the data of a recipe with the legend land, road, water; paths are below the test's folder."""

    def open_(*data, legend=LEGEND, card=None, **tables):
        document = {"name": "test", "legend": legend, "card": card or {}, "data": list(data), **tables}
        for entry in document["data"]:
            entry["images"] = str(tmp_path / entry["images"])
            if "labels" in entry:
                entry["labels"] = str(tmp_path / entry["labels"])
        return open_data(resolve(parse_recipe(document, source="test.toml")))

    return open_


@pytest.fixture
def only_pair(open_recipe):
    """The training pair of a recipe with one image."""

    def open_(**entry):
        card = entry.pop("card", None)
        legend = entry.pop("legend", LEGEND)
        data = open_recipe({"name": "set", "split": {"validation": 0.0}, **entry}, card=card, legend=legend)
        (pair,) = data.sides[0].training
        return pair

    return open_


@pytest.fixture
def shipped_recipe():
    """The recipe of the aerial model."""
    return Path(__file__).parents[2] / "recipes" / "aerial.toml"
