"""The scores of class rasters and folders agree with scores of their pixels."""

import json
import re

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from scipy.ndimage import distance_transform_edt
from sklearn.metrics import cohen_kappa_score, jaccard_score
from standins import DAMAGED_LEGENDS, name_ids, warned, write_mosaic

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import SceneError, UsageError
from geoseg.evaluation import Criteria, evaluate
from geoseg.evaluation.evaluate import compare
from geoseg.evaluation.pairing import pair_rasters
from geoseg.evaluation.result import Subject
from geoseg.models.legend import AERIAL, LEVELS
from geoseg.rasters.ground import MAP_SCALE_ERROR
from geoseg.rasters.open import unplaced


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
    criteria, subject = Criteria(erode=2, relax=4, ignore=["water"]), Subject(prediction="a", truth="b")
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


@pytest.mark.parametrize("single", [None, "car"])
def test_labels_compressed_with_loss(write_ids, blobs, tmp_path, single):
    """ISPRS labels whose colours lossy compression has changed give the scores of exact ones, and a warning."""
    ids = blobs(30, 30, classes=6)
    ours = write_ids(np.roll(ids, 1, axis=0), "a.tif", legend=LEGENDS["potsdam"])
    colours = np.array([entry.rgb for entry in LEGENDS["potsdam"].classes], np.uint8)[ids]
    changes = np.random.default_rng(0).integers(1, 40, colours.shape, dtype=np.uint8)
    exact, lossy = tmp_path / "exact.png", tmp_path / "lossy.png"
    Image.fromarray(colours).save(exact)
    Image.fromarray(np.where(colours > 127, 255 - changes, changes)).save(lossy)
    expected = evaluate(ours, exact, coding="potsdam", single=single)
    with warned(r"lossy\.png has colours that are not those of its coding but near them"):
        found = evaluate(ours, lossy, coding="potsdam", single=single)
    assert found.classes == expected.classes


@pytest.mark.parametrize("order", ["blue green red", "alpha red green blue", "blue green red alpha"])
def test_colours_by_interpretation(write_ids, blobs, order):
    """Bands of colours are taken by GDAL's colour interpretation: blue first would show other classes of Potsdam."""
    ids = blobs(30, 30, classes=6)
    ours = write_ids(ids, "a.tif", legend=LEGENDS["potsdam"])
    red, green, blue = np.array([entry.rgb for entry in LEGENDS["potsdam"].classes], np.uint8)[ids].transpose(2, 0, 1)
    bands = {"red": red, "green": green, "blue": blue, "alpha": np.full_like(red, 255)}
    theirs = write_ids(np.stack([bands[name] for name in order.split()]), "b.tif")
    with rasterio.open(theirs, "r+") as raster:
        raster.colorinterp = [ColorInterp[name] for name in order.split()]
    assert evaluate(ours, theirs, coding="potsdam").scores.overall_accuracy == 1


@pytest.mark.parametrize("side", ["a.tif", "b.tif"])
def test_ids_with_a_scale(write_ids, blobs, side):
    """Ids that stand for others by a scale and offset, which QGIS shows, are refused on both sides."""
    ours, theirs = (write_ids(blobs(20, 20), name) for name in ("a.tif", "b.tif"))
    with rasterio.open(ours.with_name(side), "r+") as raster:
        raster.scales = [2]
    with pytest.raises(SceneError, match=rf"{side} declares scale 2 and offset 0 for its class ids"):
        evaluate(ours, theirs)


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


def test_a_mask_whose_other_classes_are_nodata(write_ids, blobs):
    """Where nodata stands for the other classes, nothing can be a false find: it is noted."""
    mask = (blobs(20, 20, seed=1) == 2).astype(np.uint8) * 255
    ours, theirs = write_ids(blobs(20, 20), "a.tif", legend=AERIAL), write_ids(mask, "b.tif", nodata=0)
    evaluation = evaluate(ours, theirs, single="road=255")
    assert evaluation.classes[1].scores.precision == 1
    (note,) = evaluation.notes
    assert note.startswith(
        f"All reference pixels with a class are road, and {(mask == 0).sum():,} have none, so no prediction"
    )
    assert not evaluate(ours, write_ids(mask, "c.tif"), single="road=255").notes


