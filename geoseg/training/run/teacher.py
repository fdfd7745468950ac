"""A teacher: a trained network that names classes which labels leave open, where it is sure."""

from pathlib import Path

import numpy as np
from keras import ops

from geoseg.models.backend import Tensor
from geoseg.models.bundle import load_network, read_card
from geoseg.training.recipe.label_sets import LabelSets

from .training_network import Prepare

BELIEVED = 0.5
"""Least probability that the teacher gives to all classes that a label allows; with less, it contradicts the label."""


class Teacher:
    """Replaces partial labels by one of the classes that they allow, if a network is sure of it.

    Full labels and ignored pixels stay. The network sees the augmented windows that the trained one sees, so that its
    classes need not be stored or moved with them.
    """

    def __init__(self, bundle: Path, labels: LabelSets, *, sure: float) -> None:
        network = load_network(bundle)
        network.trainable = False
        self._network = network
        self._sure = sure
        names = read_card(bundle).legend.names
        # Columns of the recipe's classes, 0 for those that the teacher does not know.
        known = np.array([[ours == theirs for ours in labels.legend.names] for theirs in names], np.float32)
        self._known, self._allows = known, labels.allows.astype(np.float32)
        # Label values are single classes, then partial sets, then ignored.
        values = np.arange(len(labels.allowed))
        self._partial = (values >= len(labels.legend)) & (values != labels.ignored)

    def __call__(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """Name classes in label values `(windows, side, side)`, given pixels 0–255 `(windows, side, side, bands)`."""
        values = ops.cast(labels, "int32")
        scores = ops.matmul(ops.cast(self._network(pixels, training=False), "float32"), self._known)
        scores = scores * ops.take(self._allows, values, axis=0)
        believed = ops.sum(scores, axis=-1)
        certain = (believed >= BELIEVED) & (ops.max(scores, axis=-1) >= self._sure * believed)
        # Label values of single classes are their ids.
        named = ops.cast(ops.argmax(scores, axis=-1), labels.dtype)
        return ops.where(certain & ops.take(self._partial, values), named, labels)


def taught(prepare: Prepare, teacher: Teacher) -> Prepare:
    """Let a teacher name classes in each batch once it is prepared."""

    def prepared(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        pixels, labels = prepare(batch)
        return pixels, teacher(pixels, labels)

    return prepared
