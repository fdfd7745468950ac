"""Predictions and references are read in strips and overlaid pixel by pixel."""

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from geoseg.errors import SceneError
from geoseg.evaluation import class_ids
from geoseg.evaluation.class_mapping import map_classes
from geoseg.evaluation.pairing import pair_rasters
from geoseg.evaluation.raster_pair import open_pair
from geoseg.evaluation.strips import STRIP_PIXELS, haloed, strips
from geoseg.models.legend import AERIAL
from geoseg.rasters.opening.open import unplaced
from geoseg.rasters.resampling import Resampler

PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)


def read(predicted, truth, *, legend=AERIAL, halo=0, pixels=STRIP_PIXELS, **asked):
    """Return predicted and reference ids of a pair, from the cores of all strips, and the notes."""
    (pair,), _ = pair_rasters(predicted, truth)
    with unplaced(), open_pair(pair, map_classes(legend, **asked)) as rasters:
        parts = [
            (strip.predicted[strip.core], strip.reference[strip.core]) for strip in strips(rasters, halo, pixels=pixels)
        ]
        return *(np.concatenate(side) for side in zip(*parts, strict=True)), rasters.notes


@given(heights=st.lists(st.integers(1, 9), min_size=1, max_size=12), halo=st.integers(0, 12))
def test_halo(heights, halo):
    """Each row is in one core, in order, with `halo` rows above and below within the image."""
    height = sum(heights)
    rows = np.arange(height)[None, :, None]
    pieces = np.split(rows, np.cumsum(heights)[:-1], axis=1)
    done = 0
    for layers, core in haloed(iter(pieces), halo):
        found = layers[0, :, 0]
        assert found[core][0] == done
        done += len(found[core])
        assert found[0] == max(found[core][0] - halo, 0)
        assert found[-1] >= min(found[core][-1] + halo, height - 1)
        np.testing.assert_array_equal(np.diff(found), 1)
    assert done == height


@pytest.mark.parametrize("pixels", [1, 300, 10_000])
def test_strips_join(write_ids, blobs, pixels):
    """Strips of any size join to the whole rasters."""
    predicted, truth = blobs(70, 30), blobs(70, 30, seed=1)
    ours = write_ids(predicted, "a.tif", tiled=True, blockxsize=16, blockysize=16)
    found, true, notes = read(ours, write_ids(truth, "b.tif"), halo=4, pixels=pixels)
    np.testing.assert_array_equal(found, predicted)
    np.testing.assert_array_equal(true, truth)
    assert not notes


def test_strips_do_not_grow(write_ids):
    """The size of a strip does not depend on the raster's height."""
    tallest = []
    for height in (200, 2000):
        ids = np.zeros((height, 32), np.uint8)
        pair = pair_rasters(write_ids(ids, "a.tif"), write_ids(ids, "b.tif"))[0][0]
        with open_pair(pair, map_classes(None)) as rasters:
            tallest.append(max(len(strip.predicted) for strip in strips(rasters, 4, pixels=640)))
    assert tallest[0] == tallest[1] <= 640 // 32 + 2 * 4


@pytest.mark.parametrize("finer", [(3, 3), (2, 2), (1.7, 2.3), (0.5, 0.4)])
def test_truth_of_another_resolution(write_ids, blobs, finer):
    """Over the same ground, the reference is sampled as geoseg resamples labels, in any strips."""
    truth = blobs(round(60 * finer[0]), round(50 * finer[1]))
    place = PLACE @ Affine.scale(50 / truth.shape[1], 60 / truth.shape[0])
    ours, theirs = write_ids(blobs(60, 50), "a.tif"), write_ids(truth, "b.tif", transform=place)
    _, true, notes = read(ours, theirs, pixels=500)
    expected = Resampler(source_shape=truth.shape, target_shape=(60, 50)).nearest(truth, (slice(0, 60), slice(0, 50)))
    np.testing.assert_array_equal(true, expected)
    assert "nearest pixel" in notes[0]


