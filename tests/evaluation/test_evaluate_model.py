"""Evaluating a model equals evaluating its predictions."""

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.control import GroundControlPoint

import geoseg
from geoseg.datasets.pairs import Files
from geoseg.errors import BundleError, SceneError, UsageError
from geoseg.evaluation import evaluate, evaluate_model
from geoseg.evaluation.calibrate_model import calibrate
from geoseg.evaluation.labelled_images import on_own_pixels
from geoseg.rasters.opening.open import unplaced

ROWS, COLS = 90, 70


@pytest.fixture
def image():
    """Pixels `(3, height, width)`, which the echo classifies as road where blue is highest."""
    return np.random.default_rng(1).integers(0, 255, (3, ROWS, COLS), dtype=np.uint8)


def test_same_as_predicting_first(write_ids, write_bundle, echo, blobs, image):
    """The scores equal those of predicting with probabilities, then evaluating; labels are on the image's grid."""
    fine = Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)
    scene = write_ids(image, "scene.tif", folder="images", transform=fine)
    label = write_ids(blobs(ROWS, COLS), "scene.tif", folder="labels", transform=fine)
    bundle = write_bundle()
    at_once = evaluate_model(bundle, scene.parent, label.parent, load=echo)
    made = geoseg.predict(scene, model=bundle, folder=label.parent.parent / "maps", load=echo, probabilities=True)
    in_turn = evaluate(made.outputs.classes, label)
    found, expected = at_once.to_json(), in_turn.to_json()
    assert found["classes"] == expected["classes"]
    assert found["calibration"] == expected["calibration"]
    assert at_once.images[0].prediction == str(scene)
    assert "nearest pixel" in at_once.images[0].notes[0]
    assert at_once.scores.pixels == ROWS // 2 * COLS // 2


@pytest.mark.parametrize("place", [None, Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)])
def test_labels_without_georeference(write_ids, write_bundle, echo, blobs, image, place):
    """Such labels are compared with the image's own pixels, whether the image has a georeference or not."""
    write_ids(image, "scene.tif", folder="images", **({"crs": None} if place is None else {"transform": place}))
    label = write_ids(blobs(ROWS, COLS), "scene_label.tif", folder="labels", crs=None)
    folder = label.parent.parent
    choices = {"load": echo, "image_gsd_m": 1.0 if place is None else None}
    evaluation = evaluate_model(write_bundle(), folder / "images", folder / "labels", **choices)
    assert evaluation.scores.pixels == ROWS * COLS
    if place is None:
        bands = image[[0, 1, 2, 0, 1]]  # what the echo makes of its three bands
        assert evaluation.scores.overall_accuracy == (bands.argmax(axis=0) == blobs(ROWS, COLS)).mean()


def test_labels_on_control_points(write_ids, blobs, image):
    """Labels that only ground control points place are refused before anything is predicted, also in calibration."""
    label = write_ids(blobs(ROWS, COLS), "label.tif", crs=None)
    with unplaced(), rasterio.open(label, "r+") as raster:
        corners = [(0, 0), (0, COLS), (ROWS, 0), (ROWS, COLS)]
        points = [GroundControlPoint(row, col, 500_000 + 2 * col, 5_400_000 - 2 * row) for row, col in corners]
        raster.gcps = points, "EPSG:32633"
    files = Files(name="scene", image=write_ids(image, "scene.tif"), label=label)
    with pytest.raises(SceneError, match=r"label\.tif is georeferenced by ground control points only; warp it first"):
        on_own_pixels(files)


def test_what_was_evaluated(write_ids, write_bundle, echo, blobs, image):
    """The result states the model with its version, how it was run, and on which folders."""
    scene = write_ids(image, "scene.tif", folder="images", crs=None)
    label = write_ids(blobs(ROWS, COLS), "scene.tif", folder="labels", crs=None)
    bundle = write_bundle()
    evaluation = evaluate_model(
        bundle,
        scene.parent,
        label.parent,
        load=echo,
        image_gsd_m=0.5,
        tta="flips",
        bands=(3, 2, 1),
        nodata=7,
        stretch="0,200",
        tile=64,
        overlap=0.25,
        gsd_m=0.6,
    )
    assert evaluation.to_json()["subject"] == {
        "prediction": str(scene.parent),
        "reference": str(label.parent),
        "models": ["stand-in 1"],
        "inference": {
            "bundle": str(bundle),
            "tta": "flips",
            "bands": [3, 2, 1],
            "nodata": [7.0],
            "stretch": "0,200",
            "stretch_from": None,
            "tile": 64,
            "overlap": 0.25,
            "gsd_m": 0.6,
            "image_gsd_m": 0.5,
            "runtime": None,
        },
    }
    assert evaluation.sentences()[0] == (
        f"Model stand-in 1 ({bundle}; tta flips, bands 3,2,1, nodata 7, stretch 0,200, tile 64, overlap 0.25, "
        f"gsd 0.6 m; images without a georeference at 0.5 m) on {scene.parent} against {label.parent}."
    )


