"""A network that echoes its input reproduces the scene: no pixel is moved, lost, mixed or invented on the way."""

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio import Affine
from rasterio.enums import Resampling
from standins import InBlocks

import geoseg
from geoseg.models.legend import NODATA


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def echoed(scene, bundle, echo, folder, **choices):
    """Probabilities `(classes, rows, columns)` of an echoed scene, the classes being its bands over and over."""
    choices = {"probabilities": True, "roads": False} | choices
    result = geoseg.predict(scene, model=bundle, load=echo, folder=folder, overwrite=True, **choices)
    return read(result.outputs.probabilities)


# Files and fixtures are written anew by each example, so sharing the folder between examples is safe.
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    overlap=st.floats(0, 0.5),
    window=st.sampled_from(["hann", "linear", "spline", "flat"]),
    batch_size=st.integers(1, 5),
    workers=st.integers(1, 4),
)
def test_identity(
    write_scene, write_bundle, noise, echo, tmp_path, height, width, overlap, window, batch_size, workers
):
    """Any size, overlap, window, batch and block split give the scene back, byte for byte."""
    pixels = noise(height, width)
    found = echoed(
        write_scene(pixels), write_bundle(), echo, tmp_path / "out", overlap=overlap,
        window=window if overlap else None, batch_size=batch_size, executor=InBlocks(workers=workers),
    )  # fmt: skip
    np.testing.assert_array_equal(found, pixels[[0, 1, 2, 0, 1]])


