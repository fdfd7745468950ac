"""What goes wrong ends in one clear sentence and its exit code; no path holds half a result, and nothing is lost."""

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from processes import finish, one_sentence, stand_in
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC
from standins import make_card, warned

import geoseg
from geoseg.cli import main
from geoseg.models.bundle import MEMBER
from geoseg.models.legend import AERIAL
from geoseg.prediction.predict import predict_each
from geoseg.prediction.settings import Settings
from geoseg.training.survey.images import survey_images

TESTS = Path(__file__).parents[1]


@pytest.fixture
def run(capfd, monkeypatch, echo):
    """Run the command line with an echoing network; returns exit code, and what it printed on standard error."""
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments], prog_name="geoseg")
        return exit_.value.code or 0, capfd.readouterr().err

    return call


def refused(result, code, *words):
    """The run ended with `code` and one sentence that holds all `words`."""
    found, text = result
    assert found == code, text
    assert "Traceback" not in text
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("geoseg: ")
    assert lines[0].endswith(".")
    for word in words:
        assert word in lines[0]


def no_results(folder):
    assert not folder.exists() or list(folder.iterdir()) == []


def test_files_that_are_no_rasters(run, write_bundle, tmp_path):
    """Missing, empty, foreign and misplaced files are told apart."""
    model, out = write_bundle(), tmp_path / "out"
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("no raster")
    for name, word in [
        ("missing.tif", "does not exist"), ("empty.tif", "0 bytes"),
        ("text.tif", "cannot be read"), ("", "is a folder"),
    ]:  # fmt: skip
        refused(run("predict", tmp_path / name, "-m", model, "-o", out), 3, word)
        no_results(out)


def test_unplaced_scenes(run, write_scene, write_bundle, noise, tmp_path):
    """Whatever a georeference lacks is named, with a command that helps.

    The grid of a scene with rational polynomials but no CRS is that of the sensor.
    """
    model, out, pixels = write_bundle(), tmp_path / "out", noise(20, 20)
    gcps = [GroundControlPoint(row, col, 13 + col / 1e4, 52 - row / 1e4) for row in (0, 19) for col in (0, 19)]
    rpcs = RPC(0, 1, 52, 1, [1.0] * 20, [1.0] * 20, 0, 1, 13, 1, [1.0] * 20, [1.0] * 20, 0, 1)
    flat = rasterio.Affine(1, 1, 5e5, 1, 1, 5.4e6)
    with geoseg.rasters.opening.open.unplaced():
        scenes = {
            "no CRS": write_scene(pixels, "crs.tif", crs=None),
            "no geotransform": write_scene(pixels, "transform.tif", transform=rasterio.Affine.identity()),
            "neither a CRS nor a geotransform": write_scene(pixels, "pixels.tif", crs=None, transform=None),
            "(`gdalwarp`)": write_scene(pixels, "gcps.tif", crs="EPSG:4326", transform=None, gcps=gcps),
            "(`gdalwarp -s_srs EPSG:…`)": tmp_path / "loose.vrt",
            "by RPCs only": write_scene(pixels, "rpcs.tif", crs=None, transform=None, rpcs=rpcs),
            "(`gdalwarp -rpc`)": write_scene(pixels, "sensor.tif", crs=None, rpcs=rpcs),
            "onto a line": write_scene(pixels, "flat.tif", transform=flat),
        }
        rasterio.shutil.copy(scenes["(`gdalwarp`)"], tmp_path / "loose.vrt", driver="VRT")
    text = (tmp_path / "loose.vrt").read_text()
    (tmp_path / "loose.vrt").write_text(re.sub(r'<GCPList Projection="[^"]*"', "<GCPList", text))
    for words, scene in scenes.items():
        refused(run("predict", scene, "-m", model, "-o", out), 3, scene.name, words)
        no_results(out)


