"""Finish a run: score the best weights on whole images, and write bundle and report."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from geoseg.files import whole, write_text
from geoseg.models.bundle import save_bundle
from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.weights import rounded

from .recipe.resolve import Run
from .report import write_report, write_tile_pictures
from .run.best_and_worst import Extremes
from .run.neural_network import build_shipped
from .run.run_folder import RunFolder, best_row, read_history
from .run.validation import map_classes, validate

if TYPE_CHECKING:
    from .data.dataset import Data, LabelledImage


def finish(run: Run, data: "Data", folder: RunFolder) -> Path:
    """Score the best weights, write bundle and report, and return the path of the report."""
    best = best_row(read_history(folder.history))
    epochs = 0 if best is None else int(best["epoch"])
    network = build_shipped(run.network, run.card)
    network.load_weights(folder.best)
    if run.mantissa_bits is not None:  # score the weights as the bundle keeps them
        network.set_weights([rounded(np.asarray(weight), run.mantissa_bits) for weight in network.get_weights()])
    images = data.validation_images()
    metrics = _score(run, network, images, folder, epochs) if images else {}
    card = replace(run.card, provenance={**run.card.provenance, "epochs": epochs, "metrics": metrics})
    bundle = folder.bundle(card.name)
    with whole(bundle) as new:
        save_bundle(network, card, new, mantissa_bits=run.mantissa_bits)
    return write_report(folder.path)


def _score(
    run: Run, network: keras.Model, images: "Sequence[LabelledImage]", folder: RunFolder, epochs: int
) -> dict[str, Any]:
    """Score the network, write `validation.json` and pictures of tiles, and return metrics for the card."""
    engine, card = KerasEngine(network), run.card
    extremes = Extremes(run.labels, tile=card.tile)
    scores = validate(
        lambda pixels: map_classes(engine, pixels, tile=card.tile, overlap=card.overlap, window=card.window),
        images,
        run.labels,
        extremes,
    )
    tiles = {
        kind: write_tile_pictures(folder.path, kind, chosen, card.legend)
        for kind, chosen in (("worst", extremes.worst), ("best", extremes.best))
    }
    document = {"epoch": epochs} | scores | {"tiles": tiles}
    write_text(folder.validation, json.dumps(document, indent=2))
    return {
        "images": len(images),
        "overall_accuracy": scores["overall_accuracy"],
        "mean_iou": scores["mean_iou"],
        "iou": {entry["name"]: entry["iou"] for entry in scores["classes"]},
        "partial": scores["partial"],
    }
