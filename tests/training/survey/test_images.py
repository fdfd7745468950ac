"""Surveys of images and labels by `geoseg train --init`, and refusals."""

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.enums import ColorInterp
from standins import warned, write_mosaic

from geoseg.errors import DataError, GeosegError, SceneError, UsageError
from geoseg.training.survey.images import survey_images

ISPRS = ((255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0))


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(1, 255, (3, 90, 120), np.uint8)


@pytest.fixture
def ids():
    return np.arange(90 * 120, dtype=np.uint8).reshape(1, 90, 120) % 2


@pytest.fixture
def seen(write_raster, picture, ids, tmp_path):
    """Survey one image and its label; either may be replaced."""

    def seen_(image=None, label=None, *, place="labels", name="a", image_profile=None, **profile):
        write_raster(f"images/{name}.tif", picture if image is None else image, **(image_profile or {}))
        write_raster(f"{place}/{name}.tif", ids if label is None else label, **profile)
        return survey_images(str(tmp_path / "images"), str(tmp_path / place))

    return seen_


@pytest.fixture
def features(write_raster, picture, tmp_path):
    """Write two squares with attributes next to an image, and survey both."""

    def features_(name="v.gpkg", crs="EPSG:32633", transform=None, **attributes):
        write_raster("images/a.tif", picture, **(transform or {}))
        squares = [shapely.box(500_000 + x, 5_399_950, 500_020 + x, 5_400_000) for x in (0, 30)]
        placed = geopandas.GeoSeries(squares, crs="EPSG:32633")
        squares = squares if crs is None else placed.to_crs(crs)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        geopandas.GeoDataFrame(attributes, geometry=squares, crs=crs).to_file(tmp_path / name)
        return survey_images(str(tmp_path / "images"), str(tmp_path / name))

    return features_


def coloured(*colours):
    """A mask `(3, 90, 120)` of the colours in turn."""
    stripes = np.array(colours, np.uint8)[np.arange(120) % len(colours)]
    return np.broadcast_to(stripes.T[:, None], (3, 90, 120)).copy()


def test_alpha_is_no_value(seen, picture):
    """Limits are those of the chosen bands, within alpha."""
    values = picture.astype(np.uint16) * 10
    values[:, :30] = 60_000
    alpha = np.full((1, 90, 120), 65535, np.uint16)
    alpha[:, :30] = 0
    found = seen(np.concatenate([values, alpha]), image_profile={"photometric": "RGB", "alpha": "yes"})
    assert found.chosen == (1, 2, 3)
    assert found.limits["uint16"] == pytest.approx(np.percentile(values[:, 30:], (1, 99)))


@pytest.mark.parametrize("hole", [-9999, np.nan, np.inf])
def test_nodata_is_no_value(seen, picture, hole):
    """Limits leave out nodata, NaN and infinity, the last two in any band."""
    values = picture.astype(np.float32) / 1000
    values[:, :30] = hole
    profile = {"nodata": hole} if hole == -9999 else {}
    assert seen(values, image_profile=profile).limits["float32"] == pytest.approx(
        np.percentile(values[:, 30:], (1, 99)), rel=1e-4
    )


@pytest.mark.parametrize(
    ("dtype", "hole", "words"),
    [("float32", np.nan, "no pixel of the float32 images"), ("complex64", 1, "holds complex64 values")],
)
def test_pixels_that_cannot_be_trained_on(seen, picture, dtype, hole, words):
    """Images without a valid pixel, and of complex numbers, are refused."""
    with pytest.raises(SceneError, match=words):
        seen((picture * np.array(hole)).astype(dtype))


def test_palette_images_are_refused(seen, ids):
    """A palette image is refused as in training, with advice."""
    with pytest.raises(SceneError, match="is a palette image; expand it first"):
        seen(ids, image_profile={"palette": {0: (0, 0, 0), 1: (255, 0, 0)}})


