"""The description of a network that an engine without Keras runs, and the error for what it cannot run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.errors import BundleError

Weights = npt.NDArray[np.float32]

Shape = tuple[int | None, ...]
"""`(height, width, channels)` of a map, None for any size, or `(channels,)` after global pooling."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One call of a layer."""

    name: str
    kind: str
    """Class of the layer in `keras.layers`."""
    inputs: tuple[str, ...]
    """Names of the layers whose outputs it takes, or of the network's input."""
    settings: Mapping[str, Any]
    """By their names in Keras; settings for training only are left out."""
    weights: Mapping[str, Weights] = field(default_factory=dict)
    """By their names in Keras, channels last: a kernel is `(height, width, inputs, outputs)`."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network from pixels `(tiles, height, width, bands)`, 0–255, to one tensor."""

    name: str
    entry: str
    """Name of the input."""
    input_shape: tuple[int | None, int | None, int]
    """Height, width and bands; None for any size."""
    classes: int
    """Channels of the output."""
    layers: tuple[Layer, ...]
    """Each after its inputs."""
    output: str
    """Name of the layer whose output is the network's."""


def unsupported(path: Path, part: str, found: str) -> BundleError:
    """Return the error for a part of the network in `path` that only Keras can run."""
    return BundleError(
        f"{part} of {path} is {found}, which geoseg runs only in Keras and cannot write as ONNX; "
        "predict with `engine=keras`."
    )
