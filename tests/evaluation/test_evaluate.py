"""The scores of class rasters and folders agree with scores of their pixels."""

import json
import re

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from scipy.ndimage import distance_transform_edt
from sklearn.metrics import cohen_kappa_score, jaccard_score
from standins import DAMAGED_LEGENDS

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import SceneError, UsageError
from geoseg.evaluation import Criteria, evaluate
from geoseg.evaluation.evaluate import compare
from geoseg.evaluation.pairing import pair_rasters
from geoseg.evaluation.result import Subject
from geoseg.models.legend import AERIAL, LEVELS
from geoseg.rasters.ground import MAP_SCALE_ERROR
from geoseg.rasters.opening.open import unplaced


def test_scores_of_a_raster(write_ids, blobs):
    """A raster with a legend is scored by class names, as scikit-learn scores its pixels."""
    predicted, truth = blobs(60, 50), blobs(60, 50, seed=1)
    truth[:3] = 255
    evaluation = evaluate(write_ids(predicted, "a.tif", legend=AERIAL), write_ids(truth, "b.tif"))
    assert [entry.scores.name for entry in evaluation.classes] == list(AERIAL.names)
    iou = jaccard_score(truth[3:].ravel(), predicted[3:].ravel(), average=None)
    np.testing.assert_allclose([entry.scores.iou for entry in evaluation.classes], iou)
    assert evaluation.scores.kappa == pytest.approx(cohen_kappa_score(truth[3:].ravel(), predicted[3:].ravel()))
    assert evaluation.calibration is None
    assert all(entry.sweep is None for entry in evaluation.classes)
    assert not evaluation.notes


def test_strip_height_changes_nothing(write_ids, blobs):
    """With any strip height the evaluation, with erosion and probabilities, is the same to the last bit."""
    random = np.random.default_rng(0)
    weights = random.random((5, 70, 40)) ** 4
    levels = np.rint(weights / weights.sum(axis=0) * LEVELS).astype(np.uint8)
    ours = write_ids(weights.argmax(axis=0).astype(np.uint8), "a_classes.tif", legend=AERIAL)
    write_ids(levels, "a_probabilities.tif", levels=True)
    theirs = write_ids(blobs(70, 40), "b.tif")
    pairs, _ = pair_rasters(ours, theirs)
    criteria, subject = Criteria(erode=2, relax=4, ignore=["water"]), Subject(prediction="a", reference="b")
    documents = [
        json.dumps(compare(pairs, criteria, subject, count=1, notes=(), strip_pixels=pixels).to_json())
        for pixels in (1, 40 * 7, 10**6)
    ]
    assert documents[0] == documents[1] == documents[2]
    assert json.loads(documents[0])["calibration"]["error"] > 0


