"""Scenes of any data type: stretched for the whole scene, by physical values if the file declares them, and said."""

import re
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from standins import InBlocks, load_echo, make_card

import geoseg
from geoseg.cli import main
from geoseg.errors import GeosegWarning, MismatchError, SceneError, UsageError
from geoseg.models.bundle import PHYSICAL, Scaling
from geoseg.models.legend import NODATA
from geoseg.prediction.inputs.bands import choose_imagery
from geoseg.prediction.inputs.stretching import pool_values
from geoseg.prediction.planning import plan
from geoseg.prediction.predict import predict_each
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene
from geoseg.rasters.stretch import Percentiles
from geoseg.rendering import STYLES, render_scene

SCALE, OFFSET = 1e-4, -0.1
SATELLITE = "sample_rasters/satellite_16bit.tif"


@pytest.fixture
def haze():
    """Reflectance-like integers `(3, height, width)`, each band with a range of its own."""

    def make(height, width, seed=0):
        random = np.random.default_rng(seed)
        ground = random.integers(0, 2000, (height, width, 3)) * (0.5, 0.7, 1.0) + (300, 200, 100)
        return np.moveaxis(ground, -1, 0).astype(np.uint16)

    return make


@pytest.fixture
def declare(write_scene):
    """Write a scene whose bands declare scale and offset."""

    def write(pixels, name="scene.tif", *, scale=SCALE, offset=0.0, **profile):
        path = write_scene(pixels, name, **profile)
        with rasterio.open(path, "r+") as scene:
            scene.scales, scene.offsets = (scale,) * scene.count, (offset,) * scene.count
        return path

    return write