@pytest.mark.parametrize(
    "choices",
    [
        {"bands": (3, 1, 2)},
        {"nodata": 9},
        {"stretch": "p20,p60"},
        {"stretch_from": "other.tif"},
        {"gsd_m": 2.5},
    ],
)
def test_images_are_read_as_in_prediction(write_ids, write_bundle, echo, blobs, image, tmp_path, choices):
    """Bands, nodata, stretch and ground sample distance mean what they mean to `predict`."""
    image[:, :20, :20] = 9
    scene = write_ids(image, "scene.tif", folder="images")
    if "stretch_from" in choices:
        choices = {"stretch_from": write_ids(image // 2, "other.tif", crs=None)}  # its location does not matter
    label = write_ids(blobs(ROWS, COLS), "scene.tif", folder="labels")
    bundle = write_bundle()
    plain = evaluate_model(bundle, scene, label, load=echo).to_json()
    found = evaluate_model(bundle, scene, label, load=echo, **choices).to_json()
    made = geoseg.predict(scene, model=bundle, folder=tmp_path / "maps", load=echo, probabilities=True, **choices)
    expected = evaluate(made.outputs.classes, label).to_json()
    assert found["matrix"] == expected["matrix"] != plain["matrix"]
    assert found["calibration"] == expected["calibration"]


def test_joint_stretch(write_ids, write_bundle, echo, blobs, image):
    """One stretch of all images, with or without a georeference: between percentiles 2 and 98 of their values."""
    dark = image.astype(np.uint16)
    for name, pixels in (("a.tif", dark + 1), ("b.tif", dark * 9 + 1)):
        scene = write_ids(pixels, name, folder="images", crs=None)
        label = write_ids(blobs(ROWS, COLS), name, folder="labels", crs=None)
    choices = {"bands": (1, 2, 3), "stretch": "joint"}
    evaluation = evaluate_model(write_bundle(), scene.parent, label.parent, load=echo, **choices)
    pooled = np.concatenate([dark + 1, dark * 9 + 1]).reshape(2, 3, -1).transpose(1, 0, 2).reshape(3, -1)
    limits = np.percentile(pooled, (2, 98), axis=1).T
    assert evaluation.subject.inference.stretch == ";".join(f"{low:.6g},{high:.6g}" for low, high in limits)


def test_errors_name_the_image(write_ids, write_bundle, echo, blobs, image):
    """Errors name the image, not a temporary file."""
    scene = write_ids(image, "part 1.tif", folder="images", crs=None)
    label = write_ids(np.full((ROWS, COLS), 255, np.uint8), "part 1.tif", folder="labels", crs=None)
    with pytest.raises(SceneError) as caught:
        evaluate_model(write_bundle(), scene, label, load=echo, bands=(3, 2, 9))
    assert f"{scene} has 3 bands" in str(caught.value)
    with pytest.raises(SceneError) as unlabelled:
        evaluate_model(write_bundle(), scene, label, load=echo)
    assert f"no pixel of {scene} has a class in {label}" in str(unlabelled.value)


def test_gsd_of_images_without_georeference(write_ids, write_bundle, echo, blobs, image):
    """Finer images than the model's are predicted at its resolution, and compared on their own pixels."""
    scene = write_ids(image, "scene.tif", folder="images", crs=None)
    label = write_ids(blobs(ROWS, COLS), "scene.tif", folder="labels", crs=None)
    own, finer = (evaluate_model(write_bundle(), scene, label, load=echo, image_gsd_m=gsd_m) for gsd_m in (None, 0.5))
    assert own.scores.pixels == finer.scores.pixels == ROWS * COLS
    assert (own.matrix != finer.matrix).any()


def test_gsd_of_images_that_have_one(write_ids, write_bundle, echo, blobs, image):
    """Metres per pixel are refused where every image has a georeference, whose own pixel size would be used."""
    scene = write_ids(image, "scene.tif", folder="images")
    label = write_ids(blobs(ROWS, COLS), "scene.tif", folder="labels")
    refused = pytest.raises(UsageError, match=r"`image_gsd_m` is for images without a georeference, and .* has one")
    with refused:
        evaluate_model(write_bundle(), scene, label, load=echo, image_gsd_m=0.5)
    with refused:
        calibrate("roads", scene, label, image_gsd_m=0.5)


def test_what_cannot_be_evaluated(write_ids, write_bundle, echo, blobs, image, tmp_path):
    """Labels of another size, labels with a georeference for images without, vectors and missing models are refused."""
    bundle, scene = write_bundle(), write_ids(image, "scene.tif", folder="images", crs=None)
    label = write_ids(blobs(ROWS - 1, COLS), "scene.tif", folder="labels", crs=None)
    with pytest.raises(SceneError, match=r"70 × 89 pixels and .* 70 × 90; without a georeference"):
        evaluate_model(bundle, scene, label, load=echo)
    label = write_ids(blobs(ROWS, COLS), "scene.tif", folder="labels")
    with pytest.raises(SceneError, match="has no georeference, but its label has"):
        evaluate_model(bundle, scene, label, load=echo)
    vector = tmp_path / "scene.geojson"
    vector.write_text("{}")
    with pytest.raises(UsageError, match=r"scene\.geojson is not a raster"):
        evaluate_model(bundle, scene, vector, load=echo)
    with pytest.raises(BundleError, match="there is no model nothing"):
        evaluate_model("nothing", scene, label, load=echo)


def test_nothing_is_left_behind(write_ids, write_bundle, echo, blobs, image, tmp_path, monkeypatch):
    """The temporary folder of predictions is removed, even after errors; images and labels stay unchanged."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    scene = write_ids(image, "scene.tif", folder="images", crs=None)
    label = write_ids(blobs(ROWS, COLS), "scene.tif", folder="labels", crs=None)
    before = scene.read_bytes()
    evaluate_model(write_bundle(), scene, label, load=echo)
    assert not list(scratch.iterdir())
    nothing = write_ids(np.full((ROWS, COLS), 255, np.uint8), "nothing.tif", crs=None)
    with pytest.raises(SceneError, match="no pixel of") as caught:
        evaluate_model(write_bundle(), scene, nothing, load=echo)
    assert not list(scratch.iterdir()), caught.value
    assert [path.name for path in (*scene.parent.iterdir(), *label.parent.iterdir())] == ["scene.tif", "scene.tif"]
    assert scene.read_bytes() == before
