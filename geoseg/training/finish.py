"""Finish a run: score and calibrate the best weights on whole images, and write bundle and report."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.errors import DataError
from geoseg.evaluation.probability_samples import SampledImage
from geoseg.evaluation.temperature import fit_temperature
from geoseg.files import whole, write_text
from geoseg.models.engines.on_keras import KerasEngine
from geoseg.models.saved_network import save_bundle
from geoseg.models.temperature import CALIBRATION, divide_logits
from geoseg.models.weights import MANTISSA_BITS, rounded

from .recipe.resolve import Run
from .report import write_report, write_tile_pictures
from .run.best_and_worst import Extremes
from .run.neural_network import build_shipped
from .run.run_folder import RunFolder, best_row, read_history
from .run.validation import map_classes, read_all_labels, validate
from .run.validation_samples import Sampler

if TYPE_CHECKING:
    from .data.dataset import Data, LabelledImage

Classes = npt.NDArray[np.uint8]
"""Predicted class ids of an image, `(height, width)`."""


def finish(run: Run, data: "Data", folder: RunFolder) -> tuple[Path, str]:
    """Score and calibrate the best weights, write bundle and report.

    Returns the path of the report, and a sentence on the calibration.
    """
    best = best_row(read_history(folder.history))
    epochs = 0 if best is None else int(best["epoch"])
    network = build_shipped(run.network, run.card)
    network.load_weights(folder.best)
    if run.mantissa_bits is not None:  # score the weights as the bundle keeps them
        network.set_weights([rounded(np.asarray(weight), run.mantissa_bits) for weight in network.get_weights()])
    images = data.validation_images()
    sampler = Sampler(images, run.card, run.labels)
    card = run.card
    predict = partial(map_classes, KerasEngine(network), tile=card.tile, overlap=card.overlap, window=card.window)
    scores = _score(run, partial(predict, sampler=sampler), images, sampler, folder) if images else {}
    calibrating = _sample(run, predict, data.calibration_images())
    provenance = {**run.card.provenance, "epochs": epochs, "metrics": _metrics(scores) if scores else {}}
    bundle = folder.bundle(run.card.name)
    try:
        fit = (
            fit_temperature(calibrating, run.labels.allows, check_on=sampler.images)
            if calibrating
            else fit_temperature(sampler.images, run.labels.allows)
        )
    except DataError as error:
        calibration: dict[str, Any] = {"sentence": str(error)}
    else:
        calibration = {"sentence": fit.sentence() if fit.helps else fit.unused_sentence(), **fit.to_json()}
        if fit.helps:
            provenance[CALIBRATION] = fit.provenance()
            divide_logits(network, fit.temperature, source=bundle)
    with whole(bundle) as new:
        # The logits' weights are not rounded again, which would change classes; the others are already.
        bits = None if run.mantissa_bits is None else MANTISSA_BITS
        save_bundle(network, replace(run.card, provenance=provenance), new, mantissa_bits=bits)
    if scores:
        document = {"epoch": epochs} | scores | {"calibration": calibration}
        write_text(folder.validation, json.dumps(document, indent=2))
    return write_report(folder.path), calibration["sentence"]


def _sample(run: Run, predict: Callable[..., Classes], images: "Sequence[LabelledImage]") -> list[SampledImage]:
    """Predict images to fit the temperature on, and sample their probabilities and labels."""
    sampler = Sampler(images, run.card, run.labels)
    for image in images:
        predict(image, sampler=sampler)
        sampler.add_labels(image, read_all_labels(image))
    return sampler.images


def _score(
    run: Run,
    classify: Callable[["LabelledImage"], Classes],
    images: "Sequence[LabelledImage]",
    sampler: Sampler,
    folder: RunFolder,
) -> dict[str, Any]:
    """Score the predicted classes, write pictures of tiles, and return the content of `validation.json`."""
    extremes = Extremes(run.labels, tile=run.card.tile)
    scores = validate(classify, images, run.labels, extremes, sampler)
    tiles = {
        kind: write_tile_pictures(folder.path, kind, chosen, run.card.legend)
        for kind, chosen in (("worst", extremes.worst), ("best", extremes.best))
    }
    return scores | {"tiles": tiles}


def _metrics(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the scores for the card: IoU of the classes that any pixel is known to be of, and its mean over these."""
    return {
        "images": len(scores["images"]),
        "overall_accuracy": scores["overall_accuracy"],
        "mean_iou": scores["partial"]["jaccard"],
        "iou": {entry["name"]: entry["iou"] for entry in scores["classes"] if entry["support"]},
        "partial": scores["partial"],
    }