def test_classes_without_legend(write_ids, blobs):
    """Without a legend, classes are named by the ids that occur, or by the reference's legend."""
    predicted, truth = blobs(30, 30) * 50, blobs(30, 30, seed=1) * 50
    evaluation = evaluate(write_ids(predicted, "a.tif"), write_ids(truth, "b.tif"))
    assert [entry.scores.name for entry in evaluation.classes] == ["0", "50", "100", "150", "200"]
    iou = jaccard_score(truth.ravel(), predicted.ravel(), average=None)
    np.testing.assert_allclose([entry.scores.iou for entry in evaluation.classes], iou)
    named = evaluate(write_ids(predicted // 50, "a.tif"), write_ids(truth // 50, "b.tif", legend=AERIAL))
    assert named.names == AERIAL.names


def test_folders(write_ids, blobs):
    """Folders are matched by name; the scores are over the pixels of all images, and of each."""
    for number in range(3):
        write_ids(blobs(20, 30 + number, seed=number), f"s{number}_classes.tif", folder="maps")
        write_ids(blobs(20, 30 + number, seed=number + 5), f"s{number}.tif", folder="truth")
    folder = write_ids(blobs(9, 9), "s9.tif", folder="truth").parent
    seen = []
    evaluation = evaluate(
        folder.parent / "maps", folder, bootstrap=50, seed=4, progress=lambda *step: seen.append(step)
    )
    assert [image.name for image in evaluation.images] == ["s0", "s1", "s2"]
    assert seen == [(0, 3, "s0"), (1, 3, "s1"), (2, 3, "s2"), (3, 3, "")]
    assert evaluation.scores.pixels == sum(image.scores.pixels for image in evaluation.images) == 20 * 93
    right = sum(image.scores.overall_accuracy * image.scores.pixels for image in evaluation.images)
    assert evaluation.scores.overall_accuracy == pytest.approx(right / (20 * 93))
    low, high = evaluation.intervals["mean_iou"]
    assert low < evaluation.scores.mean_iou < high
    assert evaluation.classes[0].intervals["relaxed_f1"][0] <= evaluation.classes[0].relaxed.f1
    assert "without a counterpart: s9" in evaluation.notes[0]


def test_swapped(write_ids, blobs):
    """A note asks whether prediction and reference are swapped if a model made the reference only."""
    made = write_ids(blobs(20, 20), "a.tif", tags={"GEOSEG_MODEL": "aerial 1.0.0"})
    drawn = write_ids(blobs(20, 20, seed=1), "b.tif")
    (image,) = evaluate(drawn, made).images
    assert "a.tif was made by aerial 1.0.0" in image.notes[0]
    assert "if they are swapped" in image.notes[0]
    for pair in ((made, drawn), (made, made), (drawn, drawn)):
        (image,) = evaluate(*pair).images
        assert not image.notes


def test_road_of_many_classes_against_a_mask(write_ids, blobs):
    """Relaxed scores and break-even of a road class against a mask of roads agree with SciPy's distances."""
    predicted, mask = blobs(50, 60), (blobs(50, 60, seed=3) == 1).astype(np.uint8) * 255
    random = np.random.default_rng(2)
    levels = random.integers(0, LEVELS + 1, (5, 50, 60), dtype=np.uint8)
    write_ids(levels, "a_probabilities.tif", levels=True)
    ours = write_ids(predicted, "a_classes.tif", legend=AERIAL)
    evaluation = evaluate(ours, write_ids(mask, "b.tif"), single="road=255", relax=1)
    road = evaluation.classes[1]
    found, true = predicted == 2, mask == 255
    assert road.scores.support == true.sum()
    assert road.scores.false_positives == (found & ~true).sum()
    near_true, near_found = (distance_transform_edt(~side) <= 1 for side in (true, found))
    assert road.relaxed.precision == pytest.approx(near_true[found].mean())
    assert road.relaxed.recall == pytest.approx(near_found[true].mean())
    at_100 = levels[2] >= 100
    assert road.sweep.precision[100] == pytest.approx(near_true[at_100].mean())
    assert road.sweep.recall[100] == pytest.approx((distance_transform_edt(~at_100) <= 1)[true].mean())
    assert evaluation.calibration.bins[0].pixels > 0


def test_confidence_is_found(write_ids, blobs):
    """A confidence raster next to the classes gives the calibration error."""
    truth = blobs(20, 20)
    ours = write_ids(truth, "a_classes.tif", legend=AERIAL)
    write_ids(np.full((20, 20), 127, np.uint8), "a_confidence.tif", levels=True)
    assert evaluate(ours, write_ids(truth, "b.tif")).calibration.error == pytest.approx(0.5)


def test_isprs_protocol(write_ids, blobs):
    """ISPRS erodes by 3 pixels; its variant without clutter ignores that class, and needs a legend that has it."""
    predicted, truth = np.kron(blobs(8, 8, classes=6), np.ones((12, 12), np.uint8)), None
    truth = np.roll(predicted, 2, axis=1)
    ours = write_ids(predicted, "a.tif", legend=LEGENDS["potsdam"])
    theirs = write_ids(truth, "b.tif")
    plain, isprs, without = (evaluate(ours, theirs, protocol=name) for name in (None, "isprs", "isprs-no-clutter"))
    assert isprs.to_json() | {"criteria": 0} == evaluate(ours, theirs, erode="3px").to_json() | {"criteria": 0}
    assert isprs.scores.pixels < plain.scores.pixels
    assert isprs.scores.overall_accuracy > plain.scores.overall_accuracy
    assert [entry.scores.name for entry in without.classes] == list(LEGENDS["potsdam"].names[:5])
    assert without.scores.pixels == isprs.matrix[:5].sum()
    with pytest.raises(UsageError, match="no class is called clutter"):
        evaluate(write_ids(predicted % 5, "c.tif", legend=AERIAL), theirs, protocol="isprs-no-clutter")


def test_metres(write_ids, blobs):
    """A distance in metres is that many pixels of the prediction."""
    place = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)
    ours, theirs = (write_ids(blobs(40, 40, seed=i), f"{i}.tif", transform=place) for i in range(2))
    metres, pixels = evaluate(ours, theirs, relax="1m"), evaluate(ours, theirs, relax=2)
    assert metres.classes == pixels.classes


def test_metres_in_degrees(write_ids):
    """At 60 degrees north, 3 m are as far along a row of a grid in degrees as down a column."""
    step, geod = 1e-5, pyproj.Geod(ellps="WGS84")
    place = {"crs": "EPSG:4326", "transform": Affine(step, 0, 10, 0, -step, 60)}
    predicted, truth = np.zeros((2, 40, 40), np.uint8)
    predicted[20, 20], truth[:] = 1, 1
    rows, cols = np.mgrid[:40, :40] + 0.5
    lon, lat = 10 + step * cols, 60 - step * rows
    metres = geod.inv(lon, lat, np.full(lon.shape, lon[20, 20]), np.full(lat.shape, lat[20, 20]))[2]
    ours, theirs = (write_ids(ids, name, **place) for ids, name in ((predicted, "a.tif"), (truth, "b.tif")))
    one = evaluate(ours, theirs, relax="3m").classes[-1]
    assert one.relaxed.recall == pytest.approx((metres <= 3 * (1 + MAP_SCALE_ERROR)).mean(), rel=1e-9)


def test_distances_in_a_local_crs(write_ids, blobs):
    """Pixels of a CRS without metres on the ground need no size, unless a distance is in metres."""
    local = 'LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    ours, theirs = (write_ids(blobs(20, 20), name, crs=local) for name in ("a.tif", "b.tif"))
    assert evaluate(ours, theirs, erode=2).scores.overall_accuracy == 1
    with pytest.raises(SceneError, match=r"a\.tif"):
        evaluate(ours, theirs, relax="3m")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"bootstrap": 10}, "they need at least two"),
        ({"bootstrap": -1}, "0 or more"),
        ({"protocol": "icpr"}, "choose one of isprs"),
        ({"protocol": "isprs", "erode": 2}, "leave `erode` out"),
        ({"relax": "wide"}, "is not a distance"),
        ({"single": "canal"}, "no class 'canal'"),
    ],
)
def test_choices_that_cannot_be(write_ids, blobs, choices, message):
    """Unusable options are refused with a reason."""
    ours = write_ids(blobs(20, 20), "a.tif", legend=AERIAL)
    with pytest.raises(UsageError, match=message):
        evaluate(ours, write_ids(blobs(20, 20), "b.tif"), **choices)


