"""What a bundle's network is made of, read from the file without loading Keras."""

import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import BundleError

from .bundle import read_card


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The parts of a network."""

    layers: Mapping[str, int]
    """Number of layers by kind, most frequent first."""
    parameters: int
    """Numbers that were trained or measured: kernels, biases, and the statistics of normalisations."""
    keras_version: str
    """What saved the network."""


def read_anatomy(path: Path) -> Anatomy:
    """Count the layers and parameters of a bundle.

    Raises
    ------
    BundleError
        If the file is not a bundle, or holds no functional Keras network.
    """
    read_card(path)  # says best what is wrong with a file that is no bundle
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json"))
            weights = archive.read("model.weights.h5")
        kinds = Counter(str(layer["class_name"]) for layer in config["config"]["layers"])
        return Anatomy(
            layers=dict(kinds.most_common()),
            parameters=_count(weights),
            keras_version=str(metadata["keras_version"]),
        )
    except (zipfile.BadZipFile, OSError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"the network in {path} cannot be read ({type(error).__name__}: {error}).") from error


def _count(weights: bytes) -> int:
    """Numbers in all arrays of a Keras weights file."""
    import h5py  # a tenth of a second

    sizes: list[int] = []
    with h5py.File(io.BytesIO(weights)) as file:
        file.visititems(
            lambda _name, item: sizes.append(math.prod(item.shape)) if isinstance(item, h5py.Dataset) else None
        )
    return sum(sizes)
