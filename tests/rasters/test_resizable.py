"""Labels that are about to be resized as imagery are reported."""

import warnings

import numpy as np
import pytest
import rasterio
from resizing import UTM, photo
from standins import name_ids, warned

from geoseg.errors import GeosegWarning
from geoseg.rasters.resize import resize


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize("bands", [1, 3])
def test_labels_as_imagery(make_raster, tmp_path, bands, dtype):
    """Ids or colours of few classes, resized as imagery, would become others, which is reported."""
    values = np.repeat(np.repeat(np.arange(5).reshape(1, 1, 5), 40, axis=1), 8, axis=2).repeat(bands, axis=0) * 10
    scene, kind = make_raster(values.astype(dtype), **UTM), "values" if bands == 1 else "colours"
    with warned(rf"scene\.tif has 5 different {kind} only; if they are labels, set `labels=True`"):
        resize(scene, tmp_path / "imagery.tif", scale=0.7)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        resize(scene, tmp_path / "labels.tif", scale=0.7, labels=True)
    with rasterio.open(tmp_path / "imagery.tif") as imagery, rasterio.open(tmp_path / "labels.tif") as labels:
        assert not set(np.unique(imagery.read())) <= set(np.unique(values))
        assert set(np.unique(labels.read())) == set(np.unique(values))


def test_many_classes_with_names(make_raster, tmp_path):
    """More classes are reported if they have names."""
    scene = make_raster(photo(1, 40, 40), **UTM)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        resize(scene, tmp_path / "out.tif", scale=0.5)
    name_ids(scene, {1: "land", 2: "water"})
    with warned(r"scene\.tif names classes; if they are labels, set `labels=True`"):
        resize(scene, tmp_path / "out.tif", scale=0.5, overwrite=True)


def test_labels_compressed_with_loss(make_raster, tmp_path):
    """Ids that JPEG has changed are reported."""
    scene = make_raster(photo(1, 40, 40), **UTM, compress="jpeg")
    with warned(r"the class ids of .*scene\.tif are compressed with loss, so that some pixels"):
        resize(scene, tmp_path / "out.tif", scale=0.5, labels=True)