def test_legends_must_agree(write_ids, blobs):
    """Ids of different legends are not compared, neither across a pair nor across images."""
    maps = [
        write_ids(blobs(20, 20), f"{name}_classes.tif", folder="maps", legend=legend)
        for name, legend in (("a", AERIAL), ("b", LEGENDS["mbrsc"]), ("c", LEGENDS["potsdam"]))
    ]
    for name in "abc":
        write_ids(blobs(20, 20), f"{name}.tif", folder="truth")
    with pytest.raises(SceneError, match=r"b_classes\.tif has a different legend from .*a_classes\.tif"):
        evaluate(maps[0].parent, maps[0].parent.parent / "truth")
    with pytest.raises(SceneError, match="has the classes building, land"):
        evaluate(maps[0], maps[2])


def test_empty_files(write_ids, blobs, tmp_path):
    """An error names files that are not rasters."""
    ours, empty = write_ids(blobs(20, 20), "a.tif"), tmp_path / "b.tif"
    empty.touch()
    with pytest.raises(SceneError, match=r"b\.tif is empty"):
        evaluate(ours, empty)


@pytest.mark.parametrize("text", DAMAGED_LEGENDS)
def test_damaged_legend(write_ids, blobs, text):
    """An error names the raster whose legend cannot be read."""
    ours, theirs = write_ids(blobs(20, 20), "a.tif"), write_ids(blobs(20, 20), "b.tif")
    with rasterio.open(ours, "r+") as dataset:
        dataset.update_tags(GEOSEG_LEGEND=text)
    for predicted, truth in ((ours, theirs), (theirs, ours)):
        with pytest.raises(SceneError, match=r"a\.tif has a GEOSEG_LEGEND tag that is not a legend"):
            evaluate(predicted, truth)