def test_roads_follow_probability(write_scene, write_bundle, echo, tmp_path):
    """A road goes on where another class is likelier, and rasters that are kept beside it do not change a byte."""
    pixels = np.full((3, 120, 300), 10, np.uint8)
    pixels[1] = 11  # no collar, which has the same value in all bands
    pixels[2, 56:64] = 230  # the road's band
    pixels[:, 56:64, 140:170] = np.array([130, 20, 100])[:, None, None]  # a tree hides it
    scene, found = write_scene(pixels), []
    for probabilities in (False, True):
        folder = tmp_path / str(probabilities)
        result = geoseg.predict(scene, model=write_bundle(), load=echo, folder=folder, probabilities=probabilities)
        assert read(result.outputs.classes)[0, 60, 155] != 2
        assert (result.roads.count, round(result.roads.length_km, 1)) == (1, 0.3)
        found.append(result.outputs.roads["geojson"].read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("gsd", [0.7, 1.9, 3.9])
@pytest.mark.parametrize("workers", [1, 3])
def test_resampled_as_one_read(write_scene, write_bundle, noise, echo, tmp_path, gsd, workers):
    """On a coarser or finer grid the network sees whole-scene Lanczos, within rounding of GDAL's, in any split."""
    pixels = noise(150, 170)
    scene = write_scene(pixels, tiled=True, blockxsize=32, blockysize=48)
    executor = InBlocks(workers=workers)
    found = echoed(scene, write_bundle(), echo, tmp_path / "out", gsd_m=gsd, executor=executor)
    with rasterio.open(scene) as source:
        expected = source.read(out_shape=(3, *found.shape[1:]), resampling=Resampling.lanczos)
    difference = np.minimum(found, 254).astype(int) - np.minimum(expected, 254)[[0, 1, 2, 0, 1]]
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 1e-3


def test_bands_in_the_models_order(write_scene, write_bundle, noise, echo, tmp_path):
    """Bands are taken by number where they are named, and by what the file says they show where they are not."""
    pixels = noise(40, 50, bands=4)
    scene = write_scene(pixels, photometric="minisblack")
    named = echoed(scene, write_bundle(), echo, tmp_path / "out", bands=(4, 2, 1))
    np.testing.assert_array_equal(named[:3], pixels[[3, 1, 0]])
    with rasterio.open(scene, "r+") as dataset:
        dataset.colorinterp = [rasterio.enums.ColorInterp[name] for name in ("blue", "green", "red", "undefined")]
    shown = echoed(scene, write_bundle(), echo, tmp_path / "out")
    np.testing.assert_array_equal(shown[:3], pixels[[2, 1, 0]])


def test_scaling_of_the_bundle(write_scene, write_bundle, echo, tmp_path):
    """Values of a data type are brought to 0–255 by the bundle's constants, not by the scene's own range."""
    pixels = np.arange(3 * 20 * 20, dtype=np.uint16).reshape(3, 20, 20)
    bundle = write_bundle(scaling={"uint16": geoseg.models.bundle.Scaling(offset=100, gain=0.1)})
    found = echoed(write_scene(pixels), bundle, echo, tmp_path / "out")
    np.testing.assert_array_equal(found[:3], np.clip(np.rint((pixels - 100.0) * 0.1), 0, 254))


@pytest.mark.parametrize("kind", ["mask", "nodata", "alpha", "nan"])
def test_nodata_stays_nodata(write_scene, write_bundle, noise, echo, tmp_path, kind):
    """Where the scene has no data, by whatever means it says so, all rasters are nodata, and nowhere else."""
    pixels, profile, bundle = noise(100, 90), {}, write_bundle()
    hole = np.zeros((100, 90), bool)
    hole[:70, 20:85] = True  # larger than a tile: some are skipped
    match kind:
        case "mask":
            profile["mask"] = ~hole
        case "nodata":
            pixels[:, hole], pixels[:, ~hole] = 7, np.where(pixels[:, ~hole] == 7, 8, pixels[:, ~hole])
            profile["nodata"] = 7
        case "alpha":
            pixels = np.concatenate([pixels, np.where(hole, 0, 200).astype(np.uint8)[None]])
            profile |= {"photometric": "rgb", "alpha": "yes"}
        case "nan":
            pixels = np.where(hole, np.nan, pixels).astype(np.float32)
            bundle = write_bundle(scaling={"float32": geoseg.models.bundle.Scaling()})
    found = echoed(write_scene(pixels, **profile), bundle, echo, tmp_path / "out", confidence=True)
    np.testing.assert_array_equal(found == NODATA, np.broadcast_to(hole, found.shape))
    for layer in ("classes", "confidence"):
        np.testing.assert_array_equal(read(tmp_path / "out" / f"scene_{layer}.tif")[0] == NODATA, hole)


def test_bands_that_are_not_chosen_say_nothing_of_validity(write_scene, write_bundle, noise, echo, tmp_path):
    """Where all chosen bands are nodata the result is, whatever the others hold."""
    pixels = noise(60, 60, bands=4) // 2 + 1
    pixels[:3, 20:40] = 0
    scene = write_scene(pixels, photometric="minisblack", nodata=0)
    found = echoed(scene, write_bundle(), echo, tmp_path / "out", bands=(1, 2, 3))
    hole = (pixels[:3] == 0).all(axis=0)
    np.testing.assert_array_equal(found == NODATA, np.broadcast_to(hole, found.shape))


def test_classes_and_confidence(write_scene, write_bundle, noise, echo, tmp_path):
    """The class has the highest probability, the lowest id if several share it; the confidence is that probability."""
    pixels = noise(90, 80)
    echoed(write_scene(pixels), write_bundle(), echo, tmp_path / "out", confidence=True)
    np.testing.assert_array_equal(read(tmp_path / "out" / "scene_classes.tif")[0], pixels.argmax(axis=0))
    np.testing.assert_array_equal(read(tmp_path / "out" / "scene_confidence.tif")[0], pixels.max(axis=0))


PLACES = {
    "north-up": ("EPSG:32633", Affine(1, 0, 5e5, 0, -1, 5.4e6)),
    "south-up": ("EPSG:32633", Affine(1, 0, 5e5, 0, 1, 5.4e6)),
    "rotated": ("EPSG:32633", Affine(0.8, 0.6, 5e5, 0.6, -0.8, 5.4e6)),
    "geographic": ("EPSG:4326", Affine(1.5e-5, 0, 13, 0, -9e-6, 52)),
    "web mercator": ("EPSG:3857", Affine(1.9, 0, 1.1e6, 0, -1.9, 8.2e6)),
    "grads": ("EPSG:27572", Affine(1, 0, 600_000, 0, -1, 2_200_000)),
    "feet": ("EPSG:2249", Affine(3.28, 0, 775_000, 0, -3.28, 2_960_000)),
}


@pytest.mark.parametrize("match_input", [False, True])
@pytest.mark.parametrize("gsd", [None, 2.6])
@pytest.mark.parametrize("place", PLACES)
def test_georeference(write_scene, write_bundle, noise, echo, tmp_path, place, gsd, match_input):
    """Class rasters cover the scene's ground exactly, corner by corner, on whichever grid they are."""
    crs, transform = PLACES[place]
    scene = write_scene(noise(130, 110), crs=crs, transform=transform)
    result = geoseg.predict(
        scene, model=write_bundle(), load=echo, folder=tmp_path / "out", gsd_m=gsd, match_input=match_input
    )
    with rasterio.open(result.outputs.classes) as found:
        assert found.crs.to_epsg() == int(crs.split(":")[1])
        if match_input or gsd is None:
            assert found.shape == (130, 110)
            assert found.transform == transform
        else:
            assert found.shape == (round(130 / 2.6), round(110 / 2.6)) or place in ("geographic", "web mercator")
        for corner in [(0, 0), (1, 0), (0, 1), (1, 1)]:
            expected = transform @ (corner[0] * 110, corner[1] * 130)
            position = found.transform @ (corner[0] * found.width, corner[1] * found.height)
            assert position == pytest.approx(expected, rel=1e-12)


def test_match_input_takes_the_pixel_at_the_centre(write_scene, write_bundle, noise, echo, tmp_path):
    """Each pixel of the scene has the class of the grid's pixel that holds its centre: GDAL's nearest, whole-scene."""
    scene = write_scene(noise(100, 120))
    on_grid = geoseg.predict(scene, model=write_bundle(), load=echo, folder=tmp_path / "grid", gsd_m=2.3)
    matched = geoseg.predict(
        scene, model=write_bundle(), load=echo, folder=tmp_path / "own", gsd_m=2.3, match_input=True
    )
    with rasterio.open(on_grid.outputs.classes, OVERVIEW_LEVEL="NONE") as source:
        expected = source.read(out_shape=(1, 100, 120), resampling=Resampling.nearest)
    np.testing.assert_array_equal(read(matched.outputs.classes), expected)
