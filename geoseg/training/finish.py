"""The end of a run: the best weights as a bundle, scored as `geoseg predict` will use it, and the report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoseg.files import publish, write_text
from geoseg.models.bundle import save_bundle
from geoseg.models.engine import KerasEngine

from .recipe.card import build_card
from .recipe.recipe import Recipe
from .report import write_report, write_tile_pictures
from .run.best_and_worst import Extremes
from .run.network import build_shipped
from .run.run_folder import RunFolder, best_row, read_history
from .run.validation import class_map, validate

if TYPE_CHECKING:
    from .data.dataset import Data


def finish(recipe: Recipe, data: "Data", folder: RunFolder) -> Path:
    """Write bundle, `validation.json` and report; the path of the report is returned."""
    rows = read_history(folder.history)
    best = best_row(rows)
    epochs = 0 if best is None else int(best["epoch"])
    legend, images = data.labels.legend, data.validation_images()
    network = build_shipped(recipe, legend)
    network.load_weights(folder.best)
    bundle = folder.bundle(recipe.name)
    new = bundle.with_name(f"new-{bundle.name}")
    metrics: dict[str, Any] = {}
    bits = recipe.card.mantissa_bits
    save_bundle(network, build_card(recipe, legend, epochs=epochs), new, mantissa_bits=bits)
    if images:
        engine, card = KerasEngine(new), recipe.card
        extremes = Extremes(data.labels, tile=card.tile)
        found = validate(
            lambda pixels: class_map(engine, pixels, tile=card.tile, overlap=card.overlap, window=card.window),
            images,
            data.labels,
            extremes,
        )
        tiles = {
            kind: write_tile_pictures(folder.path, kind, chosen, legend)
            for kind, chosen in (("worst", extremes.worst), ("best", extremes.best))
        }
        document = {"epoch": epochs} | found | {"tiles": tiles}
        write_text(folder.validation, json.dumps(document, indent=2))
        metrics = {
            "images": len(images),
            "overall_accuracy": found["overall_accuracy"],
            "mean_iou": found["mean_iou"],
            "iou": {entry["name"]: entry["iou"] for entry in found["classes"]},
            "partial": found["partial"],
        }
        save_bundle(network, build_card(recipe, legend, epochs=epochs, metrics=metrics), new, mantissa_bits=bits)
    publish(new, bundle)
    return write_report(folder.path)