def test_the_damaged_file_is_blamed(write_ids, blobs):
    """An error names the raster whose pixels cannot be read."""
    ours, theirs = write_ids(blobs(60, 60), "a.tif"), write_ids(blobs(60, 60), "b.tif")
    ours.write_bytes(ours.read_bytes()[:-1500])
    with pytest.raises(SceneError, match=r"^\S*a\.tif cannot be read as a raster"):
        evaluate(ours, theirs)
    with pytest.raises(SceneError, match=r"^\S*a\.tif cannot be read as a raster"):
        evaluate(theirs, ours)


def test_other_ground(write_ids, blobs):
    """A reference elsewhere is refused, not scored as 0; of several, the image is noted."""
    here = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    far = Affine.translation(5000, 0) @ here
    for name, transform in (("a", here), ("b", far)):
        last = write_ids(blobs(20, 20), f"{name}.tif", folder="maps", legend=AERIAL)
        truth = write_ids(blobs(20, 20), f"{name}.tif", folder="truth", transform=transform)
    with pytest.raises(SceneError, match=r"b\.tif has a class in \S*b\.tif: do they show the same ground"):
        evaluate(last, truth)
    evaluation = evaluate(last.parent, truth.parent, bootstrap=10)
    assert evaluation.scores.overall_accuracy == 1
    assert evaluation.images[1].scores.pixels == 0
    assert evaluation.notes == (
        "1 of 2 images has no pixel with a class in both prediction and reference, and no scores: b. Do they show the "
        "same ground?",
    )
    write_ids(blobs(20, 20), "a.tif", folder="truth", transform=far)
    with pytest.raises(SceneError, match=r"a\.tif has a class in \S*a\.tif: do they show the same ground"):
        evaluate(last.parent, truth.parent)


@pytest.mark.parametrize("side", ["a", "b"])
def test_control_points_on_one_side(write_ids, blobs, side):
    """A raster placed by ground control points, beside one on a map, is not compared pixel by pixel."""
    paths = {name: write_ids(blobs(20, 20), f"{name}.tif", crs=None if name == side else "EPSG:32633") for name in "ab"}
    with unplaced(), rasterio.open(paths[side], "r+") as raster:
        points = [(0, 0), (0, 20), (20, 0), (20, 20)]
        points = [GroundControlPoint(row, col, 500_000 + 2 * col, 5_400_000 - 2 * row) for row, col in points]
        raster.gcps = points, "EPSG:32633"
    with pytest.raises(SceneError, match=rf"{side}\.tif is georeferenced by ground control points only; warp it first"):
        evaluate(paths["a"], paths["b"])