@pytest.mark.parametrize(
    ("crs", "place"),
    [
        ("EPSG:32633", PLACE @ Affine.translation(-7.3, 4.6) @ Affine.scale(0.7, 1.3)),
        ("EPSG:32633", PLACE @ Affine.translation(20, -10) @ Affine.rotation(31) @ Affine.scale(0.9)),
        ("EPSG:32633", PLACE @ Affine.translation(0, 60) @ Affine.scale(1, -1)),
        ("EPSG:32632", Affine(1.1, 0, 940_900, 0, -0.8, 5_412_000)),
    ],
)
def test_truth_on_another_grid(write_ids, blobs, crs, place):
    """Shifted, rotated, south-up or in another CRS, it is sampled at pixel centres, as in GDAL's exact warp."""
    truth = blobs(80, 90)
    if crs == "EPSG:32632":
        (x,), (y,) = rasterio.warp.transform("EPSG:32633", crs, [500_000], [5_400_000])
        place = Affine(1.1, 0, x - 5.2, 0, -0.8, y + 9.1)
    ours, theirs = write_ids(blobs(60, 50), "a.tif"), write_ids(truth, "b.tif", crs=crs, transform=place)
    _, true, _ = read(ours, theirs, pixels=400)
    expected = np.full((60, 50), 255, np.uint8)
    reproject(
        truth, expected, src_crs=crs, src_transform=place, dst_crs="EPSG:32633", dst_transform=PLACE,
        src_nodata=255, dst_nodata=255, resampling=Resampling.nearest, tolerance=0,
    )  # fmt: skip
    assert (expected != 255).any()
    np.testing.assert_array_equal(true, expected)


def test_truth_beyond_the_prediction(write_ids, blobs):
    """Of a turned reference, no value beside the prediction is judged; one below it is."""
    place = PLACE @ Affine.translation(10, -60) @ Affine.rotation(45)
    truth = np.full((150, 150), 99, np.uint8)
    ours = write_ids(blobs(60, 50), "a.tif")
    rows, cols = np.mgrid[:60, :50] + 0.5
    col, row = ~place @ PLACE @ (cols, rows)
    truth[np.floor(row).astype(int), np.floor(col).astype(int)] = blobs(60, 50)
    _, true, _ = read(ours, write_ids(truth, "b.tif", transform=place))
    assert (true == blobs(60, 50)).mean() > 0.9
    truth[truth == 1] = 99
    with pytest.raises(SceneError, match=r"c\.tif has \d+ pixels of value 99"):
        read(ours, write_ids(truth, "c.tif", transform=place))


def test_a_crs_without_metres(write_ids, blobs):
    """Grids in a local CRS are overlaid without pixel sizes on the ground."""
    local = 'LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    ours, theirs = (
        write_ids(blobs(20, 30), name, crs=local, transform=Affine.translation(shift, 0) @ PLACE)
        for name, shift in (("a.tif", 0), ("b.tif", 3))
    )
    _, true, notes = read(ours, theirs)
    np.testing.assert_array_equal(true[:, 3:], blobs(20, 30)[:, :-3])
    assert notes == ("the reference (site) was sampled on the prediction's grid (site), nearest pixel.",)


@pytest.mark.parametrize("block", [16, 64])
def test_wide_rasters_are_decoded_in_parts(write_ids, blobs, monkeypatch, block):
    """A few columns of tiles at a time give what the whole rows do."""
    monkeypatch.setattr(class_ids, "PART_PIXELS", 1000)
    truth = blobs(70, 300, seed=1)
    tiled = {"tiled": True, "blockxsize": block, "blockysize": block}
    found, true, _ = read(write_ids(blobs(70, 300), "a.tif", **tiled), write_ids(truth, "b.tif", **tiled))
    np.testing.assert_array_equal(found, blobs(70, 300))
    np.testing.assert_array_equal(true, truth)


def test_without_georeference(write_ids, blobs):
    """Rasters without a georeference are compared pixel by pixel, and refused if their sizes differ."""
    placed, bare = write_ids(blobs(20, 30), "a.tif"), write_ids(blobs(20, 30, seed=1), "b.tif", crs=None)
    _, true, notes = read(placed, bare)
    np.testing.assert_array_equal(true, blobs(20, 30, seed=1))
    assert notes == ("the reference has no georeference; compared pixel by pixel.",)
    for shift, text in ((0, "has no CRS;"), (5000, "has no CRS, and their geotransforms differ;")):
        half = write_ids(blobs(20, 30), "d.tif", crs=None)
        with unplaced(), rasterio.open(half, "r+") as dataset:
            dataset.transform = Affine.translation(shift, 0) @ PLACE
        assert read(placed, half)[2] == (f"the reference {text} compared pixel by pixel.",)
        assert read(half, placed)[2] == (f"the prediction {text} compared pixel by pixel.",)
    with pytest.raises(SceneError, match=r"30 × 21 pixels .* 30 × 20; without a georeference"):
        read(placed, write_ids(blobs(21, 30), "c.tif", crs=None))


