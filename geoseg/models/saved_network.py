"""Save and load the network of a bundle with Keras."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoseg.errors import BundleError
from geoseg.work_folders import temporary_folder

from .archive import CONFIG, MALFORMED, METADATA, WEIGHTS, count_values, parse_json, read_members, readable, reason
from .backend import is_out_of_memory, start_keras, without_chatter
from .bundle import INT8, MEMBER, Card, read_card
from .stock import check_classes

if TYPE_CHECKING:
    import keras

_HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")
"""Dtype policies of Keras that compute in 16 bits."""


def save_bundle(model: "keras.Model", card: Card, path: Path, *, mantissa_bits: int | None = None) -> None:
    """Write `model` and its `card` to `path`, which ends in `.keras`; rounding weights to `mantissa_bits` saves space.

    Loss and optimizer are dropped: they would need geoseg to load, and triple the file size. So are initializers: on
    loading, JAX would spend half a minute drawing random numbers that the weights replace. The figures of an 8-bit form
    are left out of the card: a new bundle has none.
    """
    provenance = {key: value for key, value in card.provenance.items() if key != INT8}
    network = model.__class__.from_config(_changed(model.get_config(), _zero_initializer))
    network.set_weights(model.get_weights())
    network.save(path)
    if mantissa_bits is not None:
        from .weights import compact_archive

        compact_archive(path, mantissa_bits=mantissa_bits)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, json.dumps(card.to_json() | {"provenance": provenance}, indent=2))


def load_network(path: Path) -> "keras.Model":
    """Load a bundle's network in Keras's safe mode.

    Layers saved in half or mixed precision are loaded in float32: the precision is the engine's. Raises BundleError if
    the network names anything but stock classes of Keras, if Keras cannot load it, or if it does not match its card.
    """
    card = read_card(path)
    with readable(path):
        config, metadata, weights = read_members(path, CONFIG, METADATA, WEIGHTS)
        document = parse_json(config)
        check_classes(path, document)
        count_values(weights)
    start_keras()
    import keras

    try:
        network = _load_checked(json.dumps(_changed(document, _in_float32)).encode(), metadata, weights)
        shapes = network.input_shape, network.output_shape
    except Exception as error:
        if not (isinstance(error, (*MALFORMED, ImportError)) or is_out_of_memory(error)):
            raise
        raise BundleError(
            f"the network in {path} cannot be loaded by Keras {keras.__version__} ({reason(error)})."
        ) from error
    check_shapes(path, card, *shapes)
    check_tiles(path, card, lambda side: _accepts(network, side))
    return network


def _load_checked(config: bytes, metadata: bytes, weights: bytes) -> "keras.Model":
    """Load a network from the members of its archive that were checked; Keras would unpack all others, too."""
    import keras

    with temporary_folder() as folder, without_chatter():
        path = folder / "network.keras"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {CONFIG: config, METADATA: metadata, WEIGHTS: weights}.items():
                archive.writestr(name, content)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def check_shapes(path: Path, card: Card, *found: tuple[int | None, ...]) -> None:
    """Raise BundleError unless the network in `path` has the input and output shapes that its card expects."""
    expected = (None, None, None, len(card.bands)), (None, None, None, len(card.legend))
    if found != expected:
        raise BundleError(f"the network in {path} has input and output shapes {found}; its card expects {expected}.")


def check_tiles(path: Path, card: Card, accepts: Callable[[int], bool]) -> None:
    """Raise BundleError unless the network in `path` accepts tiles of the sides that its card promises."""
    for side in (card.tile, card.tile + card.multiple):
        if not accepts(side):
            raise BundleError(
                f"the network in {path} does not accept tiles of {side} pixels; "
                f"its card promises {card.tile} and all multiples of {card.multiple}."
            )


def _changed(config: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:  # noqa: ANN401 - any part
    """Change every object of a network's configuration, the inner ones last."""
    match config:
        case dict():
            return {key: _changed(part, change) for key, part in change(config).items()}
        case list() | tuple():
            return [_changed(part, change) for part in config]
    return config


def _zero_initializer(config: dict[str, Any]) -> dict[str, Any]:
    """Replace an initializer by zeros."""
    if config.get("module") != "keras.initializers":
        return config
    return config | {"class_name": "Zeros", "config": {}}


def _in_float32(config: dict[str, Any]) -> dict[str, Any]:
    """Replace a dtype policy of half or mixed precision by float32."""
    match config:
        case {"class_name": "DTypePolicy", "config": {"name": name}} if name in _HALF:
            return config | {"config": {"name": "float32"}}
    return config


def _accepts(network: "keras.Model", side: int) -> bool:
    """Whether the network accepts tiles of `side` pixels and returns scores of the same size."""
    import keras

    # Concatenate checks its inputs when it is built, but not when shapes are computed.
    joins = [layer.input for layer in network.layers if isinstance(layer, keras.layers.Concatenate)]
    probe = keras.Model(network.inputs, [*network.outputs, *(part for parts in joins for part in parts)])
    try:
        out, *shapes = (shape[1:3] for shape in probe.compute_output_shape([(1, side, side, network.input_shape[-1])]))
    except ValueError:
        return False
    of_parts = iter(shapes)
    return out == (side, side) and all(len({next(of_parts) for _ in parts}) == 1 for parts in joins)