def test_a_class_that_is_nodata(write_ids, blobs):
    """A nodata value of the reference that is one of the classes is noted: its pixels are not scored."""
    ours, theirs = write_ids(blobs(20, 20), "a.tif", legend=AERIAL), write_ids(blobs(20, 20), "b.tif", nodata=0)
    note = (
        "a: the reference declares its value 0 (building) as nodata, so that those pixels are unlabelled: if they are "
        "of that class, remove the declaration (`gdal_translate -a_nodata none IN OUT.tif`)."
    )
    assert note in evaluate(ours, theirs).sentences()
    assert not evaluate(ours, theirs, ignore=["building"]).images[0].notes
    assert not evaluate(ours, write_ids(blobs(20, 20), "c.tif", nodata=255)).images[0].notes
    assert not evaluate(write_ids(blobs(20, 20), "d.tif", nodata=0), theirs).images[0].notes
    assert evaluate(write_ids(blobs(20, 20), "e.tif"), theirs).images[0].notes


@pytest.mark.parametrize("palette", [False, True])
def test_a_colour_that_is_nodata(write_ids, blobs, palette):
    """White as nodata, as `gdalwarp -dstnodata 255` declares it, is a class of Potsdam."""
    ids, legend = blobs(20, 20, classes=6), LEGENDS["potsdam"]
    colours = {number: entry.rgb for number, entry in enumerate(legend.classes)}
    ours = write_ids(ids, "a.tif", legend=legend)
    if palette:
        theirs = write_ids(ids, "b.tif", colours=colours, nodata=0)
    else:
        theirs = write_ids(np.array([*colours.values()], np.uint8)[ids].transpose(2, 0, 1), "b.tif", nodata=255)
    (note,) = evaluate(ours, theirs, coding="potsdam").images[0].notes
    assert note.startswith(f"the reference declares its value {0 if palette else 255} (impervious surface) as nodata")


@pytest.mark.parametrize("table", [False, True])
def test_names_that_contradict_the_legend(write_ids, blobs, table):
    """Names of ids in either raster that are not those of the legend are noted; those that agree are not."""
    other = dict(enumerate(AERIAL.names)) | {2: "water", 4: "road"}
    ours = name_ids(write_ids(blobs(20, 20), "a.tif", legend=AERIAL), dict(enumerate(AERIAL.names)), table=table)
    assert (
        not evaluate(ours, name_ids(write_ids(blobs(20, 20), "b.tif"), dict(enumerate(AERIAL.names)))).images[0].notes
    )
    theirs = name_ids(write_ids(blobs(20, 20), "b.tif"), other, table=table)
    (note,) = evaluate(ours, theirs).images[0].notes
    assert note.startswith("the reference names its id 2 'water' (and 1 more id), but it is taken for road: check")
    (note,) = evaluate(ours, theirs, ignore=["road"]).images[0].notes
    assert note.startswith("the reference names its id 4 'road', but it is taken for water")
    assert not evaluate(ours, theirs, ignore=["road", "water"]).images[0].notes
    (note,) = evaluate(ours, theirs, single="road").images[0].notes
    assert note.startswith("the reference names its id 2 'water', but it is taken for road")
    assert not evaluate(ours, theirs, single="road=4").images[0].notes
    (note,) = evaluate(name_ids(write_ids(blobs(20, 20), "c.tif"), other), ours).images[0].notes
    assert note.startswith("the prediction names its id 2 'water' (and 1 more id), but it is taken for road")


