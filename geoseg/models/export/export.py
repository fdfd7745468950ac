"""Export a bundle's network for other runtimes; what does not give the scores of the original is not written."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.files import check_outputs, whole_files
from geoseg.models.backend import start_keras, without_chatter
from geoseg.models.bundle import MEMBER, Card, load_network, read_card

if TYPE_CHECKING:
    import keras
    import onnx

TOLERANCE = 1e-4
"""Largest difference of a probability between an export and the network it was made from."""

Tiles = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Export:
    """An export that was written."""

    files: tuple[Path, ...]
    """What belongs together, the one to open first."""
    difference: float
    """Largest difference of a probability from the network's, over the tiles it was checked on."""
    advice: str
    """What its user must do to have the same; empty if nothing."""


@dataclass(frozen=True, kw_only=True)
class _Format:
    """How one format is written and run."""

    suffix: str
    """Of the file to open; empty for a folder."""
    companions: tuple[Callable[[Path], Path], ...] = ()
    """From the file to open, the paths of those that lie beside it."""
    packages: tuple[str, ...] = ()
    """Modules that writing and checking need beside geoseg's own dependencies."""
    on_tensorflow: bool = False
    """Whether Keras writes it from TensorFlow alone."""
    write: "Callable[[keras.Model, Card, Path], None]"
    """Writes a network, for tiles of the card's side."""
    run: Callable[[Path, Tiles], Tiles]
    """Runs a file on tiles `(tiles, side, side, bands)`: probabilities `(tiles, side, side, classes)`."""
    advice: str = ""
    """What a user must do to run it as `run` does; empty if nothing."""


def export_bundle(bundle: Path, target: Path, *, format: str, tiles: Tiles, overwrite: bool = False) -> Export:
    """Write a bundle's network as `format`, checked on `tiles` against Keras.

    Parameters
    ----------
    target
        File to write, with the format's suffix; a folder for `savedmodel`.
    format
        One of `FORMATS`. `onnx` and `openvino` take and give channels first, `(tiles, bands, side, side)`; `savedmodel`
        and `tflite` channels last. `tflite` takes one tile at a time, the others any number.
    tiles
        Network inputs `(tiles, side, side, bands)` in 0–255 to compare on; the export is for tiles of their side.
    overwrite
        Replace an export that exists.

    Raises
    ------
    UsageError
        If a package is missing, Keras runs on a backend that cannot write the format, or the side does not fit.
    BundleError
        If the network cannot be loaded or translated, or its export gives other scores.
    OutputError
        If the target exists, has another suffix, or cannot be written.
    """
    if format not in FORMATS:
        raise UsageError(f"format {format!r} is unknown; choose one of {', '.join(FORMATS)}.")
    kind = FORMATS[format]
    _require(format, kind.packages)
    _check_target(target, kind, overwrite=overwrite)
    card = _card_for(read_card(bundle), tiles.shape[1])
    start_keras()
    import keras

    if kind.on_tensorflow and keras.backend.backend() != "tensorflow":
        raise UsageError(f"Keras writes {format} on TensorFlow only; unset KERAS_BACKEND={keras.backend.backend()}.")
    network = load_network(bundle)
    expected = np.concatenate([keras.ops.convert_to_numpy(network(tile[None], training=False)) for tile in tiles])
    files = _files(target, kind)
    # The file that is opened comes last, so that its presence means that all are there.
    with whole_files(files[::-1]) as work:
        made = work / target.name
        with without_chatter():
            kind.write(network, card, made)
            difference = float(np.abs(kind.run(made, tiles) - expected).max())
        if not difference <= TOLERANCE:
            raise BundleError(
                f"{bundle} as {format} differs from the Keras network by {difference:.2g}, "
                f"more than the {TOLERANCE:g} allowed; it was not written."
            )
        if target.is_dir():
            shutil.rmtree(target.resolve())
    return Export(files=tuple(files), difference=difference, advice=kind.advice)


def _require(format: str, packages: tuple[str, ...]) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"exporting to {format} needs {' and '.join(missing)}, not installed here: pip install 'geoseg[{format}]'."
        )


def _check_target(target: Path, kind: _Format, *, overwrite: bool) -> None:
    if kind.suffix and target.suffix != kind.suffix:
        raise OutputError(f"{target} is no name for this format; give one that ends in {kind.suffix}.")
    if kind.suffix:
        check_outputs(_files(target, kind), overwrite=overwrite)
    else:
        model = target / "saved_model.pb"
        if target.is_dir() and not model.exists():
            raise OutputError(f"{target} is a folder that holds no SavedModel; it is not replaced.")
        check_outputs([model], overwrite=overwrite, create=True)


