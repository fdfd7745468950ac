"""The end of a run: the best weights scored as `geoseg predict` will use them, and written as a bundle; the report."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from geoseg.files import whole, write_text
from geoseg.models.bundle import save_bundle
from geoseg.models.engine import KerasEngine
from geoseg.models.weights import rounded

from .recipe.resolve import Run
from .report import write_report, write_tile_pictures
from .run.best_and_worst import Extremes
from .run.neural_network import build_shipped
from .run.run_folder import RunFolder, best_row, read_history
from .run.validation import class_map, validate

if TYPE_CHECKING:
    from .data.dataset import Data, LabelledImage


def finish(run: Run, data: "Data", folder: RunFolder) -> Path:
    """Write bundle, `validation.json` and report; return the path of the report."""
    best = best_row(read_history(folder.history))
    epochs = 0 if best is None else int(best["epoch"])
    network = build_shipped(run.network, run.card)
    network.load_weights(folder.best)
    if run.mantissa_bits is not None:  # the scores are those of the weights that the bundle keeps
        network.set_weights([rounded(np.asarray(weight), run.mantissa_bits) for weight in network.get_weights()])
    images = data.validation_images()
    metrics = _validated(run, network, images, folder, epochs) if images else {}
    card = replace(run.card, provenance={**run.card.provenance, "epochs": epochs, "metrics": metrics})
    bundle = folder.bundle(card.name)
    with whole(bundle) as new:
        save_bundle(network, card, new, mantissa_bits=run.mantissa_bits)
    return write_report(folder.path)


def _validated(
    run: Run, network: keras.Model, images: "Sequence[LabelledImage]", folder: RunFolder, epochs: int
) -> dict[str, Any]:
    """Score the network on whole images, write `validation.json` and pictures of tiles; return the card's metrics."""
    engine, card = KerasEngine(network), run.card
    extremes = Extremes(run.labels, tile=card.tile)
    found = validate(
        lambda pixels: class_map(engine, pixels, tile=card.tile, overlap=card.overlap, window=card.window),
        images,
        run.labels,
        extremes,
    )
    tiles = {
        kind: write_tile_pictures(folder.path, kind, chosen, card.legend)
        for kind, chosen in (("worst", extremes.worst), ("best", extremes.best))
    }
    document = {"epoch": epochs} | found | {"tiles": tiles}
    write_text(folder.validation, json.dumps(document, indent=2))
    return {
        "images": len(images),
        "overall_accuracy": found["overall_accuracy"],
        "mean_iou": found["mean_iou"],
        "iou": {entry["name"]: entry["iou"] for entry in found["classes"]},
        "partial": found["partial"],
    }