@contextmanager
def expected_warnings(*patterns):
    """Expect one GeosegWarning for each pattern, in order, and no other."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", GeosegWarning)
        yield
    assert len(found) == len(patterns), [str(each.message) for each in found]
    for each, pattern in zip(found, patterns, strict=True):
        assert re.search(pattern, str(each.message)), str(each.message)


def planned(path, *, card=None, **choices):
    return plan(open_scene(path), card or make_card(tile=32, multiple=2), Settings(**choices))


def predicted(scene, bundle, folder, **choices):
    choices = {"probabilities": True, "roads": False} | choices
    return geoseg.predict(scene, model=bundle, load=load_echo, folder=folder, overwrite=True, **choices)


def levels(result):
    """The three bands that the network read, as the echo gives them back."""
    with rasterio.open(result.outputs.probabilities) as raster:
        return raster.read([1, 2, 3])


def test_auto(write_scene, write_bundle, haze, tmp_path):
    """Without a scaling for its type a scene is stretched from percentiles 2 to 98 of each band, and that is said."""
    pixels = haze(100, 90)
    with expected_warnings(r"scene.tif holds uint16 values; model stand-in knows uint8 values only.*`stretch='\d"):
        made = predicted(write_scene(pixels), write_bundle(), tmp_path / "out")
    low, high = np.percentile(pixels.reshape(3, -1), (2, 98), axis=1)[..., None, None]
    np.testing.assert_allclose(levels(made), np.clip((pixels - low) / (high - low) * 255, 0, 254), atol=0.51)
    with rasterio.open(made.outputs.classes) as raster:
        assert (
            raster.tags()["GEOSEG_STRETCH"]
            == made.stretch
            == ";".join(f"{down.item():.6g},{up.item():.6g}" for down, up in zip(low, high, strict=True))
        )


def test_what_was_used_can_be_given_again(write_scene, write_bundle, haze, tmp_path):
    """The tag, given as `stretch`, makes the same bytes, without a warning; `info` shows the same."""
    scene, bundle = write_scene(haze(100, 90)), write_bundle()
    with expected_warnings("holds uint16"):
        first = predicted(scene, bundle, tmp_path / "out")
    content = first.outputs.classes.read_bytes()
    again = predicted(scene, bundle, tmp_path / "out", stretch=first.stretch)
    assert again.outputs.classes.read_bytes() == content
    assert geoseg.describe(scene, model=bundle, stretch=first.stretch)["stretch"] == first.stretch
    with expected_warnings("holds uint16"):
        assert geoseg.describe(scene, model=bundle)["stretch"] == first.stretch


def test_the_models_own_scaling(write_scene, write_bundle, noise, haze, tmp_path):
    """A type that the bundle knows is not stretched, unless that is asked for."""
    scene = write_scene(noise(60, 50) // 8 + 40)
    made = predicted(scene, write_bundle(), tmp_path / "out")
    assert made.stretch is None
    np.testing.assert_array_equal(levels(made), noise(60, 50) // 8 + 40)
    with rasterio.open(made.outputs.classes) as raster:
        assert "GEOSEG_STRETCH" not in raster.tags()
    assert geoseg.describe(scene, model=write_bundle())["stretch"] is None
    made = predicted(scene, write_bundle(), tmp_path / "out", stretch="p0,p100")
    assert np.ptp(levels(made)) > 240


def test_none(write_scene, haze):
    """Without a stretch, a type that the bundle does not know is refused, with the option that solves it."""
    with pytest.raises(SceneError, match=r"holds uint16 values; .* knows uint8 values only; .*`stretch='auto'`"):
        planned(write_scene(haze(40, 40)), stretch="none")


# Files and fixtures are written anew by each example, so sharing the folder between examples is safe.
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(10, 900), width=st.integers(10, 900), workers=st.integers(1, 5), gsd=st.sampled_from([None, 3.1])
)
def test_any_split(write_scene, haze, height, width, workers, gsd):
    """The stretch depends on the scene alone: not on blocks, columns, workers, tiles, GSD or area of interest."""
    path = write_scene(haze(height, width))
    west, south, east, north = open_scene(path).bounds_lonlat
    part = ((west + east) / 2, south, east, (south + north) / 2)
    with expected_warnings("holds uint16", "holds uint16"):
        whole = planned(path)
        other = plan(
            open_scene(path),
            make_card(tile=64, multiple=2),
            Settings(aoi=part, gsd_m=gsd, memory=1_300_000_000, overlap=0.0),
            workers=workers,
        )
    assert other.scaling == whole.scaling
    assert other.stretch == whole.stretch


def test_parts_agree_to_the_byte(write_scene, write_bundle, haze, tmp_path):
    """Blocks of many workers and an area of interest give the pixels of the whole run."""
    scene, bundle = write_scene(haze(260, 200)), write_bundle()
    with expected_warnings("holds uint16"):
        whole = levels(predicted(scene, bundle, tmp_path / "a"))
    with expected_warnings("holds uint16"):
        parts = levels(predicted(scene, bundle, tmp_path / "b", executor=InBlocks(workers=3)))
    np.testing.assert_array_equal(parts, whole)
    whole_scene = open_scene(scene)
    west, south, east, north = whole_scene.bounds_lonlat
    aoi = (west + 0.4 * (east - west), south, east, south + 0.6 * (north - south))
    with expected_warnings("holds uint16"):
        made = predicted(scene, bundle, tmp_path / "c", aoi=aoi)
    with rasterio.open(made.outputs.probabilities) as raster:
        left, top = map(round, ~whole_scene.geobox.transform @ (raster.transform.c, raster.transform.f))
    part = levels(made)
    same = whole[:, top : top + part.shape[1], left : left + part.shape[2]]
    inside = part != NODATA
    assert inside.mean() > 0.9
    np.testing.assert_array_equal(part[inside], same[inside])


def test_before_and_after_an_offset(declare, write_bundle, haze, tmp_path):
    """The same ground with and without the offset of Sentinel-2's baseline 04.00 gives the same map."""
    pixels, maps = haze(90, 80), []
    bundle = write_bundle(scaling={PHYSICAL: Scaling(offset=0.01, gain=900)})
    for name, offset, dtype in (("old", 0.0, np.uint16), ("new", OFFSET, np.uint16), ("signed", OFFSET, np.int16)):
        stored = (pixels + round(-offset / SCALE)).astype(dtype)
        maps.append(levels(predicted(declare(stored, f"{name}.tif", offset=offset), bundle, tmp_path / "out")))
    np.testing.assert_allclose(maps[0], np.clip(np.rint((pixels * SCALE - 0.01) * 900), 0, 254), atol=1)
    for other in maps[1:]:
        np.testing.assert_array_equal(other, maps[0])


