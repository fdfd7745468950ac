"""Bands and validity of scenes in the form in which they are delivered."""

import json

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from standins import make_card, warned

import geoseg
from geoseg.cli import main
from geoseg.errors import GeosegWarning, MismatchError, SceneError, UsageError
from geoseg.models.bundle import Scaling
from geoseg.models.legend import NODATA
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.prediction.strips import read_strips
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.scene import open_scene

SIDE = 60
SCALING = {name: Scaling() for name in ("uint8", "uint16", "int16", "float32")}


@pytest.fixture
def write(write_scene):
    """Write a scene with descriptions of its bands."""

    def write_described(pixels, descriptions=(), name="scene.tif", **profile):
        path = write_scene(pixels, name, **profile)
        if descriptions:
            with rasterio.open(path, "r+") as file:
                file.descriptions = descriptions
        return path

    return write_described


def planned(path, bands=("red", "green", "blue"), **choices):
    card = make_card(tile=64, multiple=2, bands=bands, scaling=SCALING)
    return plan(open_scene(path), card, Settings(overlap=0.25, **choices))


def read(plan):
    """Pixels `(bands, rows, columns)` that the network sees, and their validity: of a scene in one tile."""
    (strip,) = read_strips(plan, plan.roi)
    top, left = -strip.rows.start, -strip.cols.start
    inside = slice(top, top + SIDE), slice(left, left + SIDE)
    return np.moveaxis(strip.pixels[inside], -1, 0), strip.valid[inside]


def test_planetscope(write, noise):
    """Four bands of 16 bits, blue first, nodata 0 around the swath."""
    pixels = noise(SIDE, SIDE, bands=4).astype(np.uint16) + 1
    pixels[:, np.tri(SIDE, k=-20, dtype=bool)] = 0
    scene = write(pixels, ("blue", "green", "red", "nir"), nodata=0, photometric="minisblack")
    found = planned(scene)
    assert found.bands == (3, 2, 1)
    values, valid = read(found)
    np.testing.assert_array_equal(values, pixels[[2, 1, 0]])
    np.testing.assert_array_equal(valid, pixels[0] > 0)
    assert planned(scene, bands=("nir", "red")).bands == (4, 3)


def test_naip(write, noise):
    """Red, green, blue and near infrared in bytes, the last of which GDAL calls alpha: all pixels are predicted."""
    pixels = noise(SIDE, SIDE, bands=4)
    pixels[3, :20] = 0
    scene = write(pixels)
    with pytest.warns(GeosegWarning, match="band 4 of .*scene.tif is called alpha but holds an image") as warned:
        found = planned(scene)
    assert len(warned) == 1
    values, valid = read(found)
    np.testing.assert_array_equal(values, pixels[:3])
    assert valid.all()
    assert planned(write(pixels, ("Red", "Green", "Blue", "NIR"))).validity == Validity()


def test_orthomosaic_of_a_drone(write, noise):
    """The alpha band of an orthomosaic is its mask, though its nodata value is a colour."""
    alpha = np.full((1, SIDE, SIDE), 255, np.uint8)
    alpha[0, ~np.tri(SIDE, k=20, dtype=bool)] = 0
    pixels = np.concatenate([noise(SIDE, SIDE), alpha])
    _, valid = read(planned(write(pixels, nodata=7, photometric="rgb", alpha="yes")))
    np.testing.assert_array_equal(valid, alpha[0] > 0)


def test_sentinel_2(write, noise):
    """Bands are found by Sentinel-2's numbers in any order."""
    pixels = noise(SIDE, SIDE, bands=4).astype(np.uint16)
    assert planned(write(pixels, ("B2", "B3", "B4", "B8"), photometric="minisblack")).bands == (3, 2, 1)
    assert planned(write(pixels, ("B08", "B04", "B02", "B03"), photometric="minisblack")).bands == (2, 4, 3)


def test_unknown_bands(write, noise):
    """Three bands without names are taken in order with a warning, unless they are chosen; four are not."""
    scene = write(noise(SIDE, SIDE), photometric="minisblack")
    with pytest.warns(GeosegWarning, match=r"^bands 1, 2, 3 of .* are taken as red, green, blue: the file does not"):
        assert planned(scene).bands == (1, 2, 3)
    assert planned(scene, bands=("band 1", "band 2")).bands == (1, 2)
    card = make_card(tile=64, multiple=2)
    assert plan(open_scene(scene), card, Settings(bands=(3, 1, 2))).bands == (3, 1, 2)
    with pytest.raises(SceneError, match=r"4 bands \(1 gray, 2 undefined, .*\); the model needs 3"):
        planned(write(noise(SIDE, SIDE, bands=4), photometric="minisblack"))