def test_scenes_that_do_not_fit_the_model(run, write_scene, write_bundle, noise, tmp_path):
    """Bands, data type and scale are checked before anything is computed, and the remedy is named."""
    model, out = write_bundle(), tmp_path / "out"
    grey = write_scene(noise(20, 20, bands=1), "grey.tif")
    five = write_scene(noise(20, 20, bands=5), "five.tif", photometric="minisblack")
    deep = write_scene(noise(20, 20).astype(np.uint16), "deep.tif")
    real = write_scene(noise(20, 20).astype(np.float32), "real.tif")
    coarse = write_scene(noise(20, 20), "coarse.tif", transform=rasterio.Affine(30, 0, 5e5, 0, -30, 5.4e6))
    palette = write_scene(noise(20, 20, bands=1), "palette.tif", photometric="palette")
    for scene, words in [
        (grey, ["1 band (1 gray)", "needs 3 (red, green, blue)", "as grey", "--bands 1,1,1."]),
        (five, ["5 bands", "--bands 1,2,3"]),
        (coarse, ["30 m", "--gsd 30"]), (palette, ["palette", "-expand rgb"]),
    ]:  # fmt: skip
        refused(run("predict", scene, "-m", model, "-o", out), 3, scene.name, *words)
        no_results(out)
    refused(run("predict", palette, "-m", model, "-o", out, "--bands", "1,1,1"), 3, "palette", "-expand rgb")
    no_results(out)
    for scene, words in ((deep, ["uint16", "uint8", "--stretch auto"]), (real, ["float32"])):
        refused(run("predict", scene, "-m", model, "-o", out, "--stretch", "none"), 3, scene.name, *words)
        no_results(out)
    refused(run("predict", five, "-m", model, "-o", out, "--bands", "1,2,6"), 3, "band 6")
    refused(run("predict", five, "-m", model, "-o", out, "--bands", "1,2"), 2, "--bands names 2")


def test_scene_without_any_data(run, write_scene, write_bundle, noise, tmp_path):
    """A scene that is masked throughout is refused, and the work folder goes."""
    scene = write_scene(noise(50, 50), mask=np.zeros((50, 50), bool))
    refused(run("predict", scene, "-m", write_bundle(), "-o", tmp_path / "out", "-q"), 3, "no data")
    no_results(tmp_path / "out")


@pytest.mark.parametrize("damage", ["truncated", "corrupt"])
def test_scene_that_ends_on_the_way(run, write_scene, write_bundle, noise, tmp_path, damage):
    """A file that opens and fails later leaves nothing behind."""
    scene = write_scene(noise(900, 300), compress="deflate", blockysize=16)
    content = scene.read_bytes()
    if damage == "truncated":
        scene.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        scene.write_bytes(content[:middle] + b"\xff" * 5000 + content[middle + 5000 :])
    refused(run("predict", scene, "-m", write_bundle(), "-o", tmp_path / "out", "-q"), 3, "scene.tif", "cannot be read")
    no_results(tmp_path / "out")


def test_models_that_cannot_be_used(run, write_scene, noise, tmp_path):
    """A missing, foreign or damaged model ends with exit code 4 before the scene is touched."""
    scene, out = write_scene(noise(20, 20)), tmp_path / "out"
    (tmp_path / "text.keras").write_text("no archive")
    refused(run("predict", scene, "-m", tmp_path / "none.keras", "-o", out), 4, "none.keras", "aerial")
    refused(run("predict", scene, "-m", tmp_path / "text.keras", "-o", out), 4, "text.keras")
    no_results(out)


def test_existing_results_are_kept(run, write_scene, write_bundle, noise, tmp_path):
    """Nothing is replaced unasked; with --overwrite it is, and stale sidecars of the results go too."""
    scene, model, out = write_scene(noise(20, 20)), write_bundle(), tmp_path / "out"
    out.mkdir()
    (out / "scene_roads.geojson").write_text("precious")
    (out / "scene_classes.tif.aux.xml").write_text("of an earlier run")
    refused(run("predict", scene, "-m", model, "-o", out), 5, "scene_roads.geojson", "--overwrite")
    assert (out / "scene_roads.geojson").read_text() == "precious"
    assert len(list(out.iterdir())) == 2
    assert run("predict", scene, "-m", model, "-o", out, "--overwrite", "-q") == (0, "")
    assert "FeatureCollection" in (out / "scene_roads.geojson").read_text()
    assert "of an earlier run" not in (out / "scene_classes.tif.aux.xml").read_text()