def test_declared_values_are_not_those_of_the_type(declare, write_bundle, haze, tmp_path):
    """A scaling for stored values does not fit a scene that declares others: it is stretched, and that is said."""
    scene, bundle = declare(haze(60, 50)), write_bundle(scaling={"uint16": Scaling(gain=0.1)})
    with expected_warnings("declares scale 0.0001 and offset 0; model stand-in knows uint16 values only"):
        made = predicted(scene, bundle, tmp_path / "out")
    low, high = map(float, made.stretch.split(";")[0].split(","))
    assert 0.02 < low < high < 0.2
    with pytest.raises(SceneError, match=r"declares scale 0\.0001"):
        predicted(scene, bundle, tmp_path / "out", stretch="none")


@pytest.mark.parametrize(("scale", "offset"), [(0.0, 0.0), (float("inf"), 0.0), (1.0, float("nan"))])
def test_impossible_scale(declare, haze, scale, offset):
    """A scale of 0, or one that is no number, is named."""
    with pytest.raises(SceneError, match=f"declares scale {scale:g} and offset {offset:g}; correct them"):
        planned(declare(haze(40, 40), scale=scale, offset=offset))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
def test_types(write_scene, haze, dtype):
    """Integers of any size, negative ones and reflectance as floats are stretched alike."""
    pixels = haze(50, 50)
    values = pixels / 1e4 if dtype.startswith("float") else pixels.astype(int) - (300 if dtype == "int16" else 0)
    with expected_warnings(f"holds {dtype} values"):
        found = planned(write_scene(values.astype(dtype)))
    low, high = np.percentile(values.reshape(3, -1), (2, 98), axis=1)
    np.testing.assert_allclose([band.offset for band in found.scaling], low, rtol=1e-5)
    np.testing.assert_allclose([band.gain for band in found.scaling], 255 / (high - low), rtol=1e-4)


