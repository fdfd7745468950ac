"""Measure `geoseg predict` on accelerators against the bare network, in at most three minutes.

    KERAS_BACKEND=jax python benchmarks/accelerator.py --output results.json

Prints a table, and writes each figure to `--output` as soon as it is known. The network runs in mixed precision on one
accelerator; the scene is 16,384 × 16,384 pixels, or as large as fits the time. Without an accelerator, one of JAX's
host devices takes its place, in float32. Then a scene is predicted with one and with several devices: the bytes must be
the same. Rates are megapixels of network input a second, overlaps included, so that they compare.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

BUDGET_S = 180.0
SIDES = (16_384, 8_192, 4_096, 2_048, 1_024)
BARE_S = 5.0
MODEL = "aerial"


def bare() -> dict[str, Any]:
    """Time the compiled network alone on one device, with tiles that are there already."""
    from geoseg.models.backend import start_keras
    from geoseg.models.bundle import read_card
    from geoseg.models.engines.device_network import GROUP
    from geoseg.models.engines.devices import find_backend, find_devices
    from geoseg.models.engines.runtime import choose_runtime
    from geoseg.models.folding import fold_batch_norm
    from geoseg.models.precision import mixed
    from geoseg.models.saved_network import load_network
    from geoseg.models.shipped import find_model

    start_keras()
    runtime = choose_runtime("keras", devices=_one_device())
    backend = find_backend()
    (device,) = find_devices(backend, runtime.devices)
    bundle = find_model(MODEL)
    network, side = fold_batch_norm(load_network(bundle)), read_card(bundle).tile
    if runtime.precision != "float32":
        network = mixed(network, f"mixed_{runtime.precision}")
    placed = backend.place(network, device)
    score = backend.compiled(placed.apply, device)
    count = 1 if device.on_cpu else GROUP
    pixels = np.random.default_rng(0).uniform(0, 255, (count, side, side, 3)).astype(np.float32)
    tiles = backend.upload(pixels, device)
    started = time.perf_counter()
    backend.download(score(placed.weights, tiles))
    first_s = time.perf_counter() - started
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < BARE_S:
        for _ in range(1 if device.on_cpu else 8):
            scores = score(placed.weights, tiles)
            calls += 1
        backend.download(scores[:1, :1, :1])
    rate = calls * count * side**2 / elapsed / 1e6
    return {"runtime": str(runtime), "batch": count, "first_call_s": first_s, "bare_mpx_s": rate}


def predict(scene: Path, folder: Path, devices: str) -> dict[str, Any]:
    """Time a prediction, roads and Cloud Optimized GeoTIFF included, once the network has been compiled."""
    import geoseg
    from geoseg.models.bundle import read_card
    from geoseg.models.shipped import find_model
    from geoseg.prediction.planning import plan
    from geoseg.prediction.settings import Settings
    from geoseg.rasters.scene import open_scene

    planned = plan(open_scene(scene), read_card(find_model(MODEL)), Settings())
    with geoseg.Model(MODEL) as model:
        # A part of the scene as wide as all of it: what is compiled depends on the width.
        west, south, east, north = planned.scene.bounds_lonlat
        strip = (west, north - (north - south) / 64, east, north)
        for _ in model.rows(scene, engine="keras", devices=devices, aoi=strip):
            pass
        result = model.predict(scene, folder=folder, overwrite=True, engine="keras", devices=devices)
    network_mpx = len(planned.lattice) * planned.lattice.tile**2 / 1e6
    stages = {name: [round(stage.busy_s, 2), round(stage.waited_s, 2)] for name, stage in result.stages.items()}
    digest = hashlib.sha256(result.outputs.classes.read_bytes())
    for path in result.outputs.roads.values():
        digest.update(path.read_bytes())
    return {
        "runtime": str(result.runtime),
        "wall_s": result.wall_s,
        "scene_mpx_s": planned.grid.shape[0] * planned.grid.shape[1] / result.wall_s / 1e6,
        "network_mpx_s": network_mpx / result.wall_s,
        "stages_busy_waited_s": stages,
        "slowest": result.slowest,
        "tiles_twice": planned.tiles / len(planned.lattice) - 1,
        "sha256": digest.hexdigest(),
    }


def _one_device() -> str:
    from geoseg.models.engines.hardware import find_gpus

    return "gpu:0" if find_gpus().found else "cpu:0"


def child(*arguments: str, devices: int = 1) -> dict[str, Any]:
    """Run a part in a process of its own, with so many host devices of JAX."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}".strip()
    command = [sys.executable, __file__, "--child", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"XLA_FLAGS": flags})
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run the parts one after the other, as long as there is time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--devices", type=int, default=4, help="host devices of JAX where there are no accelerators")
    parser.add_argument("--budget", type=float, default=BUDGET_S, help="seconds")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        part, *rest = options.child
        print(json.dumps(bare() if part == "bare" else predict(Path(rest[0]), Path(rest[1]), rest[2])))
        return
    os.environ.setdefault("KERAS_BACKEND", "jax")
    started = time.perf_counter()
    figures: dict[str, Any] = {"cores": os.cpu_count()}

    def note(name: str, found: dict[str, Any]) -> None:
        figures[name] = found | {"at_s": round(time.perf_counter() - started, 1)}
        if options.output is not None:
            options.output.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"{name}: {json.dumps(found)}", flush=True)

    from scenes import write_scene

    device = _one_device()
    with tempfile.TemporaryDirectory() as work:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(work) / "compiled"))
        note("bare", child("bare"))
        # A third of the time for the large scene, should it run at a twentieth of the bare network's rate on an
        # accelerator, and at half of it on a CPU.
        share = 2 if device.startswith("cpu") else 20
        mpx = figures["bare"]["bare_mpx_s"] / share * options.budget / 3
        side = next((side for side in SIDES if 1.8 * side**2 / 1e6 < mpx), SIDES[-1])
        scene = write_scene(Path(work) / "scene.tif", height=side, width=side)
        note("one device", {"side": side} | child("predict", str(scene), str(Path(work) / "one"), device))
        small = write_scene(Path(work) / "small.tif", height=min(side, 2048), width=min(side, 2048))
        for name, devices in (("small, one device", device), ("small, all devices", "all")):
            if time.perf_counter() - started < options.budget * 0.8:
                note(name, child("predict", str(small), str(Path(work) / "some"), devices, devices=options.devices))
    show(figures)


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    bare_rate, one = figures["bare"]["bare_mpx_s"], figures["one device"]
    print(f"\n{'on':<34} {one['runtime']}")
    print(f"{'bare network':<34} {bare_rate:8.1f} Mpx/s of network input, batch {figures['bare']['batch']}")
    print(f"{'end to end':<34} {one['network_mpx_s']:8.1f} Mpx/s of network input")
    print(f"{'  of the bare network':<34} {one['network_mpx_s'] / bare_rate:8.2f}")
    print(f"{'  scene':<34} {one['scene_mpx_s']:8.1f} Mpx/s of {one['side']}²; the others waited for {one['slowest']}")
    several = [figures[name] for name in ("small, one device", "small, all devices") if name in figures]
    if len(several) == 2:
        same = several[0]["sha256"] == several[1]["sha256"]
        print(f"{'one device and all':<34} {'same' if same else 'OTHER'} bytes; {several[1]['runtime']}")
        print(f"{'tiles computed twice':<34} {several[1]['tiles_twice']:8.1%}")


if __name__ == "__main__":
    main()
