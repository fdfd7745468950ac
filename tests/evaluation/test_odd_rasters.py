"""Rasters whose values may mean something else than classes are noted, or refused."""

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp
from standins import name_ids, warned, write_mosaic

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import SceneError, UsageError
from geoseg.evaluation import evaluate
from geoseg.models.legend import AERIAL


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


@pytest.mark.parametrize(("name", "called"), [("a.tif", "the prediction"), ("b.tif", "the reference")])
def test_ids_compressed_with_loss(write_ids, blobs, name, called):
    """Ids that JPEG may have changed are noted, on both sides."""
    compression = {name: {"compress": "jpeg"}}
    ours, theirs = (write_ids(blobs(40, 40), each, **compression.get(each, {})) for each in ("a.tif", "b.tif"))
    (note,) = [note for image in evaluate(ours, theirs).images for note in image.notes]
    assert note.startswith(f"the class ids of {called} are compressed with loss, so that some pixels have the id of")
