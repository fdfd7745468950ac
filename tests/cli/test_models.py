"""`geoseg models`: list, show, card, export and stac."""

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from PIL import Image
from standins import make_card

from geoseg.cli import main
from geoseg.models.bundle import Scaling, read_card
from geoseg.models.networks.unet import build_unet
from geoseg.models.saved_network import load_network, save_bundle
from geoseg.models.shipped import find_model
from geoseg.rendering import render_scene


@pytest.fixture
def run(run):
    """Run `geoseg models`, and return what it printed."""
    return partial(run, "models")


def test_bare_lists(run):
    """Without a subcommand, shipped models and presets are listed."""
    text = run()
    for name in ("aerial", "attention_resunet", "efficientnet_unet"):
        assert name in text


def test_json_of_a_subcommand(run):
    """`--json` before a subcommand, where it would have no effect, is refused."""
    assert "--json lists models; type it after show" in run("--json", "show", "aerial", expect=2)
    assert {each["name"] for each in json.loads(run("--json"))} >= {"aerial", "roads"}


def test_show(run):
    """A shipped model is shown by name: bands, GSD, tile, legend, and the size of its network."""
    text = run("show", "aerial")
    network = load_network(find_model("aerial"))
    parameters = network.count_params()
    convolutions = sum(type(layer).__name__ == "Conv2D" for layer in network.layers)
    size = (f"{parameters:,}", f"{convolutions} Conv2D")
    for words in ("red, green, blue", "1 m", "512 px", "#b5484b", "vegetation", *size, "Apache-2.0"):
        assert words in " ".join(text.split())
    document = json.loads(run("show", "aerial", "--json"))
    assert document["parameters"] == parameters
    assert document["layers"]["Conv2D"] == convolutions
    assert document["legend"]["road"] == 2


def test_the_recipe_is_left_to_json(run):
    """The recipe of a model is as long as all else of it: it is in the JSON, and the text says so."""
    for command in (["models", "show"], ["info"]):
        text = CliRunner().invoke(main, [*command, "aerial"], catch_exceptions=False).stdout
        assert "`geoseg models show aerial --json`" in " ".join(text.split())
        assert "augmentation" not in text
        assert len(text.splitlines()) < 60
    assert "augmentation" in json.loads(run("show", "aerial", "--json"))["provenance"]["recipe"]


def test_show_says_how_values_are_taken(run, tmp_path):
    """Offset and gain of each data type are shown, and missing values as a dash."""
    scaling = {"uint8": Scaling(), "uint16": Scaling(offset=100, gain=0.25)}
    card = make_card(scaling=scaling, provenance={"license": None})
    save_bundle(build_unet(bands=3, classes=5, depth=1, width=4), card, tmp_path / "own.keras")
    text = run("show", tmp_path / "own.keras")
    assert "uint8 unscaled; uint16 as (value - 100) × 0.25" in " ".join(text.split())
    assert re.search("license +–", text)


def test_provenance_is_not_taken_for_the_card(run, invoke, tmp_path):
    """What a bundle says of itself neither replaces what was read of it, nor has to be a number."""
    said = {"bands": "nir, red", "file": "elsewhere.keras", "training_bytes": "10 GB", "gsd_m": 9.0}
    save_bundle(build_unet(bands=3, classes=5, depth=1, width=4), make_card(provenance=said), tmp_path / "own.keras")
    shown = " ".join(run("show", tmp_path / "own.keras").split())
    assert "red, green, blue" in shown
    assert "elsewhere" not in shown
    described = invoke("info", tmp_path / "own.keras").stdout
    assert "10 GB" in described
    assert "nir, red" not in described


