"""A teacher: a trained network that chooses classes which labels leave open, and whose probabilities may be learnt."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from geoseg.models.backend import Tensor
from geoseg.models.bundle import read_card
from geoseg.models.folding import fold_batch_norm
from geoseg.models.losses.taught import TaughtCrossEntropy, known_classes
from geoseg.models.precision import mixed
from geoseg.models.saved_network import load_network
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.recipe.learning import TeacherTable

from .neural_network import averaged_weights
from .views import Views

BELIEVED = 0.5
"""Least total probability of the classes that a label allows; with less, the teacher contradicts the label."""


class Teacher(keras.layers.Layer):  # type: ignore[misc]  # Keras is not typed
    """Completes the labels of training windows by the probabilities of a network, whose classes are called `names`.

    Partial labels are replaced by one of the classes that they allow, if the network is sure of it; full labels and
    ignored pixels stay. If `choice.weight` is not zero, the student also learns the network's probabilities. The
    network sees the student's augmented windows, so that its classes need not be stored or moved with them, each in
    another of the `views`.
    """

    def __init__(
        self, network: keras.Model, names: Sequence[str], labels: LabelSets, choice: TeacherTable, views: Views
    ) -> None:
        super().__init__(trainable=False)
        network.trainable = False
        self.network = network
        self.begun = self.add_weight(shape=(), initializer="ones", trainable=False, name="begun")
        """1 if it teaches yet, else 0."""
        self.built = True
        self._sure, self._weight, self._views = choice.sure, choice.weight, views
        # Columns of the recipe's classes, 0 for those that the teacher does not know.
        self._known = known = known_classes(names, labels.legend.names)
        self._allows, self._partial = labels.allows.astype(np.float32), labels.partial
        self._taught = TaughtCrossEntropy(known)

    def call(self, pixels: Tensor, labels: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Complete label values `(windows, side, side)`, and compute the loss of what is taught.

        `pixels` 0-255 are `(windows, side, side, bands)`, `scores` the student's probabilities.
        """
        named, loss = ops.cond(
            self.begun > 0, lambda: self._teach(pixels, labels, scores), lambda: (labels, ops.zeros((), "float32"))
        )
        return named, loss

    def _teach(self, pixels: Tensor, labels: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.network(self._views.show(pixels), training=False)
        probabilities = ops.cast(self._views.undo(seen), "float32")
        named = self._name(probabilities, labels)
        if not self._weight:
            return named, ops.zeros((), "float32")
        return named, self._weight * self._taught(probabilities, scores)

    def _name(self, probabilities: Tensor, labels: Tensor) -> Tensor:
        values = ops.cast(labels, "int32")
        scores = ops.matmul(probabilities, self._known)
        scores = scores * ops.take(self._allows, values, axis=0)
        believed = ops.sum(scores, axis=-1)
        certain = (believed >= BELIEVED) & (ops.max(scores, axis=-1) >= self._sure * believed)
        # Label values of single classes are their ids.
        named = ops.cast(ops.argmax(scores, axis=-1), labels.dtype)
        return ops.where(certain & ops.take(self._partial, values), named, labels)


def build_teacher(
    choice: TeacherTable, network: keras.Model, labels: LabelSets, views: Views, *, precision: str
) -> Teacher:
    """Build the teacher of a recipe: from its bundle, in a dtype policy of Keras, or a copy of the network to train."""
    if choice.bundle is not None:
        bundle = Path(choice.bundle)
        teaching = fold_batch_norm(load_network(bundle))
        if precision != "float32":
            teaching = mixed(teaching, precision)
        return Teacher(teaching, read_card(bundle).legend.names, labels, choice, views)
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return Teacher(copy, labels.legend.names, labels, choice, views)


class LeadTeacher(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not typed
    """Lets a teacher of a `TrainingNetwork` begin once `has_begun` is true of the epoch, counted from 0.

    If `renewed`, the teacher becomes the running average of the network's weights after each epoch, with normalisation
    statistics of the batches of images in `calibration`.
    """

    def __init__(
        self,
        teacher: Teacher,
        has_begun: Callable[[int], bool],
        calibration: Sequence[npt.NDArray[np.float32]],
        *,
        renewed: bool,
    ) -> None:
        super().__init__()
        self._teacher = teacher
        self._has_begun = has_begun
        self._calibration = calibration
        self._renewed = renewed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Let the teacher begin, or wait."""
        self._teacher.begun.assign(float(self._has_begun(epoch)))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Renew the teacher."""
        if self._renewed:
            with averaged_weights(self.model, self._calibration):
                averages = self.model.copy_network_weights()
            self._teacher.network.set_weights(averages)