def test_names_without_a_legend(write_ids, blobs):
    """Of two rasters without a legend, an id with two names is noted."""
    ours = name_ids(write_ids(blobs(20, 20), "a.tif"), {0: "field", 1: "road"})
    assert not evaluate(ours, write_ids(blobs(20, 20), "b.tif")).images[0].notes
    (note,) = evaluate(ours, name_ids(write_ids(blobs(20, 20), "b.tif"), {0: "Fields", 1: "water"})).images[0].notes
    assert note.startswith("the reference names its id 1 'water', but it is taken for road")


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_ids_with_an_alpha_band(write_ids, blobs, dtype):
    """Reference pixels under alpha 0 have no class, as in training."""
    truth, alpha = blobs(20, 20, seed=1).astype(dtype), np.full((20, 20), 255, dtype)
    alpha[:7] = 0
    theirs = write_ids(np.stack([truth, alpha]), "b.tif")
    with rasterio.open(theirs, "r+") as raster:
        raster.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    evaluation = evaluate(write_ids(blobs(20, 20), "a.tif", legend=AERIAL), theirs)
    assert evaluation.scores.overall_accuracy == (blobs(20, 20)[7:] == truth[7:]).mean()


def test_a_mosaic_of_palettes(write_ids, blobs, tmp_path):
    """A reference of files with different palettes has the wrong colours; of ids, a warning names a value."""
    white, blue = (255, 255, 255), (0, 0, 255)
    files = [
        write_ids(blobs(20, 20, classes=2), f"{name}.tif", colours=dict(enumerate(colours)))
        for name, colours in (("a", (white, blue)), ("b", (blue, white)))
    ]
    theirs = write_mosaic(tmp_path / "mosaic.vrt", *files)
    ours = write_ids(blobs(20, 40, classes=2), "ours.tif", legend=LEGENDS["potsdam"])
    with warned("the value 0 is #ffffff in .*a.tif and #0000ff in .*b.tif"):
        with pytest.raises(SceneError, match="shows files with different colour tables"):
            evaluate(ours, theirs, coding="potsdam")
        evaluate(ours, theirs)


def test_a_class_that_erosion_removes(write_ids, blobs):
    """A class of lines has no pixel left after erosion, with a legend or without: it is noted."""
    truth = np.repeat(np.array([0, 1, 0], np.uint8), [20, 2, 18])[:, None] * np.ones(40, np.uint8)
    for legend, name in ((AERIAL, "land"), (None, "1")):
        ours = write_ids(truth, "a.tif", legend=legend)
        notes = evaluate(ours, write_ids(truth, "b.tif"), erode=3).notes
        assert any(note.startswith(f"Erosion excluded all reference pixels of {name}: ") for note in notes)


def test_a_mask_that_is_misunderstood_is_noted(write_ids, blobs):
    """A reference of 0 and 255 has one class: a note says how to compare it as a mask."""
    mask = (blobs(20, 20) == 2).astype(np.uint8) * 255
    evaluation = evaluate(write_ids(blobs(20, 20), "a.tif", legend=AERIAL), write_ids(mask, "b.tif"))
    assert "as NAME=255" in evaluation.notes[0]


def test_a_mask_of_zeros_and_ones_is_noted(write_ids, blobs):
    """A reference of 0 and 1 without class names is scored as the first two classes: a note says so."""
    mask = (blobs(20, 20) == 2).astype(np.uint8)
    ours, theirs = write_ids(blobs(20, 20), "a.tif", legend=AERIAL), write_ids(mask, "b.tif")
    assert evaluate(ours, theirs).notes == (
        "The reference has the values 0 and 1 only, and no class names: they were taken for building and land. If it "
        "is a mask, compare its class alone, as NAME=1.",
    )
    assert not evaluate(ours, theirs, single="road=1").notes
    assert not evaluate(ours, write_ids(mask, "c.tif", legend=AERIAL)).notes
    assert not evaluate(write_ids(blobs(20, 20) % 2, "d.tif"), theirs).notes


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