def test_show_loads_no_backend(tmp_path):
    """Showing a model, its card or its STAC item does not load Keras."""
    script = """
import sys
from functools import partial
from click.testing import CliRunner
from geoseg.cli import main
for command in (["show"], ["card"], ["stac", "-o", sys.argv[1]]):
    result = CliRunner().invoke(main, ["models", command[0], "aerial", *command[1:]])
    assert result.exit_code == 0, result.output
sys.exit(", ".join(sorted({"keras", "tensorflow", "jax", "torch", "rasterio"} & set(sys.modules))) or 0)
"""
    words = [sys.executable, "-c", script, str(tmp_path / "item.json")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_card(run, tmp_path):
    """The card is printed, or written to a file that is replaced only on request."""
    text = run("card", "aerial")
    assert text.startswith("# aerial")
    assert "geoseg predict scene.tif -m aerial\n" in text
    target = tmp_path / "card.md"
    assert run("card", "aerial", "-o", target).strip() == str(target)
    assert target.read_text() == text
    assert "--overwrite" in run("card", "aerial", "-o", target, expect=5)
    run("card", "aerial", "-o", target, "--overwrite")
    assert "create it first" in run("card", "aerial", "-o", tmp_path / "no" / "card.md", expect=5)
    assert "--overwrite replaces the file --output; name one" in run("card", "aerial", "--overwrite", expect=2)


def test_stac(run, tmp_path):
    """The STAC item is written as JSON and links to the bundle."""
    target = tmp_path / "item.json"
    run("stac", "aerial", "-o", target)
    item = json.loads(target.read_text())
    assert item["id"].startswith("aerial-")
    assert (tmp_path / item["assets"]["model"]["href"]).resolve().name == "aerial.keras"


def test_stac_leaves_pipes_and_links_what_they_are(run, tmp_path):
    """What is no file of its own is written to and not replaced: pipes and devices, and links, whose target is."""
    pipe, link, file = (tmp_path / name for name in ("pipe", "link", "item.json"))
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    run("stac", "aerial", "-o", pipe, "--overwrite")
    assert pipe.is_fifo()
    assert json.loads(os.read(reader, 65536))["id"].startswith("aerial-")
    os.close(reader)
    file.write_text("an earlier one")
    link.symlink_to(file)
    run("stac", "aerial", "-o", link, "--overwrite")
    assert link.is_symlink()
    assert json.loads(file.read_text())["id"].startswith("aerial-")


def test_stac_where_nothing_can_be_written(run, tmp_path, monkeypatch):
    """An item that cannot be written whole is not there."""
    write = Path.write_text

    def half(path, text, **encoding):
        write(path, text[:100], **encoding)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    assert "cannot be written (No space left on device)" in run("stac", "aerial", "-o", tmp_path / "a.json", expect=5)
    assert not list(tmp_path.iterdir())


def test_export(run, tmp_path):
    """An export lists its files; a missing model and a wrong name give one sentence and an exit code."""
    pytest.importorskip("onnxruntime")
    target = tmp_path / "aerial.onnx"
    arguments = ("--format", "onnx", "--tile", 64)
    assert run("export", "aerial", *arguments, "-o", target).split() == [str(target)]
    assert "exists" in run("export", "aerial", *arguments, "-o", target, expect=5)
    assert "ends in .onnx" in run("export", "aerial", *arguments, "-o", tmp_path / "aerial", expect=5)
    assert "there is no model" in run("export", "nothing", *arguments, "-o", target, expect=4)
    run("export", "aerial", "--format", "pb", "-o", target, expect=2)


def test_export_advises(tmp_path):
    """An OpenVINO export prints how to get the same scores."""
    bundle, target = tmp_path / "own.keras", tmp_path / "own.xml"
    save_bundle(build_unet(bands=3, classes=5, depth=1, width=4), make_card(), bundle)
    result = CliRunner().invoke(main, ["models", "export", str(bundle), "--format", "openvino", "-o", str(target)])
    assert result.exit_code == 0, result.output
    assert '"INFERENCE_PRECISION_HINT": "f32"' in result.stderr


@pytest.fixture
def own(tmp_path):
    """A small bundle, and a folder of images to calibrate it on."""
    bundle, images = tmp_path / "own.keras", tmp_path / "images"
    save_bundle(build_unet(bands=3, classes=5, depth=1, width=4), make_card(), bundle)
    images.mkdir()
    for seed in range(3):
        Image.fromarray(render_scene(seed, (64, 128)).image[..., :3]).save(images / f"{seed}.png")
    return bundle, images


def test_quantize(run, own, tmp_path):
    """A quantised model prints its path and shows its loss; mistakes give one sentence each."""
    pytest.importorskip("nncf")
    bundle, images = own
    target = tmp_path / "out.keras"
    assert run("quantize", bundle, "--calibrate", images, "--tiles", 2, "-o", target).strip() == str(target)
    shown = " ".join(run("show", target).split())
    assert "int8 calibration tiles 2" in shown
    assert re.search(r"int8 same class as float32 [01]", shown)
    assert "same class as float32" in run("card", target)
    text = run("quantize", bundle, "--calibrate", images, "-o", target, expect=5)
    assert text == f"geoseg: {target} exists; choose another name, or replace it with --overwrite.\n"
    single = images / "0.png"
    text = run("quantize", bundle, "--calibrate", single, "-o", target, "--overwrite", "--bands", "1,2", expect=2)
    assert "--bands names 2 bands; the model needs 3" in text
    run("quantize", bundle, "-o", tmp_path / "other.keras", expect=2)


def test_predict_in_int8(own, write_scene, tmp_path):
    """`--precision int8` runs a quantised model, and tells how to make one of another."""
    pytest.importorskip("nncf")
    bundle, images = own
    target = tmp_path / "out.keras"
    words = ["models", "quantize", str(bundle), "--calibrate", str(images), "--tiles", "2", "-o", str(target)]
    assert CliRunner().invoke(main, words).exit_code == 0
    scene = write_scene(np.ascontiguousarray(np.moveaxis(render_scene(9, (64, 64)).image[..., :3], -1, 0)))
    predict = ["predict", str(scene), "--precision", "int8", "-o", str(tmp_path / "maps"), "-m"]
    result = CliRunner().invoke(main, [*predict, str(target)])
    assert result.exit_code == 0, result.output
    assert "int8, CPU" in result.stderr
    with rasterio.open(tmp_path / "maps" / "scene_classes.tif") as classes:
        assert "int8" in classes.tags()["GEOSEG_RUNTIME"]
    result = CliRunner().invoke(main, [*predict, str(bundle), "--overwrite"])
    assert result.exit_code == 2, result.output
    assert f"{bundle} has no 8-bit form; make one with `geoseg models quantize`." in result.stderr


@pytest.mark.slow
def test_calibrate(run, write_ids, tmp_path):
    """The copy's path is printed, and what the temperature does; too few images are an error of the data."""
    random = np.random.default_rng(0)
    for name in "ab":
        write_ids(random.integers(0, 256, (3, 64, 64), dtype=np.uint8), f"{name}.tif", folder="images")
        write_ids((random.random((64, 64)) < 0.1).astype(np.uint8) * 7, f"{name}.tif", folder="masks")
    bundle, target = tmp_path / "city.keras", tmp_path / "honest.keras"
    network = build_unet(bands=3, classes=5, depth=1, width=2)
    kernel, _ = network.get_layer("probabilities").get_weights()
    # As good as a constant: road in one of thirty pixels, where one of ten is.
    network.get_layer("probabilities").set_weights([kernel * 1e-3, np.log(np.float32([0.2, 0.2, 0.03, 0.3, 0.27]))])
    save_bundle(network, make_card(name="city"), bundle)
    places = map(str, (bundle, tmp_path / "images", tmp_path / "masks"))
    words = ["models", "calibrate", *places, "-o", str(target), "--class", "road=7"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(target)
    assert re.search(
        r"calibrated with temperature \d\.\d+, fitted on 8,192 pixels of 2 images: expected calibration error "
        r"0\.07\d before, 0\.0[01]\d after",
        result.stderr,
    )
    assert read_card(target).provenance["calibration"]["images"] == 2
    places = tmp_path / "images" / "a.tif", tmp_path / "masks" / "a.tif"
    text = run("calibrate", bundle, *places, "-o", tmp_path / "b.keras", "--class", "road=7", expect=3)
    assert "1 image with labels; two are needed" in text


def test_quantize_is_quiet_and_reports_to_nobody(own, tmp_path):
    """In a process of its own, NNCF prints nothing, writes nothing to the home, and neither it nor OpenVINO reports."""
    pytest.importorskip("nncf")
    bundle, images = own
    home = tmp_path / "home"
    home.mkdir()
    script = """
import sys
from functools import partial
from geoseg.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(sorted({"openvino_telemetry", "keras", "tensorflow", "torch", "onnxruntime"} & set(sys.modules)))
"""
    words = ["models", "quantize", str(bundle), "--calibrate", str(images), "--tiles", "2", "-o", "out.keras"]
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out.keras\n[]\n"
    assert all(line.startswith(("int8 gives ", "  ")) for line in done.stderr.splitlines())
    assert not list(home.rglob("*"))


@pytest.mark.parametrize("command", ["show", "card"])
def test_foreign_model(run, tmp_path, command):
    """A file that is no bundle is refused with exit code 4."""
    path = tmp_path / "foreign.keras"
    path.write_bytes(b"nothing")
    assert "foreign.keras" in run(command, path, expect=4)