def test_images_whose_bands_lie_elsewhere(seen, write_raster, picture, ids):
    """Images whose chosen bands have different numbers are refused, and both are named."""
    write_raster("images/b.tif", picture[:1])
    write_raster("labels/b.tif", ids)
    with pytest.raises(SceneError, match=r"a\.tif .* bands 1, 2, 3, and .*b\.tif on bands 1;"):
        seen(image_profile={"photometric": "RGB"})


def test_bands_of_images_that_differ(seen, write_raster, picture, ids):
    """Further bands in some images are accepted and reported."""
    write_raster("images/b.tif", np.concatenate([picture, picture[:1]]), photometric="RGB", alpha="unspecified")
    write_raster("labels/b.tif", ids)
    found = seen(image_profile={"photometric": "RGB"})
    assert found.chosen == (1, 2, 3)
    assert sorted(map(len, found.bands)) == [3, 4]
    assert [band.name for band in found.bands[0]] == ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("colours", "place", "coding"),
    [
        (((0, 0, 0), (255, 255, 255)), "labels", "colours"),
        (((0, 0, 0), (255, 255, 255), (255, 0, 0)), "labels", "colours"),
        (((0, 0, 0), (255, 255, 255), (255, 0, 0)), "5_Labels_all", "potsdam"),
        (((0, 0, 0), (255, 255, 255)), "5_Labels_all", "colours"),
        (ISPRS[:3], "labels", "potsdam"),
        (ISPRS[:3], "gts_for_participants", "vaihingen"),
        ((*ISPRS, (128, 128, 128)), "labels", "colours"),
        (tuple(tuple(abs(part - 33) for part in colour) for colour in ISPRS), "labels", "potsdam"),
    ],
)
def test_a_coding_is_known_by_its_classes(seen, colours, place, coding):
    """A built-in coding is recognised by three colours, or two in its customary layout; black does not count."""
    assert seen(label=coloured(*colours), place=place).labels.coding == coding


def test_near_colours_count_as_those_of_the_coding(seen):
    """Colours that lossy compression has changed are listed as those of the ISPRS labels, and not ignored."""
    found = seen(label=coloured(*ISPRS[:4], (252, 255, 0), (225, 9, 12)), place="5_Labels_all").labels
    assert {*found.counts} == {"#ffffff", "#0000ff", "#00ffff", "#00ff00", "#ffff00", "#ff0000"}
    assert not found.ignored


def test_colours_of_a_palette(seen, ids):
    """A palette with two colours of a built-in coding is not that coding."""
    found = seen(label=ids, palette={0: (255, 0, 0), 1: (0, 255, 0)}).labels
    assert (found.coding, dict(found.counts)) == ("colours", {"#00ff00": 0.5, "#ff0000": 0.5})


def test_a_mosaic_of_palettes(write_raster, picture, ids, tmp_path):
    """A mosaic of files with different palettes shows wrong colours, and is refused as in training."""
    image = write_raster("images/a.tif", picture)
    colours = [(255, 0, 0, 255), (0, 255, 0, 255)]
    files = [
        write_raster(f"labels/{name}.tif", ids, palette=dict(enumerate(each)))
        for name, each in (("a", colours), ("b", colours[::-1]))
    ]
    label = write_mosaic(tmp_path / "labels/mosaic.vrt", *files)
    with warned("the value 0 is #ff0000 in"), pytest.raises(SceneError, match="files with different colour tables"):
        survey_images(str(image), str(label))


def test_colours_by_interpretation(seen, write_raster, tmp_path):
    """Colours are listed as they look, in whatever order their bands are."""
    seen(label=coloured((255, 0, 10), (0, 20, 255)))
    with rasterio.open(tmp_path / "labels/a.tif", "r+") as label:
        label.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    found = survey_images(str(tmp_path / "images"), str(tmp_path / "labels")).labels
    assert dict(found.counts) == {"#0a00ff": 0.5, "#ff1400": 0.5}