def test_values_that_are_nowhere(write_ids, blobs):
    """A class value missing from all references is refused; missing ignored or predicted values are noted."""
    ours, bare = write_ids(blobs(20, 20), "a.tif", legend=AERIAL), write_ids(blobs(20, 20), "c.tif")
    mask = write_ids((blobs(20, 20) == 2).astype(np.uint8), "b.tif")
    masked = write_ids((blobs(20, 20) == 2).astype(np.uint8) * 7, "d.tif", nodata=7)
    for truth, single in ((mask, "road=255"), (mask, "road=7"), (masked, "road=7")):
        with pytest.raises(UsageError, match=f"`single='{single}'`: no reference pixel has value"):
            evaluate(ours, truth, single=single)
    assert any("No reference pixel has the class" in note for note in evaluate(ours, mask, single="road").notes)
    assert "No predicted pixel has value 7" in evaluate(bare, mask, single="7=1").notes[0]
    assert "No reference pixel has value 17, which is to be ignored." in evaluate(ours, mask, ignore=[17]).notes
    assert not evaluate(ours, mask, single="road=1", ignore=[0, "water"]).notes
    assert not evaluate(bare, mask, single="2=1", ignore=[0]).notes


def test_a_reference_of_one_class(write_ids, blobs):
    """A reference of one class is noted, unless the options left only that; a second image may have another."""
    ours = write_ids(blobs(20, 20), "a.tif", legend=AERIAL, folder="maps")
    water = write_ids(np.full((20, 20), 4, np.uint8), "a.tif", folder="truth")
    (note,) = evaluate(ours, water).notes
    assert note.startswith("The reference has one class only (water): the scores do not tell")
    assert not evaluate(ours, water, single="water=4").notes
    write_ids(blobs(20, 20), "b.tif", legend=AERIAL, folder="maps")
    write_ids(np.full((20, 20), 1, np.uint8), "b.tif", folder="truth")
    assert not evaluate(ours.parent, water.parent).notes


def test_a_prediction_of_one_class(write_ids, blobs):
    """A mask of 0 and 255 as prediction, of which 255 is nodata, is noted; a prediction with a legend is not."""
    road = blobs(20, 20) == 2
    truth = write_ids(road.astype(np.uint8), "truth.tif")
    ours = write_ids(road * np.uint8(255), "mask.tif")
    assert any(note.startswith("The prediction has one class only: if its 255") for note in evaluate(ours, truth).notes)
    assert not evaluate(ours, truth, single="255=1").notes
    named = write_ids(road * np.uint8(255), "named.tif", legend=AERIAL)
    assert not any("prediction has one class" in note for note in evaluate(named, truth).notes)


def test_a_value_that_one_image_has_is_somewhere(write_ids, blobs):
    """The value need occur in one of several images only."""
    for name, values in (("a", (0, 1)), ("b", (3, 3))):
        last = write_ids(blobs(20, 20), f"{name}.tif", folder="maps", legend=AERIAL)
        write_ids(np.tile(np.array(values, np.uint8), (20, 10)), f"{name}.tif", folder="truth")
    assert not evaluate(last.parent, last.parent.parent / "truth", single="road=1", ignore=[0]).notes


def test_negative_values(write_ids, blobs):
    """A reference value of -1 is an error that says how to ignore it, which works."""
    truth = blobs(20, 20).astype(np.int32)
    truth[:2] = -1
    ours, theirs = write_ids(blobs(20, 20), "a.tif", legend=AERIAL), write_ids(truth, "b.tif")
    with pytest.raises(SceneError, match=r"40 pixels of value -1, .* exclude it with `ignore`"):
        evaluate(ours, theirs)
    evaluation = evaluate(ours, theirs, ignore=["-1"])
    assert (evaluation.scores.pixels, evaluation.notes) == (360, ())


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