def test_masks_and_overviews_of_an_earlier_map(run, write_scene, write_bundle, noise, tmp_path):
    """A mask or overviews that another program left beside an earlier map do not belong to the new one."""
    scene, model, out = write_scene(noise(20, 20)), write_bundle(), tmp_path / "out"
    assert run("predict", scene, "-m", model, "-o", out, "-q") == (0, "")
    classes = out / "scene_classes.tif"
    with rasterio.open(classes) as made:
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": made.height, "width": made.width}
        place = {"crs": made.crs, "transform": made.transform}
    for ending in (".msk", ".ovr"):
        with rasterio.open(classes.with_name(classes.name + ending), "w", **profile, **place) as written:
            written.update_tags(INTERNAL_MASK_FLAGS_1="2")
    with rasterio.open(classes) as masked:
        assert not masked.dataset_mask().any()
    assert run("predict", scene, "-m", model, "-o", out, "--overwrite", "-q") == (0, "")
    with rasterio.open(classes) as made:
        assert made.dataset_mask().all()
    assert not [path.name for path in out.iterdir() if path.suffix in (".msk", ".ovr")]


def test_folder_that_cannot_be_made(run, write_scene, write_bundle, noise, tmp_path):
    """An output folder below a file cannot exist."""
    scene = write_scene(noise(20, 20))
    refused(run("predict", scene, "-m", write_bundle(), "-o", scene / "out"), 5, "scene.tif is not a folder")
    refused(run("predict", scene, "-m", write_bundle(), "-o", scene), 5, "scene.tif is not a folder")


def test_folder_that_takes_no_files(run, write_scene, write_bundle, noise):
    """A folder that nobody may write to, not even root, is an output error."""
    scene = write_scene(noise(20, 20))
    refused(run("predict", scene, "-m", write_bundle(), "-o", "/proc", "-q"), 5, "/proc", "written")


def test_names_that_are_too_long(run, write_scene, write_bundle, noise, tmp_path):
    """What has a longer name than files can have is refused as what it is: scene, model, folder, or a result."""
    model, out, endless = write_bundle(), tmp_path / "out", "x" * 300
    scene = write_scene(noise(20, 20))
    refused(run("predict", f"{endless}.tif", "-m", model, "-o", out), 3, "cannot be opened (File name too long)")
    refused(run("predict", scene, "-m", f"{endless}.keras", "-o", out), 4, "cannot be opened (File name too long)")
    refused(run("predict", scene, "-m", model, "-o", out / endless), 5, "File name too long")
    long = write_scene(noise(20, 20), f"{'x' * 240}.tif")
    refused(run("predict", long, "-m", model, "-o", out), 5, "File name too long", "rename the scene")
    no_results(out)


@pytest.mark.parametrize("name", ["scene_classes.tif", "scene_confidence.tif.aux.xml"])
def test_a_folder_in_a_results_place(run, write_scene, write_bundle, noise, tmp_path, name):
    """A folder of a result's name is refused before anything is computed, and replacing it is not advised."""
    scene, model, out = write_scene(noise(20, 20)), write_bundle(), tmp_path / "out"
    (out / name).mkdir(parents=True)
    for choice in ([], ["--overwrite"]):
        code, text = run("predict", scene, "-m", model, "-o", out, *choice)
        refused((code, text), 5, f"{name} is a folder; choose another --output")
        assert "--overwrite" not in text
        assert [path.name for path in out.iterdir()] == [name]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": "foo"}, "window 'foo'"),
        ({"window": None}, "window must be a str, not None"),
        ({"name": "a\x1b[31m"}, "printable"),
        ({"scaling": {"uint8": {"offset": 0, "gain": 0}}}, "gain"),
        ({"scaling": {"uint8": {"offset": float("nan"), "gain": 1}}}, "finite"),
        ({"scaling": {"uint8": {"offset": 0, "gain": float("inf")}}}, "finite"),
        ({"bands": "rgb"}, "bands must be a list"),
        ({"provenance": []}, "provenance must be a dict"),
        ({"tile": 10**400, "multiple": 1}, "tile"),
    ],
)
def test_cards_that_would_mislead(run, write_scene, noise, tmp_path, changes, words):
    """A card with a value that no network can mean is refused before anything is computed."""
    path, out = tmp_path / "odd.keras", tmp_path / "out"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, json.dumps(make_card().to_json() | changes))
    refused(run("predict", write_scene(noise(20, 20)), "-m", path, "-o", out), 4, words)
    no_results(out)


def test_names_that_are_not_utf8(run, write_scene, write_bundle, noise, tmp_path):
    """GDAL takes no names with foreign bytes: such scenes and folders are refused, their names made legible."""
    foreign = Path(os.fsdecode(bytes(tmp_path) + b"/\xff.tif"))
    foreign.write_bytes(write_scene(noise(40, 40)).read_bytes())
    model = write_bundle()
    refused(run("predict", foreign, "-m", model, "-o", tmp_path / "out"), 3, r"\udcff.tif", "not UTF-8", "rename it")
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/\xfe"))
    refused(run("predict", tmp_path / "scene.tif", "-m", model, "-o", folder), 5, "not UTF-8", "choose another")