@pytest.mark.parametrize(
    ("place", "differs"),
    [
        (PLACE, False),
        (Affine.translation(0.5, 0.5) @ PLACE, False),
        (Affine.translation(30, 0) @ PLACE, True),
        (Affine(1, 0, 500_000, 0, 1, 5_399_980), True),
        (Affine(1, 1, 500_000, 1, 1, 5_400_000), False),
    ],
    ids=["same", "half a pixel", "beside", "south-up", "a line"],
)
def test_places_without_a_crs(tmp_path, blobs, place, differs):
    """Geotransforms without a CRS, as of world files, are not used, and a note says if they differ."""
    for name, transform in (("a.tif", PLACE), ("b.tif", place)):
        shape = {"count": 1, "height": 20, "width": 30, "dtype": "uint8"}
        with rasterio.open(tmp_path / name, "w", driver="GTiff", transform=transform, **shape) as dataset:
            dataset.write(blobs(20, 30), 1)
    _, true, notes = read(tmp_path / "a.tif", tmp_path / "b.tif")
    np.testing.assert_array_equal(true, blobs(20, 30))
    assert notes == ("the two have no CRS, and their geotransforms differ; compared pixel by pixel.",) * differs


def test_masked_and_nodata_pixels(write_ids, blobs):
    """Nodata of either side, whatever its value, and masked reference pixels have no class."""
    predicted, truth = blobs(20, 30), blobs(20, 30, seed=1)
    theirs = write_ids(truth, "b.tif", nodata=0)
    found, true, _ = read(write_ids(predicted, "a.tif", nodata=3), theirs)
    np.testing.assert_array_equal(found, np.where(predicted == 3, 255, predicted))
    np.testing.assert_array_equal(true, np.where(truth == 0, 255, truth))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(write_ids(truth, "c.tif"), "r+") as dataset:
        dataset.write_mask(truth != 2)
    _, true, _ = read(write_ids(predicted, "a.tif"), theirs.with_name("c.tif"))
    np.testing.assert_array_equal(true, np.where(truth == 2, 255, truth))


def test_unknown_values_are_named(write_ids, blobs):
    """An unknown reference value is an error with its pixel count, unless ignored."""
    truth = blobs(20, 30, seed=1).astype(np.uint16)
    truth[3, :7] = 999
    ours, theirs = write_ids(blobs(20, 30), "a.tif"), write_ids(truth, "b.tif")
    with pytest.raises(SceneError, match=r"b\.tif has 7 pixels of value 999, which is not in the legend"):
        read(ours, theirs)
    _, true, _ = read(ours, theirs, ignore=["999"])
    np.testing.assert_array_equal(true, np.where(truth == 999, 255, truth))


@pytest.mark.parametrize(
    ("bands", "dtype", "message"),
    [
        (3, "uint8", r"3 bands of uint8; class ids need one .*`coding`"),
        (1, "float32", "1 band of float32"),
        (2, "uint8", "2 bands"),
    ],
)
def test_not_class_rasters(write_ids, blobs, bands, dtype, message):
    """Images and continuous rasters are refused."""
    image = np.stack([blobs(20, 20)] * bands).astype(dtype)
    with pytest.raises(SceneError, match=message):
        read(write_ids(blobs(20, 20), "a.tif"), write_ids(image, "b.tif"))


def test_probabilities_of_another_prediction(write_ids, blobs):
    """Probabilities that do not fit the classes next to them are refused."""
    ours = write_ids(blobs(20, 20), "a_classes.tif")
    write_ids(np.zeros((4, 20, 20), np.uint8), "a_probabilities.tif", levels=True)
    with pytest.raises(
        SceneError, match=r"a_probabilities\.tif has 4 bands of 20 × 20 pixels, where a_classes\.tif needs 5"
    ):
        read(ours, write_ids(blobs(20, 20), "b.tif"))
    write_ids(np.zeros((5, 20, 20), np.uint8), "a_probabilities.tif")
    with pytest.raises(SceneError, match="holds uint8 with scale 1; probabilities are uint8 with scale 1/254"):
        read(ours, write_ids(blobs(20, 20), "b.tif"))


