"""Time `geoseg predict` against the bare network, and against a plain loop over tiles.

Each run is a separate process, timed once the network is loaded and has scored a tile. Runs alternate, so drift of the
machine affects all of them.

    python predict.py --ways exported bare:openvino ours:openvino bare:keras ours:keras
    python predict.py --ways bare:int8 ours:int8 --model aerial_int8.keras
    python predict.py --ways ours:openvino monai --size 16384 2048 --monai path/to/python
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from scenes import peak_bytes, write_scene

import geoseg
from geoseg.models.bundle import read_card
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.registry import load_engine
from geoseg.models.saved_network import load_network
from geoseg.models.shipped import find_model
from geoseg.prediction.plan import Plan
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.prediction.strips import read_strips
from geoseg.rasters.scene import open_scene


def bare(scene: Path, engine: str, model: str) -> float:
    """Time the network of an engine alone on the scene's tiles, in memory."""
    planned = _plan(scene, engine, model)
    tiles = list(_tiles(planned))
    return _seconds(load_engine(find_model(model).absolute(), planned.engine_options), tiles)


def exported(scene: Path, _engine: str, model: str) -> float:
    """Time the network as `geoseg models export` writes it, in OpenVINO in full precision, on the scene's tiles."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        geoseg.export(model, Path(folder) / "network.onnx", format="onnx")
        network = openvino.Core().read_model(Path(folder) / "network.onnx")
    tiles = [np.ascontiguousarray(tile.transpose(0, 3, 1, 2)) for tile in _tiles(_plan(scene, "openvino", model))]
    network.reshape(tiles[0].shape)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    return _seconds(openvino.compile_model(network, "CPU", settings), tiles)


def _seconds(score: Callable[[npt.NDArray[np.float32]], object], tiles: list[npt.NDArray[np.float32]]) -> float:
    """Time a network on tiles, after a first one."""
    score(tiles[0])
    started = time.perf_counter()
    for tile in tiles:
        score(tile)
    return time.perf_counter() - started


def _plan(scene: Path, engine: str, model: str) -> Plan:
    settings = _settings(engine)
    return plan(open_scene(scene), read_card(find_model(model)), settings, runtime=settings.choose_runtime())


def _tiles(planned: Plan) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the tiles of a scene `(1, tile, tile, bands)`."""
    for strip in read_strips(planned, planned.roi):
        for tile in planned.lattice.tiles(planned.roi):
            if tile.row == strip.row:
                start = tile.cols.start - strip.cols.start
                yield strip.pixels[:, start : start + planned.lattice.tile][None].astype(np.float32)


def ours(scene: Path, engine: str, model: str) -> float:
    """Time `geoseg.predict`: read, score, blend, trace, write."""
    settings = _settings(engine)
    runtime = settings.choose_runtime()
    score = load_engine(
        find_model(model), EngineOptions(engine=runtime.engine, precision=runtime.precision, batch_size=None)
    )
    score(np.zeros((1, 512, 512, 3), np.float32))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        geoseg.predict(
            scene, folder=folder, model=model, engine=settings.engine, precision=settings.precision, devices="cpu"
        )
        return time.perf_counter() - started


def _settings(engine: str) -> Settings:
    """Settings for `openvino`, `onnxruntime` or `keras`; `int8` is OpenVINO's."""
    return Settings(
        engine="openvino" if engine == "int8" else engine,
        precision="int8" if engine == "int8" else "auto",
        devices="cpu",
    )


def loop(scene: Path, _engine: str, _model: str) -> float:
    """Time the usual script: scene in memory, `model.predict` per tile, full-size float32 sums and weights."""
    model = find_model("aerial")
    card, network = read_card(model), load_network(model)
    network.predict(np.zeros((1, 512, 512, 3), np.float32), verbose=0)
    started = time.perf_counter()
    with rasterio.open(scene) as source:
        image, profile = np.moveaxis(source.read(), 0, -1), source.profile
    height, width = image.shape[:2]
    stride = card.tile - card.overlap
    padded = np.pad(image, ((0, card.tile), (0, card.tile), (0, 0)), mode="reflect")
    ramp = np.hanning(card.tile + 2)[1:-1].astype(np.float32)
    window = np.outer(ramp, ramp)[..., None]
    total = np.zeros((*padded.shape[:2], len(card.legend)), np.float32)
    weight = np.zeros((*padded.shape[:2], 1), np.float32)
    for top in range(0, height, stride):
        for left in range(0, width, stride):
            place = np.s_[top : top + card.tile, left : left + card.tile]
            total[place] += network.predict(padded[place][None].astype(np.float32), verbose=0)[0] * window
            weight[place] += window
    classes = (total / weight).argmax(axis=-1)[:height, :width].astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        profile |= {"count": 1, "nodata": 255}
        with rasterio.open(Path(folder) / "classes.tif", "w", **profile) as target:
            target.write(classes, 1)
    return time.perf_counter() - started


def monai(scene: Path, python: str) -> dict[str, float]:
    """Time MONAI's sliding window over the same weights in ONNX Runtime, with an interpreter that has both."""
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "aerial.onnx"
        geoseg.export("aerial", network, format="onnx")
        command = [python, str(Path(__file__).with_name("monai_window.py")), str(scene), str(network)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


WAYS = {"bare": bare, "exported": exported, "ours": ours, "loop": loop}


def main() -> None:
    """Run all ways alternately and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs="+", default=[6000], help="side, or height and width, in pixels")
    parser.add_argument("--ways", nargs="+", default=["bare:openvino", "ours:openvino"])
    parser.add_argument("--model", default="aerial", help="for int8, a bundle with an 8-bit form")
    parser.add_argument("--monai", metavar="PYTHON", help="interpreter with monai, torch and onnxruntime")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "SCENE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, scene = options.child
        way, _, engine = name.partition(":")
        seconds = WAYS[way](Path(scene), engine or "openvino", options.model)
        print(json.dumps({"seconds": seconds, "peak": peak_bytes()}))
        return
    measured: dict[str, list[dict[str, float]]] = {way: [] for way in options.ways}
    with tempfile.TemporaryDirectory() as folder:
        scene = write_scene(Path(folder) / "scene.tif", height=options.size[0], width=options.size[-1])
        for _ in range(options.rounds):
            for way, runs in measured.items():
                if way == "monai":
                    runs.append(monai(scene, options.monai or sys.executable))
                    continue
                command = [sys.executable, __file__, "--model", options.model, "--child", way, str(scene)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                runs.append(json.loads(done.stdout.splitlines()[-1]))
    show(measured)


def show(measured: dict[str, list[dict[str, float]]]) -> None:
    """Print median and range in seconds, median ratio to the first way, and peak memory."""
    first = next(iter(measured.values()))
    print(f"{'way':<16} {'median s':>9} {'min':>7} {'max':>7} {'ratio':>6} {'peak MB':>8}")
    for way, runs in measured.items():
        seconds = [run["seconds"] for run in runs]
        ratio = statistics.median(run["seconds"] / base["seconds"] for run, base in zip(runs, first, strict=True))
        peak = statistics.median(run["peak"] for run in runs) / 1e6
        print(
            f"{way:<16} {statistics.median(seconds):>9.2f} {min(seconds):>7.2f} {max(seconds):>7.2f} "
            f"{ratio:>6.3f} {peak:>8.0f}"
        )


if __name__ == "__main__":
    main()