def test_local_coordinates(run, write_scene, write_bundle, noise, tmp_path):
    """A scene in a building site's own coordinates has no place on the ground."""
    scene = write_scene(noise(20, 20), crs='LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]')
    refused(run("predict", scene, "-m", write_bundle(), "-o", tmp_path / "out"), 3, "scene.tif", "CRS")


@pytest.mark.parametrize(
    ("limit", "choices"),
    [
        (2_000, {"probabilities": True}),
        (40_000, {"probabilities": True}),
        (90_000, {"probabilities": True}),
        (160_000, {"gsd_m": 0.5, "confidence": True}),
        (20_000, {"gsd_m": 0.5, "match_input": True, "roads": False}),
        (26_000, {"gsd_m": 0.5, "match_input": True, "roads": False}),
    ],
)
def test_full_disk(write_scene, write_bundle, noise, tmp_path, limit, choices):
    """A disk full at any stage is one sentence; no result appears, and with more room the run goes on and ends well."""
    scene, model, out = write_scene(noise(300, 300)), write_bundle(), tmp_path / "out"
    # A file size limit meets the same failing writes as a full disk, and needs no disk of its own.
    script = f"""
import resource, signal, sys
from geoseg.errors import GeosegError
from standins import load_echo
import geoseg, geoseg.prediction.run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    geoseg.predict({str(scene)!r}, model={str(model)!r}, folder={str(out)!r}, load=load_echo, **{choices!r})
except GeosegError as error:
    print(error)
    sys.exit(error.exit_code)
"""
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 5, done.stderr
    assert len(done.stdout.strip().splitlines()) == 1
    assert "resumes" in done.stdout
    assert str(out) in done.stdout
    assert done.stdout.count("disk full") <= 1
    assert ".scene.geoseg" not in done.stdout
    assert [path.name for path in out.iterdir()] == [".scene.geoseg"]

    from standins import load_echo

    resumed = geoseg.predict(scene, model=model, folder=out, load=load_echo, **choices)
    fresh = geoseg.predict(scene, model=model, folder=tmp_path / "fresh", load=load_echo, **choices)
    for left, right in zip(resumed.outputs.files, fresh.outputs.files, strict=True):
        assert left.read_bytes() == right.read_bytes()


def test_engines_that_do_not_start(write_scene, write_bundle, noise, tmp_path):
    """A run whose engine refuses an option leaves no work folder, since the same command would end alike."""

    def load(_model, _options):
        raise geoseg.UsageError("no such precision")

    with pytest.raises(geoseg.UsageError, match="no such precision"):
        geoseg.predict(write_scene(noise(60, 60)), model=write_bundle(), folder=tmp_path / "maps", load=load)
    assert not list((tmp_path / "maps").iterdir())


@pytest.mark.parametrize("driver", ["COG", "VRT"])
def test_a_missing_driver(write_scene, write_bundle, noise, tmp_path, driver):
    """What GDAL was told to leave out is named before the scene is read."""
    command = stand_in("predict", write_scene(noise(40, 40)), "-m", write_bundle(), "-o", tmp_path / "out")
    code, text = finish(command, GDAL_SKIP=driver)
    assert code == 2
    one_sentence(text, f"GDAL has no driver {driver}, which predictions need; unset GDAL_SKIP, which is {driver}.")


def test_an_error_of_the_caller(write_scene, write_bundle, noise, echo, tmp_path):
    """An error of the callback leaves none of GDAL's settings in the caller's thread, even while it is kept."""

    def progress(done, _total, _text):
        if done:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as kept:
        geoseg.predict(
            write_scene(noise(40, 40)), model=write_bundle(), folder=tmp_path / "out", load=echo, progress=progress
        )
    assert not rasterio.env.hasenv()
    del kept


