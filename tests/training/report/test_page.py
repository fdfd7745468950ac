"""The page of a run: complete in itself, true to the files, and there from the first minute."""

import base64
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from PIL import Image

from geoseg.errors import UsageError
from geoseg.models.legend import AERIAL
from geoseg.training.report import write_report

VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """Tables by the id of their section, sources of pictures, and text; refuses tags that do not match."""

    def __init__(self, path):
        super().__init__()
        self.tables, self.sources, self.links, self.text, self.sections = {}, [], [], "", []
        self._open, self._cell = [], None
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.sources += [attributes["src"]] if "src" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        if tag == "section":
            self.sections.append(attributes["id"])
        elif tag == "tr":
            self.tables.setdefault(self.sections[-1], []).append([])
        elif tag in ("td", "th"):
            self._cell = ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in ("td", "th"):
            self.tables[self.sections[-1]][-1].append(self._cell.strip())
            self._cell = None

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.text += data
        if self._cell is not None:
            self._cell += data


@pytest.fixture
def finished(begin):
    run = begin()
    return run, run.train(20), run.finish()


def decoded(source):
    kind, content = re.fullmatch(r"data:([\w/+]+);base64,(.*)", source).groups()
    return kind, base64.b64decode(content)


def test_page_is_complete_in_itself(finished):
    """The page refers to no other file, and every picture in it can be opened."""
    run, _, _ = finished
    page = Page(write_report(run.folder))
    assert all(link.startswith("#") for link in page.links)
    kinds = []
    for source in page.sources:
        kind, content = decoded(source)
        kinds.append(kind)
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    assert kinds.count("image/gif") == 1
    assert kinds.count("image/jpeg") == 1
    assert kinds.count("image/png") == 1 + 2 + 4  # truth, the last epoch, and tiles
    text = run.folder.joinpath("report.html").read_text(encoding="utf-8")
    assert text.count("<svg") == text.count("</svg>") == 3
    assert not re.search(r"https?://", text)
    for name in ("curves.svg", "confusion.svg", "calibration.svg", "scene/film.gif"):
        assert (run.folder / name).stat().st_size > 0
    assert not list(run.folder.rglob("*.new"))


def test_sections_of_a_finished_run(finished):
    """A finished run shows all there is, in the order in which it is asked for."""
    run, _, _ = finished
    page = Page(write_report(run.folder))
    scores = ["classes", "confusion", "calibration"]
    assert page.sections == ["curves", "epochs", "scene", *scores, "tiles", "images", "recipe"]
    assert "Finished after 20 epochs" in page.text
    assert 'name = "town <1>"' in page.text  # what a recipe holds cannot become part of the page


def test_table_of_epochs(finished):
    """The table has every fifth epoch, the first, the best and the last, with the numbers of the history."""
    run, history, _ = finished
    page = Page(write_report(run.folder))
    best = max(history, key=lambda row: row["val_jaccard"])
    expected = sorted({1, 5, 10, 15, 20, best["epoch"]})
    rows = page.tables["epochs"][1:]
    assert [int(row[0]) for row in rows] == expected
    for shown, number in zip(rows, expected, strict=True):
        row = history[number - 1]
        columns = ("loss", "val_loss", "accuracy", "val_accuracy", "jaccard", "val_jaccard")
        assert shown[1:7] == [f"{row[column]:.3f}" for column in columns]
    assert f"{best['val_jaccard']:.3f}" in page.text


def test_scores(finished):
    """Classes have the scores of the validation; images are sorted from the worst, those without a score first."""
    run, _, document = finished
    page = Page(write_report(run.folder))
    rows = page.tables["classes"][1:-1]
    assert [row[0] for row in rows] == [entry["name"] for entry in document["classes"]]
    for row, entry in zip(rows, document["classes"], strict=True):
        scores = [entry[key] for key in ("iou", "f1", "precision", "recall")]
        assert [row[1], *row[3:6]] == ["–" if score is None else f"{score:.3f}" for score in scores]
    assert page.tables["classes"][-1][1] == f"{document['mean_iou']:.3f}"
    assert [row[0] for row in page.tables["images"][1:]] == ["c", "b", "a"]
    assert page.text.index("Worst") < page.text.index("Best")


