import re
from xml.etree import ElementTree as Xml

import numpy as np

from geoseg.evaluation.report.plots import plot_confusion
from geoseg.training.report.plots import TRAINING, VALIDATION, plot_curves

HISTORY = [
    {"epoch": n, "seconds": 1.0, "learning_rate": 1e-3, "loss": 2.0 / n, "accuracy": 0.1 * n, "jaccard": 0.05 * n}
    for n in range(1, 7)
]
VALIDATED = [row | {"val_loss": row["loss"], "val_accuracy": 0.5, "val_jaccard": 0.1 * row["epoch"]} for row in HISTORY]


def texts(svg):
    return [
        "".join(element.itertext()).strip() for element in Xml.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def curves(svg, colour):
    """Paths drawn in a colour, as numbers of points."""
    found = re.findall(rf'<path d="([^"]*)"[^>]*style="[^"]*stroke: {colour}[^"]*stroke-width: 1.8', svg)
    return [len(re.findall("[ML]", path)) for path in found]


def test_curves():
    """Training and validation are curves of a point an epoch in three panels; the best epoch's scores are written."""
    svg = plot_curves(VALIDATED, 4)
    assert curves(svg, TRAINING)[:3] == [6, 6, 6]
    assert curves(svg, VALIDATION)[:3] == [6, 6, 6]
    assert {"loss", "mean IoU (Jaccard)", "accuracy", "learning rate", "epoch", "training", "validation"} <= set(
        texts(svg)
    )
    assert {"0.400", "0.500"} <= set(texts(svg))


def test_curves_without_validation():
    """Where nothing is held out there are no validation curves, and no best epoch."""
    svg = plot_curves(HISTORY, None)
    assert VALIDATION not in svg
    assert "validation" not in texts(svg)


def test_one_epoch():
    """A single epoch is a dot, which a line through one point would not show."""
    assert "<use" in plot_curves(HISTORY[:1], None)


def test_same_bytes():
    """The same history gives the same file, byte by byte, and Matplotlib's settings stay as they were."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    assert plot_curves(VALIDATED, 4) == plot_curves(VALIDATED, 4)
    assert dict(mpl.rcParams) == before


def test_confusion():
    """Each cell has the share of its row; a class that has no true pixels has an empty row."""
    matrix = np.array([[3, 1, 0], [0, 0, 0], [1, 0, 999_999]])
    shown = texts(plot_confusion(matrix, ["building", "land", "road"]))
    for words in ("75 %", "25 %", "<1", "100 %", "building", "land", "road", "predicted", "reference"):
        assert any(words in text for text in shown), words
    assert sum(bool(re.fullmatch(r"<1|0|\d+ %", text)) for text in shown) == 6


def test_confusion_of_labels_of_several_classes():
    """A label of several classes is a row of its own, named in the fewer words, in shares of its own pixels."""
    partial = [
        {"allowed": ["building", "land", "water"], "found": [10, 20, 30, 40]},
        {"allowed": ["building", "land"], "found": [0, 1, 0, 1]},
    ]
    svg = plot_confusion(np.eye(4, dtype=np.int64), ["building", "land", "road", "water"], partial)
    shown = texts(svg)
    for words in ("10 %", "20 %", "30 %", "40 %", "50 %", "not road", "100 px", "building or land", "2 px"):
        assert any(words in text for text in shown), words
    assert sum(bool(re.fullmatch(r"<1|0|\d+ %", text)) for text in shown) == 6 * 4


def test_confusion_tells_what_may_be_right():
    """Cells that a label allows are grey, others are blue."""
    names, found = ["road", "land"], [[1, 1], [1, 1]]
    fills = [
        {
            fill
            for fill in re.findall(r"fill: #([0-9a-f]{6})", plot_confusion(np.ones((2, 2), np.int64), names, partial))
            if len({fill[:2], fill[2:4], fill[4:]}) == 1 and fill not in ("ffffff", "000000")
        }
        for partial in ([], [{"allowed": ["road", "land"], "found": row} for row in found])
    ]
    assert not fills[0]
    assert len(fills[1]) == 1