def test_two_runs_at_once(write_scene, write_bundle, noise, echo, tmp_path):
    """A second process that would write the same results is turned away while the first one runs."""
    import fcntl

    out = tmp_path / "out"
    (out / ".scene.geoseg").mkdir(parents=True)
    with (out / ".scene.geoseg" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(geoseg.OutputError, match="another process"):
            geoseg.predict(write_scene(noise(20, 20)), model=write_bundle(), folder=out, load=echo)


def test_many_scenes_one_bad(run, write_scene, write_bundle, noise, tmp_path):
    """A bad scene among many is reported, the others are predicted, and the exit code tells."""
    good, bad = write_scene(noise(20, 20), "good.tif"), tmp_path / "bad.tif"
    code, text = run("predict", bad, good, "-m", write_bundle(), "-o", tmp_path / "out", "-q")
    assert code == 3
    assert "bad.tif does not exist" in text
    assert "1 of 2 scenes failed" in text
    assert (tmp_path / "out" / "good_classes.tif").exists()


@pytest.mark.parametrize("options", [["--aoi", "14.99,48.7,15.01,48.8"], ["--gsd", "0.2"]])
def test_many_scenes_one_that_an_option_does_not_fit(run, write_scene, write_bundle, noise, tmp_path, options):
    """An option that one scene cannot take is reported with the scene's name, and the others go on."""
    far = rasterio.Affine(8, 0, 6e5, 0, -8, 5.4e6)
    other = write_scene(noise(20, 20), "other.tif", transform=far)
    good = write_scene(noise(60, 60), "good.tif", transform=rasterio.Affine(0.4, 0, 5e5, 0, -0.4, 5.4e6))
    model, out = write_bundle(gsd_m=4.0), tmp_path / "out"
    code, text = run("predict", other, good, "-m", model, "-o", out, "-q", *options)
    assert code == 2, text
    assert "other.tif" in text.splitlines()[0]
    assert "1 of 2 scenes failed" in text
    assert (out / "good_classes.tif").exists()
    refused(run("predict", other, "-m", model, "-o", tmp_path / "alone", *options), 2, "other.tif")


def test_options_of_python(write_scene, write_bundle, noise, echo, tmp_path):
    """What click would refuse is refused in Python too, before anything is computed."""
    with pytest.raises(geoseg.UsageError, match="`tta` 'foo' is unknown"):
        geoseg.predict(write_scene(noise(20, 20)), model=write_bundle(), folder=tmp_path / "o", load=echo, tta="foo")
    no_results(tmp_path / "o")


def test_formats_of_no_network():
    """Formats of a road network are refused if none is traced."""
    with pytest.raises(geoseg.UsageError, match="`formats` has no effect with `roads=False`"):
        Settings(roads=False, formats=("gpkg",))


@pytest.mark.parametrize("window", ["hann", "flat"])
def test_a_window_of_tiles_that_do_not_overlap(window):
    """Windows weight tiles where they overlap: without overlap, all would give the same pixels, so none is accepted."""
    with pytest.raises(geoseg.UsageError, match="`window` has no effect with `overlap=0`"):
        Settings(window=window, overlap=0)
    Settings(window=window)
    Settings(window=window, overlap=0.1)


def test_formats_for_a_model_without_roads(write_scene, write_bundle, noise, echo, tmp_path):
    """Of a model without a road class, formats have no effect, and that is said."""
    model = write_bundle(legend=replace(AERIAL, road=None))
    options = {"model": model, "folder": tmp_path / "out", "load": echo}
    with warned("has no road class, so that no network is written in the `formats` gpkg"):
        geoseg.predict(write_scene(noise(20, 20)), formats=["gpkg"], **options)


@pytest.mark.parametrize("options", [{"gsd_m": 2.0}, {"bands": (1, 2, 3)}, {"memory": 10**9}, {"model": "roads"}])
def test_options_of_a_scene_for_a_model(write_bundle, options):
    """What a model is described by are no options of a scene."""
    with pytest.raises(geoseg.UsageError, match=rf"stand-in\.keras is a model, and `{next(iter(options))}` is for"):
        geoseg.describe(write_bundle(), **options)


def test_more_memory_than_there_is(run, write_scene, write_bundle, noise, tmp_path):
    """A memory of any number of digits is a number."""
    scene, model = write_scene(noise(20, 20)), write_bundle()
    assert run("predict", scene, "-m", model, "-o", tmp_path / "out", "-q", "--memory", "9" * 400) == (0, "")


def test_options_that_make_no_sense(run, write_scene, write_bundle, noise, tmp_path):
    """Each unusable value is refused with exit code 2 before anything is written."""
    scene, model, out = write_scene(noise(20, 20)), write_bundle(), tmp_path / "out"
    for arguments in [
        ["--tile", "50"], ["--memory", "800MB"], ["--aoi", "0,0,1,1"], ["--aoi", "9,0,1,1"], ["--overlap", "0.7"],
        ["--gsd", "0"], ["--memory", "much"], ["--bands", "red"], ["--window", "round"],
    ]:  # fmt: skip
        code, text = run("predict", scene, "-m", model, "-o", out, *arguments)
        assert code == 2, (arguments, text)
        assert "Traceback" not in text
        no_results(out)


@pytest.mark.filterwarnings("ignore::geoseg.errors.GeosegWarning")  # stretches, which are not asked for here
def test_every_file_of_the_zoo(real_data, write_bundle, echo, tmp_path):
    """Each file that libraries test their readers with is predicted, or refused by a sentence that names it."""
    model = write_bundle(tile=512, overlap=128)
    predictions, refusals = 0, {}
    for path in sorted((real_data / "geotiffs").rglob("*")):
        if path.is_file():
            try:
                result = geoseg.predict(path, model=model, folder=tmp_path / "out", load=echo, overwrite=True)
            except geoseg.SceneError as error:
                refusals[path] = str(error)
            else:
                assert sum(area.share for area in result.areas) == pytest.approx(1)
                predictions += 1
    for path, sentence in refusals.items():
        assert str(path) in sentence
        assert "\n" not in sentence
    assert predictions >= 20
    assert not any(path.name.startswith(".") for path in (tmp_path / "out").iterdir())


def test_pixels_far_from_the_models(write_scene, write_bundle, noise):
    """A scene may be kept at pixels that the model was not made for, but not without a warning."""
    scene = write_scene(noise(30, 30), transform=rasterio.Affine(300, 0, 5e5, 0, -300, 5.4e6))
    model = write_bundle(gsd_m=1.0)
    with warned("was made for pixels of 1 m; at 300 m .* cannot be trusted"):
        geoseg.describe(scene, model=model, gsd_m=300)
    geoseg.describe(write_scene(noise(30, 30), "fine.tif"), model=model, gsd_m=4)


@pytest.mark.parametrize(("easting", "gsd_m", "refused"), [(5e5, 4, False), (8e5, 4, False), (5e5, 4.3, True)])
def test_four_metres_in_every_zone(write_scene, write_bundle, noise, easting, gsd_m, refused):
    """Pixels of four times the model's on the map are enlarged wherever they are in their zone; larger ones are not."""
    place = rasterio.Affine(gsd_m, 0, easting, 0, -gsd_m, 5.4e6)
    scene, model = write_scene(noise(30, 30), transform=place), write_bundle(gsd_m=1.0)
    if refused:
        with pytest.raises(geoseg.SceneError, match=r"has pixels of 4\.3 m, too coarse"):
            geoseg.describe(scene, model=model)
    else:
        with warned(r"has pixels of 4 m, enlarged 4 times for stand-in: no detail is added"):
            assert geoseg.describe(scene, model=model)["grid_size"] == [120, 120]


@pytest.mark.parametrize("options", [{}, {"gsd_m": 0.5}])
def test_a_slight_enlargement_is_not_remarked(write_scene, write_bundle, noise, options):
    """Twice the model's pixels are mapped without a word, and so is what the caller chose."""
    place = rasterio.Affine(1.99, 0, 5e5, 0, -1.99, 5.4e6)
    geoseg.describe(write_scene(noise(30, 30), transform=place), model=write_bundle(gsd_m=1.0), **options)


def test_results_are_no_scenes(write_scene, write_bundle, noise, echo, tmp_path):
    """Each raster that a prediction wrote is called what it is, as a scene and as an image to train on."""
    model = write_bundle()
    layers = {"confidence": True, "probabilities": True}
    made = geoseg.predict(write_scene(noise(60, 60)), folder=tmp_path / "out", model=model, load=echo, **layers)
    rasters = [path for path in made.outputs.files if path.suffix == ".tif"]
    assert len(rasters) == 3
    for raster in rasters:
        said = rf"{raster.name} is a result of geoseg \(of model .+\), not a scene; give the scene"
        with pytest.raises(geoseg.SceneError, match=said):
            geoseg.predict(raster, folder=tmp_path / "again", model=model, load=echo)
        with pytest.raises(geoseg.SceneError, match=said):
            survey_images(str(raster), str(made.outputs.classes))