def test_chosen_alpha_is_an_image(write, noise):
    """A band that is chosen for the network masks nothing."""
    pixels = np.concatenate([noise(SIDE, SIDE), np.zeros((1, SIDE, SIDE), np.uint8)])
    scene = write(pixels, photometric="rgb", alpha="yes")
    found = plan(open_scene(scene), make_card(tile=64, multiple=2), Settings(bands=(4, 1, 2)))
    assert read(found)[1].all()


@pytest.mark.parametrize(("value", "dtype"), [(0, np.uint8), (-9999, np.int16), (0.0, np.float32)])
def test_undeclared_collar(write, noise, value, dtype):
    """A collar that is not declared is noticed with what to type, and `nodata` masks it without a word."""
    pixels = noise(SIDE, SIDE).astype(dtype) + dtype(1)
    collar = ~np.tri(SIDE, k=30, dtype=bool)
    pixels[:, collar] = value
    scene = write(pixels)
    with pytest.warns(GeosegWarning, match=rf"^12 % of the pixels .* are {value:g} .*add `nodata={value:g}`\.$"):
        assert read(planned(scene))[1].all()
    np.testing.assert_array_equal(read(planned(scene, nodata=value))[1], ~collar)
    np.testing.assert_array_equal(read(planned(scene, nodata=(value,) * 3))[1], ~collar)
    write(pixels, nodata=value)
    np.testing.assert_array_equal(read(planned(scene))[1], ~collar)


def test_numbers_that_contradict_colours(write, noise):
    """Bands whose numbers, which sensors give differently, contradict their colours are reported for both."""
    scene = write(noise(SIDE, SIDE), ("SR_B2", "SR_B3", "SR_B4"), photometric="rgb")
    with warned("contradict its colour interpretation", "are taken by their numbers.*such as that of Landsat 7"):
        assert planned(scene).bands == (3, 2, 1)


def test_collar_of_lossy_compression(write, noise):
    """A collar that compression has changed is noticed, also where its exact value is declared."""
    pixels = noise(SIDE, SIDE)[:3] // 2 + 20
    pixels[:, :9] = noise(9, SIDE) % 4
    for nodata in (None, 0):
        scene = write(pixels, nodata=nodata)
        with warned(r"\d+ % of the pixels of .* are nearly black or white .*compression has changed.*`nearblack"):
            planned(scene)


def test_mask_that_is_not_declared(write, noise):
    """A spare band of zeros and the largest value is reported, and masks once it is declared; others are images."""
    pixels = noise(SIDE, SIDE, bands=4) | 1
    pixels[3] = np.tri(SIDE, k=30, dtype=bool) * 255
    with warned(r"^band 4 of .* like a mask .*\(`gdal_translate -colorinterp_4 alpha IN OUT.tif`\)\.$"):
        assert read(planned(write(pixels, photometric="rgb")))[1].all()
    declared = planned(write(pixels, photometric="rgb", alpha="yes"))
    np.testing.assert_array_equal(read(declared)[1], pixels[3] > 0)
    pixels[3, 0, 0] = 7
    assert read(planned(write(pixels, photometric="rgb")))[1].all()


def test_collar_declared_next_to_a_mask(write, noise):
    """A declared collar that cannot be measured is masked without a word although the file has a mask, too."""
    pixels = noise(SIDE, SIDE).astype(np.int16) + np.int16(1)
    collar = ~np.tri(SIDE, k=30, dtype=bool)
    pixels[:, collar] = -9999
    found = planned(write(pixels, nodata=-9999, mask=np.ones((SIDE, SIDE), bool)))
    np.testing.assert_array_equal(read(found)[1], ~collar)


@pytest.mark.parametrize("kind", ["alpha", "mask"])
def test_colour_declared_next_to_a_mask(write, noise, kind):
    """A collar of the declared colour that mask or alpha band calls valid is reported as what it is."""
    pixels = noise(SIDE, SIDE) | 1
    pixels[:, ~np.tri(SIDE, k=30, dtype=bool)] = 0
    if kind == "alpha":
        pixels = np.concatenate([pixels, np.full((1, SIDE, SIDE), 255, np.uint8)])
        scene = write(pixels, nodata=0, photometric="rgb", alpha="yes")
    else:
        scene = write(pixels, nodata=0, mask=np.ones((SIDE, SIDE), bool))
    with pytest.warns(GeosegWarning, match="are 0 in all bands") as warned:
        assert read(planned(scene))[1].all()
    (warning,) = warned
    assert "declares it as nodata, but its mask or alpha band calls them valid" in str(warning.message)


