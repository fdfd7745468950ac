"""Sample probabilities and labels of validation images while they are predicted, to calibrate the network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from geoseg.evaluation.probability_samples import SampledImage, choose_step, thin
from geoseg.models.bundle import Card
from geoseg.tiling import Lattice, Roi, Tile
from geoseg.training.recipe.label_sets import LabelSets

if TYPE_CHECKING:
    from geoseg.training.data.dataset import LabelledImage


class Sampler:
    """Takes evenly thinned pixels of each image: first the probabilities of its tiles, then its labels."""

    def __init__(self, images: "Sequence[LabelledImage]", card: Card, labels: LabelSets) -> None:
        self.images: list[SampledImage] = []
        """Images with tiles and labels."""
        self._ignored = labels.ignored
        self._step = choose_step(
            sum(height * width for height, width in (image.shape for image in images)), len(card.legend)
        )
        self._margin = card.overlap // 2
        self._tiles: list[tuple[Roi, npt.NDArray[np.float32]]] = []

    def add_tile(self, lattice: Lattice, tile: Tile, probabilities: npt.NDArray[np.float32]) -> None:
        """Add the probabilities `(side, side, classes)` of a tile."""
        in_scene, in_tile = thin(lattice, tile, step=self._step, margin=self._margin)
        self._tiles.append((in_scene, probabilities[in_tile].copy()))

    def add_labels(self, image: "LabelledImage", values: npt.NDArray[np.uint8]) -> None:
        """Add the label values `(height, width)` of the image whose tiles were added."""
        sampled = SampledImage(image.name, image.data_set)
        for pixels, probabilities in self._tiles:
            sampled.add(probabilities, values[pixels], values[pixels] != self._ignored)
        self.images.append(sampled)
        self._tiles.clear()