def test_real_probabilities(write_ids, blobs):
    """Probabilities are geoseg's integers or floats; both are read as levels."""
    levels = np.random.default_rng(0).integers(0, 255, (5, 20, 20), dtype=np.uint8)
    ours, theirs = write_ids(blobs(20, 20), "a_classes.tif"), write_ids(blobs(20, 20), "b.tif")
    found = []
    for values in (levels, (levels / 254).astype(np.float32)):
        write_ids(values, "a_probabilities.tif", levels=values is levels)
        (pair,), _ = pair_rasters(ours, theirs)
        with open_pair(pair, map_classes(AERIAL)) as rasters:
            found.append(next(strips(rasters, 0)).probabilities)
    np.testing.assert_array_equal(found[0], levels)
    np.testing.assert_array_equal(found[1], levels)


@pytest.mark.parametrize("beyond", [1 + 1e-6, -1e-6, 1.0005])
def test_probabilities_are_rounded(write_ids, blobs, beyond):
    """Sums of rounded floats are a hair above 1 or below 0; nodata and NaN are no probabilities."""
    values = np.full((5, 20, 20), beyond, np.float32)
    values[:, 0], values[:, 1] = -9999, np.nan
    ours, theirs = write_ids(blobs(20, 20), "a_classes.tif"), write_ids(blobs(20, 20), "b.tif")
    write_ids(values, "a_probabilities.tif", nodata=-9999)
    (pair,), _ = pair_rasters(ours, theirs)
    with open_pair(pair, map_classes(AERIAL)) as rasters:
        found = next(strips(rasters, 0)).probabilities
    assert (found[:, :2] == 255).all()
    assert (found[:, 2:] == (254 if beyond > 0.5 else 0)).all()


@pytest.mark.parametrize("value", [87.5, -1, 1.01, np.inf])
def test_no_probabilities(write_ids, blobs, value):
    """Percentages, and a value for no data that is not declared, are refused."""
    values = np.full((5, 20, 20), 0.5, np.float32)
    values[2, 3, 4] = value
    ours, theirs = write_ids(blobs(20, 20), "a_classes.tif"), write_ids(blobs(20, 20), "b.tif")
    write_ids(values, "a_probabilities.tif")
    with pytest.raises(
        SceneError, match=rf"a_probabilities\.tif has the value {value:g}, and probabilities are from 0"
    ):
        read(ours, theirs)


def test_masked_probabilities(write_ids, blobs):
    """Levels that a mask or another nodata value leaves out are none."""
    levels = np.full((5, 20, 20), 100, np.uint8)
    levels[:, 4] = 7
    ours, theirs = write_ids(blobs(20, 20), "a_classes.tif"), write_ids(blobs(20, 20), "b.tif")
    write_ids(levels, "a_probabilities.tif", levels=True, nodata=7)
    (pair,), _ = pair_rasters(ours, theirs)
    with open_pair(pair, map_classes(AERIAL)) as rasters:
        found = next(strips(rasters, 0)).probabilities
    np.testing.assert_array_equal(found, np.where(levels == 7, 255, levels))


def test_coded_truth(write_ids, blobs):
    """Colours, in bands or in a palette, map to the prediction's classes by name; void colours have no class."""
    colours = {0: (60, 16, 152), 1: (132, 41, 246), 2: (110, 193, 228), 3: (254, 221, 58), 4: (226, 169, 41)}
    truth = blobs(20, 30, seed=2)
    truth[0] = 5
    image = np.array([*colours.values(), (0, 0, 0)], np.uint8)[truth].transpose(2, 0, 1)
    expected = np.where(truth == 5, 255, truth)
    ours = write_ids(blobs(20, 30), "a.tif")
    _, true, _ = read(ours, write_ids(image, "b.tif"), coding="mbrsc")
    np.testing.assert_array_equal(true, expected)
    palette = write_ids(truth, "c.tif", photometric="palette")
    with rasterio.open(palette, "r+") as dataset:
        dataset.write_colormap(1, {i: (*colour, 255) for i, colour in colours.items()} | {5: (155, 155, 155, 255)})
    _, true, _ = read(ours, palette, coding="mbrsc")
    np.testing.assert_array_equal(true, expected)
    image[:, 4, 4] = 1, 2, 3
    with pytest.raises(SceneError, match="has 1 pixel of colour #010203"):
        read(ours, write_ids(image, "d.tif"), coding="mbrsc")