def test_unknown_pixels_are_not_scored(write_ids, blobs):
    """What the prediction left unknown is counted, and the scores are those of the pixels with a class."""
    predicted, truth = blobs(40, 50), blobs(40, 50, seed=1)
    unknown = blobs(40, 50, seed=2) == 0
    doubtful = write_ids(np.where(unknown, 5, predicted).astype(np.uint8), "a.tif", legend=AERIAL.with_unknown())
    reference = write_ids(np.where(truth == 4, 255, truth).astype(np.uint8), "b.tif")
    sure = write_ids(np.where(unknown, 255, predicted).astype(np.uint8), "c.tif", legend=AERIAL)
    found, expected = evaluate(doubtful, reference), evaluate(sure, reference)
    assert found.scores.unclassified == expected.scores.unpredicted == (unknown & (truth != 4)).sum()
    assert found.scores.unpredicted == expected.scores.unclassified == 0
    np.testing.assert_array_equal(found.matrix, expected.matrix)
    assert str(found.classes) == str(expected.classes)  # NaN is not equal to itself
    coverage = 1 - found.scores.unclassified / (truth != 4).sum()
    (note,) = found.notes
    assert note.endswith(f"not scored: the scores are those of the other {coverage:.1%}.")
    assert f"{coverage:.3f}" in str(found.tables()[0].rows)
    assert "coverage" not in str(expected.tables()[0].rows)


def test_unknown_pixels_of_one_class(write_ids, blobs):
    """Compared with a mask of one class, too, unknown pixels are neither that class nor another."""
    predicted, truth = blobs(40, 50), blobs(40, 50, seed=1)
    doubtful = write_ids(np.where(predicted == 3, 5, predicted).astype(np.uint8), "a.tif", legend=AERIAL.with_unknown())
    found = evaluate(doubtful, write_ids((truth == 2).astype(np.uint8), "b.tif"), single="road=1")
    assert found.scores.unclassified == (predicted == 3).sum()
    assert found.scores.pixels == (predicted != 3).sum()
    assert found.matrix[0, 1] == ((predicted == 2) & (truth != 2)).sum()


def test_unknown_pixels_of_some_images(write_ids, blobs):
    """One image may have unknown pixels and another none; ids beyond its legend are errors in the latter."""
    ids = blobs(20, 20)
    for folder, name in (("truth", "one"), ("truth", "two"), ("maps", "two")):
        write_ids(ids, f"{name}.tif", folder=folder, legend=AERIAL)
    first = write_ids(
        np.where(ids == 0, 5, ids).astype(np.uint8), "one.tif", folder="maps", legend=AERIAL.with_unknown()
    )
    found = evaluate(first.parent, first.parent.parent / "truth")
    assert found.scores.unclassified == (ids == 0).sum()
    assert [image.scores.unclassified for image in found.images] == [(ids == 0).sum(), 0]
    write_ids(np.full_like(ids, 5), "two.tif", folder="maps", legend=AERIAL)
    with pytest.raises(SceneError, match="400 pixels of value 5, which is not in the legend"):
        evaluate(first.parent, first.parent.parent / "truth")


def test_unknown_pixels_of_the_reference(write_ids, blobs):
    """Where the reference is a class raster with unknown pixels, these are no reference."""
    ids = blobs(20, 20)
    reference = write_ids(np.where(ids == 0, 5, ids).astype(np.uint8), "b.tif", legend=AERIAL.with_unknown())
    for name, legend in (("a.tif", AERIAL), ("c.tif", None)):
        found = evaluate(write_ids(ids, name, legend=legend), reference)
        assert (found.scores.pixels, found.scores.unclassified) == ((ids != 0).sum(), 0)
    one = evaluate(write_ids(ids, "a.tif", legend=AERIAL), reference, single="road")
    assert one.scores.pixels == (ids != 0).sum()


def test_everything_is_unknown(write_ids, blobs):
    """A prediction without a single class cannot be scored, and it is said why."""
    path = write_ids(np.full((20, 20), 5, np.uint8), "a.tif", legend=AERIAL.with_unknown())
    with pytest.raises(UsageError, match="the prediction left all pixels unknown"):
        evaluate(path, write_ids(blobs(20, 20), "b.tif"))


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