@pytest.mark.parametrize(
    ("bands", "dtype", "words"),
    [
        (1, "float32", "holds float32 values; labels are integers"),
        (2, "uint8", "has 2 bands; labels have one, of ids or with a palette, or three, of colours"),
        (3, "uint16", "must be 8-bit"),
    ],
)
def test_rasters_that_are_no_labels(seen, ids, bands, dtype, words):
    """Float labels, two bands, and 16-bit colours are refused as in training."""
    with pytest.raises(SceneError, match=words):
        seen(label=np.repeat(ids, bands, axis=0).astype(dtype) * np.array(65_535 if bands == 3 else 1, dtype))


def test_labels_of_two_kinds(seen, features, write_raster, picture, ids, tmp_path):
    """Mixed ids and colours, and mixed vectors and rasters, are refused: a data set has one coding."""
    write_raster("images/b.tif", picture)
    write_raster("labels/b.tif", coloured(*ISPRS))
    with pytest.raises(SceneError, match=r"b\.tif holds colours and .*a\.tif ids"):
        seen()
    (tmp_path / "labels" / "b.tif").unlink()
    features("labels/b.gpkg", kind=["wood", "lake"])
    with pytest.raises(UsageError, match=r"b\.gpkg holds vectors and .*a\.tif pixels"):
        survey_images(str(tmp_path / "images"), str(tmp_path / "labels"))


@pytest.mark.parametrize(
    ("attributes", "chosen"),
    [
        ({"OBJECTID": [1, 2], "kind": ["wood", "lake"]}, "kind"),
        ({"Fid": [1, 2], "id": [3, 4], "kind": ["wood", "lake"]}, "kind"),
        ({"kind": ["wood", "wood"], "id": [3, 4]}, "id"),
        ({"kind": ["wood", "wood"]}, None),
    ],
)
def test_the_attribute_of_classes(features, attributes, chosen):
    """An identifier attribute is taken for classes only if no other has several values."""
    assert features("v.geojson", **attributes).labels.attribute == chosen


def test_vectors_in_two_systems(seen, features, write_raster, picture, tmp_path):
    """Vector files may differ in CRS; their features are counted together."""
    write_raster("images/b.tif", picture)
    features("labels/a.gpkg", kind=["wood", "lake"])
    features("labels/b.gpkg", kind=["wood", "wood"], crs="EPSG:32634")
    found = survey_images(str(tmp_path / "images"), str(tmp_path / "labels")).labels
    assert dict(found.counts) == {"lake": 0.25, "wood": 0.75}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("bad.geojson", "{}", "cannot be read"),
        ("none.gpkg", "", "is empty"),
        ("empty.geojson", '{"type": "FeatureCollection", "features": []}', "holds? no features"),
    ],
)
def test_vectors_that_cannot_be_used(write_raster, picture, tmp_path, name, text, words):
    """Files that are not vectors, or empty, are named."""
    write_raster("images/a.tif", picture)
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=f"{name} {words}"):
        survey_images(str(tmp_path / "images"), str(tmp_path / name))


def test_a_table_is_no_label(write_raster, picture, tmp_path):
    """A table without geometries is refused."""
    write_raster("images/a.tif", picture)
    pyogrio.write_dataframe(pd.DataFrame({"a": [1, 2]}), tmp_path / "v.gpkg")
    with pytest.raises(DataError, match="without geometr"):
        survey_images(str(tmp_path / "images"), str(tmp_path / "v.gpkg"))


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"crs": None}, "has no CRS"), ({"transform": {"transform": None}}, "has no georeference")],
)
def test_vectors_are_placed_on_the_ground(features, arguments, words):
    """Vectors without a CRS, or for an image without one, are refused as in training."""
    with pytest.raises(GeosegError, match=words):
        features(kind=["wood", "lake"], **arguments)


@pytest.mark.filterwarnings("ignore:.* are 255 in all bands:geoseg.errors.GeosegWarning")
def test_infrared_called_alpha(seen, picture):
    """Near infrared that GDAL calls alpha does not mask the others: their values all count."""
    infrared = np.where(np.arange(120) < 30, 0, picture[:1])
    values = picture.copy()
    values[:, :, :30] = 255
    found = seen(np.concatenate([values, infrared]))
    assert found.chosen == (1, 2, 3)
    assert found.limits["uint8"] == pytest.approx(np.percentile(values, (1, 99)))
