"""Pixels that a prediction leaves unknown are counted, and not scored."""

import numpy as np
import pytest

from geoseg.errors import SceneError, UsageError
from geoseg.evaluation import evaluate
from geoseg.models.legend import AERIAL


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
