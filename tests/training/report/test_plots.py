import re
from xml.etree import ElementTree as Xml

import numpy as np

from geoseg.training.report.plots import TRAINING, VALIDATION, plot_confusion, plot_curves

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
    for words in ("75 %", "25 %", "<1", "100 %", "building", "land", "road", "predicted", "true"):
        assert any(words in text for text in shown), words
    assert sum(bool(re.fullmatch(r"<1|0|\d+ %", text)) for text in shown) == 6
