"""Write networks in the formats of other runtimes, and run the files for comparison."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.models.archive import reason
from geoseg.models.bundle import MEMBER, PHYSICAL, Card
from geoseg.models.openvino_core import openvino_core
from geoseg.models.telemetry import start_onnx_runtime
from geoseg.work_folders import temporary_folder
from geoseg.write_errors import refused

if TYPE_CHECKING:
    import keras
    import onnx

Tiles = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The network to write."""

    bundle: Path
    network: "keras.Model"
    """The bundle's network in Keras."""

    def unwritten(self, path: Path, error: Exception) -> OSError:
        """Return the OSError for a runtime's error in writing the network to a path."""
        return refused(path, error, reason(error), room=4 * self.network.count_params())


@dataclass(frozen=True, kw_only=True)
class Format:
    """An export format."""

    suffix: str
    """Suffix of the file to open; empty for a folder."""
    companions: tuple[Callable[[Path], Path], ...] = ()
    """Functions that return the path of a companion file, given the file to open."""
    packages: tuple[str, ...] = ()
    """Optional modules needed for writing and checking."""
    extra: str = ""
    """Extra of geoseg that installs them."""
    on_tensorflow: bool = False
    """Whether Keras can write it only on TensorFlow."""
    write: "Callable[[Source, Card, Path], None]"
    """Writes a network for the card's tile size."""
    run: Callable[[Path, Tiles], Tiles]
    """Returns a file's probabilities `(tiles, side, side, classes)` of tiles `(tiles, side, side, bands)`."""
    advice: str = ""
    """How to get the probabilities of `run`; empty if nothing needs to be done."""

    def files(self, output: Path) -> list[Path]:
        """Return the files of an export, the one to open first."""
        return [output, *(companion(output) for companion in self.companions)]


def _sidecar(path: Path) -> Path:
    """Return the path of the card, for formats that cannot contain it."""
    return path.with_name(f"{path.name}.json")


def _weights(path: Path) -> Path:
    """Return the path of the weights of an OpenVINO graph."""
    return path.with_suffix(".bin")


def _metadata(card: Card) -> str:
    return json.dumps(card.to_json(), indent=2)


def _onnx_model(source: Source, card: Card) -> "onnx.ModelProto":
    """Return the graph, with the card and metadata for QGIS's Deepness plugin."""
    from onnx.helper import set_model_props

    from geoseg.models.graph.onnx import to_checked_onnx
    from geoseg.models.graph.read import read_network

    model = to_checked_onnx(read_network(source.bundle), card.tile)
    # The plugin knows one scaling, of stored values, and divides by 255 first.
    of_types = {dtype: scaling for dtype, scaling in card.scaling.items() if dtype != PHYSICAL} or card.scaling
    scaling = of_types.get("uint8") or next(iter(of_types.values()))
    plugin: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": dict(enumerate(card.legend.names)),
        "resolution": card.gsd_m * 100,
        "tile_size": card.tile,
        "tiles_overlap": round(100 * card.overlap / card.tile),
        "standardization_mean": [scaling.offset / 255] * len(card.bands),
        "standardization_std": [1 / (255 * scaling.gain)] * len(card.bands),
    }
    set_model_props(model, {MEMBER: _metadata(card)} | {key: json.dumps(value) for key, value in plugin.items()})
    return model


def _write_onnx(source: Source, card: Card, path: Path) -> None:
    path.write_bytes(_onnx_model(source, card).SerializeToString())


def _run_onnx(path: Path, tiles: Tiles) -> Tiles:
    start_onnx_runtime()
    import onnxruntime

    # From memory: the name of a file may not be UTF-8.
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"pixels": _channels_first(tiles)})
    return _channels_last(scores)


# Not stored in the file, since OpenVINO's CPU plugin ignores a precision in `runtime_options`.
_OPENVINO_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
_OPENVINO_ADVICE = (
    f'compile it with compile_model(path, "CPU", {json.dumps(_OPENVINO_EXACT)}); by default OpenVINO computes in '
    "bfloat16 or float16 on processors that support it, and probabilities differ by hundredths to tenths"
)


def _write_openvino(source: Source, card: Card, path: Path) -> None:
    core = openvino_core()
    import openvino

    # `convert_model` would do the same, but reports usage to OpenVINO's developers.
    graph = core.read_model(_onnx_model(source, card).SerializeToString())
    try:
        openvino.save_model(graph, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise source.unwritten(path, error) from error
    _sidecar(path).write_text(_metadata(card))


def _run_openvino(path: Path, tiles: Tiles) -> Tiles:
    model = openvino_core().compile_model(path, "CPU", _OPENVINO_EXACT)
    return _channels_last(model(_channels_first(tiles))[0])


def _write_saved_model(source: Source, card: Card, path: Path) -> None:
    import tensorflow as tf

    # UpSampling2D cannot be traced without a tile size.
    signature = [tf.TensorSpec((None, card.tile, card.tile, len(card.bands)), tf.float32, name="pixels")]
    try:
        source.network.export(path, format="tf_saved_model", input_signature=signature, verbose=False)
    except tf.errors.OpError as error:
        raise source.unwritten(path, error) from error
    extra = path / "assets.extra"  # TensorFlow's folder for files of applications
    extra.mkdir()
    (extra / MEMBER).write_text(_metadata(card))


def _run_saved_model(path: Path, tiles: Tiles) -> Tiles:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)  # keeps the variables of its function alive
    return np.asarray(loaded.serve(tiles))


def _write_tflite(source: Source, card: Card, path: Path) -> None:
    import tensorflow as tf

    # A batch of one: runtimes on small devices need fixed sizes.
    signature = [tf.TensorSpec((1, card.tile, card.tile, len(card.bands)), tf.float32, name="pixels")]
    try:
        source.network.export(path, format="litert", input_signature=signature, verbose=False)
    except tf.errors.OpError as error:
        with temporary_folder() as folder:  # beside which TensorFlow writes a SavedModel first
            raise source.unwritten(folder / path.name, error) from error
    _sidecar(path).write_text(_metadata(card))


def _run_tflite(path: Path, tiles: Tiles) -> Tiles:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=path.read_bytes())
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
    "onnx": Format(suffix=".onnx", packages=("onnxruntime",), extra="onnxruntime", write=_write_onnx, run=_run_onnx),
    "openvino": Format(
        suffix=".xml",
        companions=(_weights, _sidecar),
        write=_write_openvino,
        run=_run_openvino,
        advice=_OPENVINO_ADVICE,
    ),
    "savedmodel": Format(suffix="", on_tensorflow=True, write=_write_saved_model, run=_run_saved_model),
    "tflite": Format(
        suffix=".tflite",
        companions=(_sidecar,),
        packages=("ai_edge_litert",),
        extra="tflite",
        on_tensorflow=True,
        write=_write_tflite,
        run=_run_tflite,
    ),
}
"""Formats by name."""