@pytest.mark.parametrize(
    ("nodata", "values"),
    [
        (None, ()),
        ((), ()),
        (np.uint8(3), (3,)),
        (np.array([1, 2, 3]), (1, 2, 3)),
        (np.array(4), (4,)),
        (iter([1, 2]), (1, 2)),
    ],
)
def test_nodata_as_it_comes(nodata, values):
    """Any numbers are taken, also those of NumPy, and None for none."""
    assert Settings(nodata=nodata).nodata == values


@pytest.mark.parametrize(
    ("nodata", "error", "message"),
    [
        (300, MismatchError, r"holds uint8 values, and none can be the 300 of `nodata`"),
        (-1, MismatchError, "none can be the -1 of"),
        (0.5, MismatchError, r"none can be the 0\.5 of"),
        ((0, 0), UsageError, "`nodata` has 2 values; give one, or one for each of red, green, blue"),
        ("none", UsageError, "`nodata` must be a number, or one for each of the model's bands, got 'none'"),
        ((0, None, 0), UsageError, r"`nodata` must be a number, .* got \(0, None, 0\)"),
    ],
)
def test_impossible_nodata(write, noise, nodata, error, message):
    """Values that no pixel can have, and too few of them, are refused."""
    with pytest.raises(error, match=message):
        planned(write(noise(SIDE, SIDE)), nodata=nodata)


def test_the_choice_is_reported(write, noise, write_bundle, echo, tmp_path):
    """Bands and values without data are in the plan, in the result, and in the tags of its rasters."""
    pixels = noise(SIDE, SIDE) | 1
    pixels[:, :20] = 0
    scene = write(pixels, ("Blue", "Green", "Red"), photometric="minisblack")
    told = CliRunner().invoke(main, ["info", str(scene), "--nodata", "0", "--json"], catch_exceptions=False)
    described = json.loads(told.stdout)
    assert described["bands"] == ["Blue", "Green", "Red"]
    assert described["model_bands"] == {"red": 3, "green": 2, "blue": 1}
    assert (described["nodata"], described["alpha"]) == ([0, 0, 0], None)
    result = geoseg.predict(scene, model=write_bundle(), folder=tmp_path / "out", load=echo, nodata=0)
    assert result.bands == (("red", 3), ("green", 2), ("blue", 1))
    with rasterio.open(result.outputs.classes) as classes:
        settings = json.loads(classes.tags()["GEOSEG_SETTINGS"])
        np.testing.assert_array_equal(classes.read(1) == NODATA, pixels[0] == 0)
    assert (settings["bands"], settings["nodata"]) == ([3, 2, 1], [0, 0, 0])


@pytest.mark.parametrize(("nodata", "reported"), [(np.nan, ["nan"] * 3), ((np.nan, 0, np.inf), ["nan", 0, "inf"])])
def test_nodata_that_is_not_finite(write, noise, write_bundle, echo, tmp_path, nodata, reported):
    """Values that are not finite are texts in JSON, which has no others."""
    scene, model = write(noise(SIDE, SIDE).astype(np.float32)), write_bundle(scaling=SCALING)
    described = geoseg.describe(scene, model=model, nodata=nodata)
    assert json.loads(json.dumps(described, allow_nan=False))["nodata"] == reported
    result = geoseg.predict(scene, model=model, folder=tmp_path / "out", load=echo, nodata=nodata)
    with rasterio.open(result.outputs.classes) as classes:
        assert json.loads(classes.tags()["GEOSEG_SETTINGS"], parse_constant=pytest.fail)["nodata"] == reported


def test_water_without_light(write, noise):
    """Large water of exactly 0 is reported once by a command that reads the scene twice, and not called a collar."""
    pixels = noise(SIDE, SIDE) | 1
    pixels[:, 20:40, 10:50] = 0
    scene = str(write(pixels))
    told = CliRunner().invoke(main, ["info", scene, "--stretch-from", scene], catch_exceptions=False)
    (line,) = told.stderr.splitlines()
    assert "are 0 in all bands, as in a collar or a gap, or in black water" in line
    assert line.endswith("if they hold no data, add --nodata 0.")


@pytest.mark.parametrize("text", ["none", "0,,0"])
def test_nodata_that_is_no_number(text):
    """Anything but numbers is refused before a scene is opened."""
    result = CliRunner().invoke(main, ["predict", "scene.tif", "--nodata", text])
    assert result.exit_code == 2
    assert "is not a number, or numbers such as 0,0,0" in result.stderr


def test_bands_are_refused_before_pixels(write_scene, write_bundle, noise):
    """Of an elevation model with large pixels, what cannot be helped is said: not to choose other pixels."""
    place = rasterio.Affine(90, 0, 5e5, 0, -90, 5.4e6)
    elevation = write_scene(noise(30, 30)[:1].astype(np.float32), transform=place)
    with pytest.raises(SceneError, match=r"has 1 band .* the model needs 3"):
        geoseg.describe(elevation, model=write_bundle(gsd_m=1.0))
