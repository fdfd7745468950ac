"""The weights file of a `.keras` archive: where Keras stores which layer's arrays."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from geoseg.errors import BundleError

from .network import Weights


def stored_names(kinds: Iterable[str]) -> Iterator[str]:
    """Yield the groups of layers of these classes, in the order of the configuration.

    Keras does not use the names of layers, but their classes in snake case, numbered from the second of a class:
    `keras.src.saving.saving_lib._save_container_state`, the same from 3.14 to 3.15.
    """
    seen: Counter[str] = Counter()
    for kind in kinds:
        name = re.sub(
            "([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
        ).lower()
        yield f"{name}_{seen[name]}" if seen[name] else name
        seen[name] += 1


@contextmanager
def open_weights(path: Path, content: bytes) -> Iterator[h5py.Group]:
    """Open the layers' groups in the weights file of bundle `path`; raises BundleError if it is not one."""
    try:
        file = h5py.File(io.BytesIO(content))
    except OSError as error:
        raise BundleError(f"the weights of {path} cannot be read as HDF5 ({error}).") from error
    with file:
        layers = _find(file, "layers")
        if not isinstance(layers, h5py.Group):
            raise BundleError(f"the weights of {path} have no layers; save the bundle again.")
        yield layers


def read_weights(
    path: Path, layers: h5py.Group, *, layer: str, group: str, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Weights]:
    """Return the arrays of a layer from its group, given their names and shapes in the order of storage.

    Raises BundleError if there are others. Links to other files are not followed.
    """
    stored = _find(layers, group, "vars") if shapes else None
    found = list(stored) if isinstance(stored, h5py.Group) else []
    if sorted(found, key=lambda name: (len(name), name)) != [str(number) for number in range(len(shapes))]:
        raise BundleError(
            f"the weights of {path} hold {len(found)} arrays for layer {layer}, not {len(shapes)} "
            f"({', '.join(shapes)}); save the bundle again."
        )
    arrays = {}
    for number, (name, shape) in enumerate(shapes.items()):
        array = _find(stored, str(number))
        # A shape is compared before anything is read: a damaged file may declare any size.
        if not isinstance(array, h5py.Dataset) or array.is_virtual or array.external or array.shape != shape:
            raise BundleError(
                f"the weights of {path} have a {name} of shape {getattr(array, 'shape', None)} for layer {layer}, "
                f"whose settings need {shape}; save the bundle again."
            )
        if array.dtype.kind not in "fiu":
            raise BundleError(f"the {name} of layer {layer} in {path} has type {array.dtype}, not float32.")
        arrays[name] = np.asarray(array[()], np.float32)
    return arrays


def _find(group: h5py.Group, *names: str) -> h5py.Group | h5py.Dataset | None:
    """Follow names from a group; None if there is nothing, or a link to another place or file."""
    found = group
    for name in names:
        if not isinstance(found, h5py.Group) or not isinstance(found.get(name, getlink=True), h5py.HardLink):
            return None
        found = found[name]
    return found
