"""Evaluations are written as JSON, Markdown and HTML, atomically."""

import json
import re
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
import rasterio
from conftest import PLACE
from html_page import Page
from rasterio import Affine

from geoseg.errors import OutputError
from geoseg.evaluation import evaluate
from geoseg.models.legend import LEVELS, Legend, LegendClass

AWKWARD = Legend(classes=tuple(LegendClass(name=name, colour="#112233") for name in ("a|b", "<i>c</i>", "d_e*f")))


@pytest.fixture
def evaluation(write_ids, blobs):
    """Two images with probabilities and intervals, and names with special characters of Markdown and HTML."""
    random = np.random.default_rng(0)
    for name in "ab":
        levels = random.dirichlet(np.ones(3), (20, 20)).transpose(2, 0, 1) * LEVELS
        write_ids(levels.argmax(axis=0).astype(np.uint8), f"{name}_classes.tif", folder="maps", legend=AWKWARD)
        write_ids(np.rint(levels).astype(np.uint8), f"{name}_probabilities.tif", folder="maps", levels=True)
        last = write_ids(blobs(20, 20, classes=3), f"{name}.tif", folder="truth")
    return evaluate(last.parent.parent / "maps", last.parent, bootstrap=20, erode=1)


def test_json_is_complete(evaluation, tmp_path):
    """The JSON file is standard JSON and holds every score."""
    path = evaluation.write(tmp_path / "new" / "report")[0]
    document = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert document["mean_iou"] == evaluation.scores.mean_iou
    assert document["boundary_f1"] == evaluation.boundary_f1
    assert document["calibration"]["error"] == evaluation.calibration.error
    assert document["intervals"]["kappa"] == list(evaluation.intervals["kappa"])
    assert document["matrix"] == evaluation.matrix.tolist()
    assert document["criteria"]["erode"] == "1 px"
    first = document["classes"][0]
    assert {"true_positives", "false_positives", "false_negatives", "support", "iou", "f1", "precision"} < first.keys()
    assert first["relaxed"]["f1"] == evaluation.classes[0].relaxed.f1
    assert first["sweep"]["break_even"] == evaluation.classes[0].sweep.break_even
    assert len(first["sweep"]["recall"]) == LEVELS + 1
    assert [image["name"] for image in document["images"]] == ["a", "b"]


def test_what_was_evaluated(evaluation, tmp_path):
    """Every format states both paths and the model that made the maps."""
    maps, truth = tmp_path / "maps", tmp_path / "truth"
    with rasterio.open(maps / "b_classes.tif", "r+") as dataset:
        dataset.update_tags(GEOSEG_MODEL="city 1.2")
    tagged = evaluate(maps, truth)
    assert tagged.to_json()["subject"] == {
        "prediction": str(maps), "reference": str(truth), "models": ["city 1.2"], "inference": None,
    }  # fmt: skip
    sentence = f"{maps} (made by city 1.2) against {truth}."
    _, markdown, page = tagged.write(tmp_path / "report")
    assert sentence in page.read_text()
    assert sentence.replace("_", "\\_") in markdown.read_text()
    assert evaluation.subject.models == ()


def test_equal_notes_are_told_once(write_ids, blobs):
    """A note shared by several images is one sentence with their number; others keep the image's name."""
    for name, side in (("a", 20), ("b", 20), ("c", 20), ("d", 20)):
        crs = {"crs": None} if name in "ab" else {"transform": PLACE @ Affine.scale(0.5)} if name == "c" else {}
        last = write_ids(blobs(side, side), f"{name}_classes.tif", folder="maps")
        write_ids(blobs(side, side), f"{name}.tif", folder="truth", **crs)
    sentences = evaluate(last.parent, last.parent.parent / "truth").sentences()
    assert sum("no georeference" in sentence for sentence in sentences) == 1
    assert "2 of 4 images (a, b): the reference has no georeference; compared pixel by pixel." in sentences
    assert any(sentence.startswith("c: the reference (0.5 m") for sentence in sentences)
    for name in "cd":
        write_ids(blobs(20, 20), f"{name}.tif", folder="truth", crs=None)
    sentences = evaluate(last.parent, last.parent.parent / "truth").sentences()
    assert "All 4 images: the reference has no georeference; compared pixel by pixel." in sentences


def test_html_is_one_whole_page(evaluation, tmp_path):
    """The page is well-formed, loads nothing, and escapes names."""
    page = evaluation.write(tmp_path / "report")[2].read_text()
    parser = Page(page)
    loads = [
        value for _, attrs in parser.tags for name, value in attrs.items() if name in ("src", "href", "xlink:href")
    ]
    assert all(link.startswith("#") for link in loads)
    assert not re.search(r"https?://|url\((?!#)", page)
    tags = [tag for tag, _ in parser.tags]
    assert not {"script", "link", "img", "iframe", "i"} & set(tags)
    assert tags.count("svg") == 3
    for svg in re.findall("<svg.*?</svg>", page, re.DOTALL):
        Xml.fromstring(svg)
    assert "<i>c</i>" in parser.texts
    assert f"{evaluation.scores.mean_iou:.3f}" in parser.texts


def test_plots_take_the_colours_of_the_page(evaluation, tmp_path):
    """Plots take their colours from the page, except text on dark cells, so pages can be light or dark."""
    page = evaluation.write(tmp_path / "report")[2].read_text()
    plots = "".join(re.findall("<svg.*?</svg>", page, re.DOTALL))
    assert set(re.findall(r": (#\w{6})", plots)) <= {"#fdfdfe"}
    used = set(re.findall(r"var\(--(\w+)\)", plots))
    light, dark = re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]
    assert {"ink", "card", "blue"} <= used <= set(re.findall(r"--(\w+):", light))
    assert {"ink", "card"} <= set(re.findall(r"--(\w+):", dark))


def test_reports_have_the_same_bytes(evaluation, tmp_path):
    """The same evaluation writes the same bytes, plots included."""
    first, second = (evaluation.write(tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_markdown_tables_are_regular(evaluation, tmp_path):
    """Every row of a table has as many cells as its header, whatever the class names."""
    text = evaluation.write(tmp_path / "report")[1].read_text()
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 5
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}) == 1
    assert "a\\|b" in blocks[1]
    assert f"{evaluation.scores.kappa:.3f}" in blocks[0]


def test_files_are_not_replaced_unasked(evaluation, tmp_path):
    """Existing files are replaced only on request; an error names a folder that cannot be created."""
    written = evaluation.write(tmp_path)
    assert [path.name for path in written] == ["evaluation.json", "evaluation.md", "evaluation.html"]
    written[1].write_text("mine")
    with pytest.raises(OutputError, match=r"evaluation\.json exists"):
        evaluation.write(tmp_path)
    assert written[1].read_text() == "mine"
    evaluation.write(tmp_path, overwrite=True)
    assert written[1].read_text().startswith("# Evaluation")
    with pytest.raises(OutputError, match=r"evaluation\.json is not a folder; choose another"):
        evaluation.write(written[0] / "below")
    assert not list(tmp_path.glob(".evaluation*"))