def _card_for(card: Card, side: int) -> Card:
    """The card of an export for tiles of `side`, with the same share of overlap."""
    if side == card.tile:
        return card
    if side < 1 or side % card.multiple:
        raise UsageError(f"the tile of model {card.name} must be a multiple of {card.multiple} pixels, got {side}.")
    return replace(card, tile=side, overlap=card.overlap * side // card.tile)


def _files(target: Path, kind: _Format) -> list[Path]:
    return [target, *(companion(target) for companion in kind.companions)]


def _sidecar(path: Path) -> Path:
    """Where the card lies, for formats that have no place for it."""
    return path.with_name(f"{path.name}.json")


def _weights(path: Path) -> Path:
    """Where OpenVINO keeps the weights of a graph."""
    return path.with_suffix(".bin")


def _metadata(card: Card) -> str:
    return json.dumps(card.to_json(), indent=2)


def _onnx_model(network: "keras.Model", card: Card) -> "onnx.ModelProto":
    """The graph, with the card and with what QGIS's Deepness plugin reads of a model."""
    from onnx.helper import set_model_props

    from geoseg.models.folding import fold_batch_norm

    from .onnx import to_onnx

    model = to_onnx(fold_batch_norm(network), card.tile)
    plugin: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": dict(enumerate(card.legend.names)),
        "resolution": card.gsd_m * 100,
        "tile_size": card.tile,
        "tiles_overlap": round(100 * card.overlap / card.tile),
        # The plugin divides by 255 first; the network takes 0–255.
        "standardization_mean": [0.0] * len(card.bands),
        "standardization_std": [1 / 255] * len(card.bands),
    }
    set_model_props(model, {MEMBER: _metadata(card)} | {key: json.dumps(value) for key, value in plugin.items()})
    return model


def _write_onnx(network: "keras.Model", card: Card, path: Path) -> None:
    path.write_bytes(_onnx_model(network, card).SerializeToString())


def _run_onnx(path: Path, tiles: Tiles) -> Tiles:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"pixels": _channels_first(tiles)})
    return _channels_last(scores)


# The file cannot say so: of what it may carry as `runtime_options`, OpenVINO's CPU plugin reads no precision.
_OPENVINO_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
_OPENVINO_ADVICE = (
    f'compile it with compile_model(path, "CPU", {json.dumps(_OPENVINO_EXACT)}): left alone, OpenVINO computes in '
    "bfloat16 or float16 where the processor can, and probabilities differ by some hundredths or tenths"
)


def _write_openvino(network: "keras.Model", card: Card, path: Path) -> None:
    import openvino

    # `convert_model` would do the same and report its use to the makers of OpenVINO.
    graph = openvino.Core().read_model(_onnx_model(network, card).SerializeToString())
    openvino.save_model(graph, path, compress_to_fp16=False)
    _sidecar(path).write_text(_metadata(card))


def _run_openvino(path: Path, tiles: Tiles) -> Tiles:
    import openvino

    model = openvino.Core().compile_model(path, "CPU", _OPENVINO_EXACT)
    return _channels_last(model(_channels_first(tiles))[0])


def _write_saved_model(network: "keras.Model", card: Card, path: Path) -> None:
    import tensorflow as tf

    # A tile without a size cannot be traced: UpSampling2D asks for it.
    signature = [tf.TensorSpec((None, card.tile, card.tile, len(card.bands)), tf.float32, name="pixels")]
    network.export(path, format="tf_saved_model", input_signature=signature, verbose=False)
    extra = path / "assets.extra"  # TensorFlow's place for what only its user reads
    extra.mkdir()
    (extra / MEMBER).write_text(_metadata(card))


def _run_saved_model(path: Path, tiles: Tiles) -> Tiles:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)  # held: its function does not keep its variables alive
    return np.asarray(loaded.serve(tiles))


def _write_tflite(network: "keras.Model", card: Card, path: Path) -> None:
    import tensorflow as tf

    # Of one tile: runtimes on small devices want every size fixed.
    signature = [tf.TensorSpec((1, card.tile, card.tile, len(card.bands)), tf.float32, name="pixels")]
    network.export(path, format="litert", input_signature=signature, verbose=False)
    _sidecar(path).write_text(_metadata(card))


def _run_tflite(path: Path, tiles: Tiles) -> Tiles:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    scores = []
    for tile in tiles:
        interpreter.set_tensor(entry["index"], tile[None])
        interpreter.invoke()
        scores.append(interpreter.get_tensor(result["index"]))
    return np.concatenate(scores)


def _channels_first(tiles: Tiles) -> Tiles:
    return np.ascontiguousarray(tiles.transpose(0, 3, 1, 2))


def _channels_last(scores: Tiles) -> Tiles:
    return scores.transpose(0, 2, 3, 1)


FORMATS = {
    "onnx": _Format(suffix=".onnx", packages=("onnx", "onnxruntime"), write=_write_onnx, run=_run_onnx),
    "openvino": _Format(
        suffix=".xml",
        companions=(_weights, _sidecar),
        packages=("onnx", "openvino"),
        write=_write_openvino,
        run=_run_openvino,
        advice=_OPENVINO_ADVICE,
    ),
    "savedmodel": _Format(suffix="", on_tensorflow=True, write=_write_saved_model, run=_run_saved_model),
    "tflite": _Format(
        suffix=".tflite",
        companions=(_sidecar,),
        packages=("ai_edge_litert",),
        on_tensorflow=True,
        write=_write_tflite,
        run=_run_tflite,
    ),
}
"""Formats by name."""
