"""Files that other libraries test their readers with: where they lie, and where they have data."""

import numpy as np
import pytest
import rasterio

import geoseg
from geoseg.models.legend import NODATA
from geoseg.rasters.opening.open import unplaced
from geoseg.rasters.scene import open_scene

MOST_PIXELS = 2_000_000


def mask_of(raster, bands):
    """Where GDAL's alpha, or the mask of any of the bands, says that there is data; not where a value is not finite.

    No file here has bands whose masks differ, but for a nodata value that is a colour in one of them.
    """
    alpha = [number for number, colour in enumerate(raster.colorinterp, 1) if colour.name == "alpha"]
    masks = raster.read(alpha) if alpha else raster.read_masks(bands)
    return masks.any(axis=0) & np.isfinite(raster.read(bands)).all(axis=0)


@pytest.mark.filterwarnings("ignore::geoseg.errors.GeosegWarning")  # of stretches, collars and bands
def test_place_and_validity(real_data, write_bundle, echo, tmp_path):
    """Read at its own GSD, each file's map has its grid and CRS, and is nodata where rasterio says so, only there.

    Pixels in degrees are not square on the ground: these files are resampled, which moves edges.
    """
    model, mapped, shares = write_bundle(tile=512, overlap=128), 0, set()
    for path in sorted((real_data / "geotiffs").rglob("*")):
        try:
            with unplaced():
                steps = open_scene(path).gsd_m
            with rasterio.open(path) as scene:
                bands = (1, 2, 3) if scene.count >= 3 else (1, 1, 1)
                if scene.width * scene.height > MOST_PIXELS:
                    continue
                valid = mask_of(scene, list(bands))
                place = scene.shape, scene.transform, scene.crs
            chosen = {"bands": bands, "gsd_m": max(steps), "match_input": True, "roads": False}
            made = geoseg.predict(path, model=model, folder=tmp_path, load=echo, overwrite=True, **chosen)
        except (geoseg.GeosegError, rasterio.RasterioIOError):
            continue  # each is tested elsewhere to be one sentence
        with rasterio.open(made.outputs.classes) as raster:
            assert (raster.shape, raster.transform, raster.crs) == place, path
            wrong = ((raster.read(1) != NODATA) != valid).mean()
        assert wrong == 0 or (max(steps) > 1.05 * min(steps) and wrong < 0.01), path
        mapped += 1
        shares.add(round(float(valid.mean()), 1))
    assert mapped >= 65
    assert len(shares) >= 5