def test_a_class_that_erosion_removes(write_ids, blobs):
    """A class of lines has no pixel left after erosion, with a legend or without: it is noted."""
    truth = np.repeat(np.array([0, 1, 0], np.uint8), [20, 2, 18])[:, None] * np.ones(40, np.uint8)
    for legend, name in ((AERIAL, "land"), (None, "1")):
        ours = write_ids(truth, "a.tif", legend=legend)
        notes = evaluate(ours, write_ids(truth, "b.tif"), erode=3).notes
        assert any(note.startswith(f"Erosion excluded all reference pixels of {name}: ") for note in notes)


def test_probabilities_without_a_legend(write_ids, blobs):
    """Probabilities of a class raster without a legend are not read, and a note says so."""
    ours = write_ids(blobs(20, 20), "a.tif", folder="maps")
    write_ids(np.zeros((5, 20, 20), np.uint8), "a_probabilities.tif", folder="maps", levels=True)
    evaluation = evaluate(ours, write_ids(blobs(20, 20), "a.tif", folder="truth"))
    assert evaluation.calibration is None
    (image,) = evaluation.images
    assert image.notes == ("its probabilities are not read, as no legend of geoseg says which band is which class",)


def test_probabilities_of_some_images(write_ids, blobs):
    """Without probabilities of every image, scores that need them are left out, and a note names the images."""
    for name in "abc":
        last = write_ids(blobs(20, 20), f"{name}_classes.tif", folder="maps", legend=AERIAL)
        write_ids(blobs(20, 20), f"{name}.tif", folder="truth")
        if name != "b":
            write_ids(np.zeros((5, 20, 20), np.uint8), f"{name}_probabilities.tif", folder="maps", levels=True)
    evaluation = evaluate(last.parent, last.parent.parent / "truth")
    assert evaluation.calibration is None
    assert all(entry.sweep is None for entry in evaluation.classes)
    assert evaluation.notes == (
        "1 of 3 images has no probabilities for break-even points and the calibration error, which need them for all: "
        "b.",
    )
    write_ids(np.zeros((20, 20), np.uint8), "b_confidence.tif", folder="maps", levels=True)
    with_confidence = evaluate(last.parent, last.parent.parent / "truth")
    assert with_confidence.calibration is not None
    (note,) = with_confidence.notes
    assert note.startswith("1 of 3 images has no probabilities for break-even points, ")


@pytest.mark.parametrize(
    ("choices", "cause"),
    [
        ({"erode": 1000}, "`erode='1000 px'`"),
        ({"ignore": AERIAL.names}, "`ignore=['building', 'land', 'road', 'vegetation', 'water']`"),
        ({"ignore": [0], "protocol": "isprs"}, "`ignore=[0]` and `protocol='isprs'`"),
    ],
)
def test_nothing_is_left(write_ids, choices, cause):
    """Options that exclude every pixel are refused."""
    ids = np.tile(np.array([0, 1], np.uint8), (20, 10))
    with pytest.raises(UsageError, match=re.escape(f"nothing is left to compare: {cause} excluded all")):
        evaluate(write_ids(ids, "a.tif", legend=AERIAL), write_ids(ids, "b.tif"), **choices)


def test_missing_predictions_are_noted(write_ids, blobs):
    """Reference pixels without a prediction are reported with their number, and not scored."""
    predicted = blobs(20, 20)
    predicted[:5] = 255
    evaluation = evaluate(write_ids(predicted, "a.tif", legend=AERIAL), write_ids(blobs(20, 20), "b.tif"))
    assert evaluation.scores.unpredicted == 100
    assert evaluation.scores.overall_accuracy == 1
    assert evaluation.notes == ("100 reference pixels have no prediction and are not scored.",)
    predicted[:5, 1:] = predicted[0, 0] = 0
    evaluation = evaluate(write_ids(predicted[4:], "c.tif", legend=AERIAL), write_ids(blobs(16, 20), "d.tif"))
    assert evaluation.notes == ("1 reference pixel has no prediction and is not scored.",)