def test_calibration(finished):
    """The page says how the probabilities were calibrated, and shows it; without a plot if they were not."""
    run, _, document = finished
    page = write_report(run.folder)
    assert "Probabilities <are> calibrated." in Page(page).text
    assert "before: error 0.120" in page.read_text(encoding="utf-8")
    document["calibration"] = {"sentence": "the probabilities cannot be calibrated."}
    (run.folder / "validation.json").write_text(json.dumps(document))
    page = write_report(run.folder)
    assert "The probabilities cannot be calibrated." in Page(page).text
    assert page.read_text(encoding="utf-8").count("<svg") == 2


def test_labels_of_several_classes_are_counted(finished):
    """The page states how many pixels' labels allow several classes, and how many of them are false positives."""
    run, _, document = finished
    [label] = document["partial_labels"]
    false = label["found"][AERIAL.names.index("road")]
    assert false > 0
    page = Page(write_report(run.folder))
    assert f"The labels of {sum(label['found']):,} more allow several classes: the {false:,} predicted" in page.text
    (run.folder / "validation.json").write_text(json.dumps(document | {"partial_labels": []}))
    assert "several classes" not in Page(write_report(run.folder)).text


def test_captions_of_tiles(finished):
    """A tile's caption gives image and data set, place, and the share of correct pixels."""
    run, _, document = finished
    page = Page(write_report(run.folder))
    for kind in ("worst", "best"):
        for entry in document["tiles"][kind]:
            place = f"row {entry['row']}, column {entry['column']}"
            assert f"town/1 (town <1>), {place}: {100 * entry['accuracy']:.0f} % correct" in page.text


def test_the_best_epoch_is_on_the_page(begin):
    """However many epochs have pictures, the page shows and labels the best one."""
    run = begin(32)
    rows = run.train(60, every=1)
    best = max(rows, key=lambda row: row["val_jaccard"])["epoch"]
    text = write_report(run.folder).read_text(encoding="utf-8")
    names = re.findall(r'"name": "(epoch \d+(?: \(best\))?)"', text)
    assert len(names) == 24
    assert f"epoch {best} (best)" in names


def test_run_that_goes_on(begin):
    """The page of an unfinished run shows its epochs, its progress, and the time left at the current pace."""
    run = begin()
    run.train(8)
    page = Page(write_report(run.folder))
    assert page.sections == ["curves", "epochs", "scene", "recipe"]
    assert "epoch 8 of 20" in page.text
    assert "13 min 00 s" in page.text  # 12 epochs of 65 s


def test_run_that_has_just_begun(begin):
    """Before the first epoch the page has the recipe; pictures are shown in pairs only."""
    run = begin()
    assert Page(write_report(run.folder)).sections == ["recipe"]
    run.train(1)
    next(run.folder.glob("scene/*_blended.png")).unlink()
    assert Page(write_report(run.folder)).sections == ["curves", "epochs", "recipe"]


def test_run_without_validation(begin):
    """Without validation data its columns are empty, and no epoch is called the best."""
    run = begin()
    rows = run.train(6)
    path = run.folder / "history.csv"
    lines = [line.split(",")[:6] + [""] * 3 for line in path.read_text().splitlines()[1:]]
    path.write_text("\n".join([path.read_text().splitlines()[0], *map(",".join, lines)]) + "\n")
    page = Page(write_report(run.folder))
    last = page.tables["epochs"][-1]
    assert last[1:7:2] == [f"{rows[-1][key]:.3f}" for key in ("loss", "accuracy", "jaccard")]
    assert last[2:7:2] == ["–"] * 3
    assert "best" not in page.text


def test_folder_that_is_no_run(tmp_path):
    """A folder without a recipe is refused by a sentence."""
    with pytest.raises(UsageError, match=r"recipe\.toml"):
        write_report(tmp_path)


def test_no_global_plotting_state(finished):
    """A report starts neither pyplot nor a Keras backend: it can be made in any thread, beside a training."""
    run, _, _ = finished
    script = f"""
import sys
from pathlib import Path
from geoseg.training.report import write_report
write_report(Path({str(run.folder)!r}))
sys.exit(", ".join(sorted({{"matplotlib.pyplot", "keras", "tensorflow", "torch"}} & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