HOLE = np.add.outer(np.arange(90), np.arange(80)) < 50
GAINS, HAZE = np.array([[[3.5]], [[2.0]], [[1.7]]]), np.array([[[400]], [[600]], [[900]]])
FORMS = {
    "PlanetScope": lambda ground: np.where(HOLE, 0, ground * GAINS + HAZE).astype(np.uint16),
    "Maxar, 11 bits": lambda ground: (ground * 0.9 + 100).astype(np.uint16),
    "Pléiades, 12 bits": lambda ground: (ground * 1.8 + HAZE / 3).astype(np.uint16),
    "Sentinel-2": lambda ground: np.where(HOLE, -9999, ground * GAINS + HAZE - 1000).astype(np.int16),
    "undeclared fill": lambda ground: np.where(HOLE, -9999, ground * GAINS).astype(np.int16),
    "saturated fill": lambda ground: np.where(HOLE, 65_535, ground * GAINS).astype(np.uint16),
    "reflectance": lambda ground: np.where(HOLE, np.nan, (ground * GAINS + HAZE) / 1e4).astype(np.float32),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_ground_in_every_form(write_scene, declare, write_bundle, haze, tmp_path, form):
    """In whatever numbers a vendor delivers it, the network sees the same picture, but for rounding."""
    ground = haze(90, 80).astype(float)
    valid = np.ones_like(HOLE) if form.endswith("bits") else ~HOLE
    stored = FORMS[form](ground)
    match form:
        case "PlanetScope":
            scene = declare(stored, nodata=0)
        case "Sentinel-2":
            scene = declare(stored, nodata=-9999, offset=0.1)
        case _:
            scene = write_scene(stored)
    low, high = np.percentile(ground[:, valid], (2, 98), axis=1)[..., None, None]
    expected = np.clip((ground - low) / (high - low) * 255, 0, 254)
    collar = ["does not declare it as nodata"] * form.endswith("fill")
    with expected_warnings(*collar, "model stand-in knows uint8 values only"):
        found = levels(predicted(scene, write_bundle(), tmp_path / "out"))
    np.testing.assert_allclose(found[:, valid], expected[:, valid], atol=1)


@pytest.mark.parametrize(("dtype", "name"), [("complex64", "CFloat32"), ("complex_int16", "CInt16")])
@pytest.mark.parametrize("stretch", ["auto", "p2,p98", "0,255"])
def test_complex_values(write_scene, haze, tmp_path, dtype, name, stretch):
    """Complex values have no order, so nothing to stretch by; a given range would take their real part."""
    path = tmp_path / "scene.vrt"
    rasterio.shutil.copy(write_scene(haze(40, 40).astype(np.complex64)), path, driver="VRT")
    path.write_text(path.read_text().replace('dataType="CFloat32"', f'dataType="{name}"'))
    with pytest.raises(SceneError, match=f"holds {dtype} values; save their magnitude"):
        planned(path, stretch=stretch)


def test_from_another_scene(write_scene, declare, haze):
    """The stretch of another scene is used where its values are of the same kind."""
    one, other = write_scene(haze(80, 70), "one.tif"), write_scene(haze(60, 90, seed=1) + 30, "other.tif")
    with expected_warnings("holds uint16"):
        wanted = planned(other).stretch
    assert planned(one, stretch_from=other).stretch == wanted
    low, high = np.percentile(haze(60, 90, seed=1)[0] + 30, (10, 90))
    assert planned(one, stretch_from=other, stretch="p10,p90").stretch.ranges[0] == pytest.approx((low, high), rel=1e-5)
    with pytest.raises(MismatchError, match=r"declared.tif holds physical values and .*one.tif uint16 values"):
        planned(one, stretch_from=declare(haze(60, 60), "declared.tif"))
    with pytest.raises(UsageError, match=r"`stretch_from` cannot be combined with `stretch='0,9'`"):
        Settings(stretch="0,9", stretch_from=other)


def test_joint(write_scene, write_bundle, haze, tmp_path):
    """Scenes of one call get the percentiles of all their pixels; those that cannot be predicted do not stop it."""
    pixels = [haze(80, 70), haze(60, 90, seed=1) + 200]
    scenes = [str(write_scene(each, f"{number}.tif")) for number, each in enumerate(pixels)]
    choices = {"model": write_bundle(), "folder": tmp_path / "out", "load": load_echo, "roads": False}
    others = ["nowhere.tif", str(write_scene(np.zeros((3, 60, 60), np.uint16), "empty.tif", nodata=0))]
    outcomes = dict(predict_each([scenes[0], *others, scenes[1]], stretch="joint", **choices))
    assert all(isinstance(outcomes[other], SceneError) for other in others)
    used = {outcomes[scene].stretch for scene in scenes}
    pooled = np.concatenate([each.reshape(3, -1) for each in pixels], axis=1)
    low, high = np.percentile(pooled, (2, 98), axis=1)
    assert used == {";".join(f"{down:.6g},{up:.6g}" for down, up in zip(low, high, strict=True))}
    alone = dict(predict_each(others, stretch="joint", **choices | {"folder": tmp_path / "alone"}))
    assert all(isinstance(alone[other], SceneError) for other in others)


def test_joint_warns_once(write_scene, write_bundle, haze, tmp_path):
    """What there is to say of a scene is said once, though it is opened twice."""
    pixels = haze(80, 70)
    pixels[:, :30] = 0
    scenes = [str(write_scene(pixels, f"{number}.tif")) for number in range(2)]
    choices = {"model": write_bundle(), "folder": tmp_path / "out", "load": load_echo, "roads": False}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        list(predict_each(scenes, stretch="joint", **choices))
    said = [str(each.message) for each in caught if "does not declare it as nodata" in str(each.message)]
    assert [name in sentence for name, sentence in zip(("0.tif", "1.tif"), said, strict=True)] == [True, True]


def test_data_that_no_sample_shows(write_scene, haze):
    """Without a sampled pixel nothing can be measured, and the sentence says what helps; a range that is given does."""
    pixels = np.zeros((3, 2000, 2000), np.uint16)
    pixels[:, 140:180, 140:180] = haze(40, 40)
    scene = write_scene(pixels, nodata=0)
    with pytest.raises(SceneError, match=r"none of the pixels sampled of .* has data.*`stretch='LOW,HIGH'`"):
        planned(scene)
    assert str(planned(scene, stretch="0,3000").stretch) == "0,3000"


def test_joint_of_many(write_scene, haze):
    """Of many scenes a part of the values is used, evenly: the stretch is nearly that of all."""
    pixels = [haze(60, 60, seed=number) + 20 * number for number in range(40)]
    paths = [write_scene(each, f"{number}.tif") for number, each in enumerate(pixels)]
    images = [choose_imagery(open_scene(path), make_card(tile=32, multiple=2), Settings()) for path in paths]
    found = pool_values(images, Percentiles()).ranges
    wanted = np.percentile(np.concatenate([each.reshape(3, -1) for each in pixels], axis=1), (2, 98), axis=1).T
    np.testing.assert_allclose(found, wanted, rtol=0.02)


def test_joint_of_different_kinds(write_scene, write_bundle, haze, noise, tmp_path):
    """Scenes whose values are not comparable have no stretch in common."""
    scenes = [str(write_scene(haze(40, 40), "one.tif")), str(write_scene(noise(40, 40), "other.tif"))]
    with pytest.raises(MismatchError, match=r"one\.tif holds uint16 values and .*other\.tif uint8 values"):
        list(predict_each(scenes, stretch="joint", model=write_bundle(), folder=tmp_path, load=load_echo))


@pytest.mark.parametrize("stretch", ["0,1", "0,1;0,2;0,3"])
def test_a_range_in_other_units_is_noticed(write_scene, declare, haze, stretch):
    """A range that leaves out nearly all values is given for other units: the map would show one class."""
    scene = write_scene(haze(40, 40))
    with expected_warnings(r"100% of the values of .* are outside of the `stretch` 0,1.*they are from \d+,\d+;"):
        planned(scene, stretch=stretch)
    with expected_warnings():
        planned(scene, stretch="100,2000")
    with expected_warnings():
        planned(declare(haze(40, 40)), stretch="0.01,0.2")


@pytest.mark.parametrize("unit", [1, 1e-4])
def test_a_range_that_is_far_too_wide_is_noticed(write_scene, declare, noise, unit):
    """In a range for larger units a scene is nearly one colour, so that the map would show one class."""
    values = noise(40, 40).astype(np.uint16)
    scene = write_scene(values) if unit == 1 else declare(values, scale=unit, offset=0)
    wide = f"0,{20_000 * unit:g}"
    after = " after scale and offset" * (unit != 1)
    with expected_warnings(rf"^the values of .* are from .*{after}, nearly one colour in the `stretch` {wide}; unless"):
        planned(scene, stretch=wide)
    with expected_warnings():
        planned(scene, stretch=f"0,{2000 * unit:g}")


@pytest.mark.parametrize(
    ("scaling", "scale"), [({}, 1), ({"uint8": Scaling(gain=0.03)}, 50), ({"uint8": Scaling(offset=300)}, 50)]
)
def test_one_colour_to_the_model(write_scene, noise, scaling, scale):
    """A mask, and values in other units than the model's, are noticed: the map would show one class."""
    mask = (noise(40, 40) > 99).astype(np.uint8) * np.uint8(scale)
    card = make_card(tile=32, multiple=2, **({"scaling": scaling} if scaling else {}))
    with expected_warnings(rf"lowest and highest values .* (0,{scale};?){{3}}, nearly one colour .*`stretch='p2,p98'`"):
        planned(write_scene(mask), card=card)
    with expected_warnings():
        planned(write_scene(mask[:, :9, :9], "few.tif"), card=card)
        planned(write_scene(noise(40, 40) // 10), card=make_card(tile=32, multiple=2))


@pytest.mark.parametrize("gain", [255, -255, 2550])
def test_values_beyond_the_scaling_of_the_model(write_scene, noise, gain):
    """Values in larger units than the model's are noticed: the map would show black and white only."""
    card = make_card(tile=32, multiple=2, scaling={"float32": Scaling(offset=gain < 0, gain=gain)})
    scene = write_scene(np.float32(noise(40, 40)))
    with expected_warnings(rf"9\d% of the values of .* are outside of the 0,{255 / abs(gain):g};.* `stretch='p2,p98'`"):
        planned(scene, card=card)
    with expected_warnings():
        planned(scene, card=card, stretch="0,255")
        planned(write_scene(np.float32(noise(40, 40) / 128 * abs(255 / gain)), "half.tif"), card=card)


def test_number_of_ranges(write_scene, haze):
    """One range, or one for each band of the model."""
    with pytest.raises(UsageError, match="has 2 ranges; the model needs 1 for all bands, or 3"):
        planned(write_scene(haze(40, 40)), stretch="0,1;0,2")


def test_another_stretch_is_another_run(write_scene, write_bundle, haze, tmp_path):
    """A stopped run is resumed only with the same stretch, however that was named."""
    scene, bundle, folder = write_scene(haze(200, 90)), write_bundle(), tmp_path / "out"

    def stop(done, total, text):
        if 0 < done < total:
            raise KeyboardInterrupt

    def pieces():
        return {path.parent.name for path in folder.glob(".scene.geoseg/*/classes_*")}

    def run(**choices):
        return geoseg.predict(scene, model=bundle, load=load_echo, folder=folder, roads=False, progress=stop, **choices)

    with pytest.raises(KeyboardInterrupt), expected_warnings("holds uint16"):
        run()
    (first,) = pieces()
    used = geoseg.describe(scene, model=bundle, stretch="p2,p98")["stretch"]
    with pytest.raises(KeyboardInterrupt):
        run(stretch=used)
    assert pieces() == {first}
    with pytest.raises(KeyboardInterrupt):
        run(stretch="100,2000")
    assert len(pieces()) == 2


def mean_iou(found, reference):
    known = (found != NODATA) & (reference != NODATA)
    pairs = np.bincount(reference[known].astype(int) * 5 + found[known], minlength=25).reshape(5, 5)
    return np.mean(np.diag(pairs) / (pairs.sum(axis=0) + pairs.sum(axis=1) - np.diag(pairs)))


def test_satellite_scene(pytestconfig, tmp_path):
    """The 16-bit sample is mapped at the first try, nearly as well as the same ground rendered in 8 bits."""
    scene = pytestconfig.rootpath / SATELLITE
    result = CliRunner().invoke(main, ["predict", str(scene), "-o", str(tmp_path), "-q", "--no-roads", "--match-input"])
    assert result.exit_code == 0, result.output
    (line,) = result.output.splitlines()
    assert re.fullmatch(r"geoseg: .*satellite_16bit.tif holds uint16 values; .* give --stretch '[\d.,;]+'\.", line)
    with rasterio.open(scene.with_name("satellite_16bit_classes.tif")) as raster:
        reference = raster.read(1)
    with rasterio.open(tmp_path / "satellite_16bit_classes.tif") as raster:
        found = raster.read(1)
    rendered = render_scene(64, (500, 500), gsd=2.0, style=STYLES["dense_city"]).image[..., :3]
    with geoseg.Model("aerial") as model:
        plain = model.predict_array(np.moveaxis(rendered, -1, 0), image_gsd_m=2.0)
    assert mean_iou(found, reference) > mean_iou(plain, reference) - 0.05


def test_bytes_in_sixteen_bits(real_data):
    """Aerial imagery of 8 bits stored in 16 is stretched by its values."""
    scene = real_data / "geotiffs" / "nrcan" / "23429155_15.tif"
    with rasterio.open(scene) as raster:
        bands = tuple(number for number, band in enumerate(raster.colorinterp, 1) if band != ColorInterp.alpha)[:3]
    with expected_warnings("holds uint16"):
        described = geoseg.describe(scene, bands=bands)
    for text in described["stretch"].split(";"):
        low, high = map(float, text.split(","))
        assert 0 <= low < high <= 255
