"""Plan and prediction of a huge, mostly empty scene: a sparse GeoTIFF that holds one corner of rendered imagery.

The rate of the empty part is that of its pixels by the CPU and wall time that it takes beyond a scene of the corner
alone, with roads and all defaults of `geoseg predict`.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.windows import Window
from scenes import SIDE, peak_bytes

import geoseg
from geoseg.rendering import render_scene

CORNER = 1024
"""Side of the part with data: whole blocks."""


def write_sparse(path: Path, *, height: int, width: int) -> Path:
    """Write a scene of 1 m pixels of which only the blocks of the first corner are in the file."""
    pixels = np.moveaxis(render_scene(0, (SIDE, SIDE)).image[..., :3], -1, 0)
    profile = {"count": 3, "height": height, "width": width, "dtype": "uint8", "crs": "EPSG:32633", "nodata": 0}
    blocks = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "interleave": "pixel"}
    place = Affine(1, 0, 200_000, 0, -1, 5_400_000)
    profile |= {"transform": place, "sparse_ok": True, "bigtiff": "if_safer"}
    rows, cols = min(SIDE, height), min(SIDE, width)
    with rasterio.open(path, "w", driver="GTiff", **profile, **blocks) as target:
        target.write(pixels[:, :rows, :cols], window=Window(0, 0, cols, rows))
    return path


def measure(scene: Path) -> dict[str, float]:
    """Plan and predict a scene in this process."""
    began = time.perf_counter()
    geoseg.describe(scene)
    planned = time.perf_counter()
    cpu = time.process_time()
    with tempfile.TemporaryDirectory(dir=scene.parent) as folder:
        made = geoseg.predict(scene, folder=folder)
    return {
        "plan_s": planned - began,
        "run_s": time.perf_counter() - planned,
        "cpu_s": time.process_time() - cpu,
        "peak": peak_bytes(),
        **{name: stage.busy_s for name, stage in made.stages.items()},
    }


def main() -> None:
    """Measure the corner alone and then each size, in separate processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=["60000x60000", "250000x250000"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--child", metavar="SCENE", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child)))
        return
    corner = None
    with tempfile.TemporaryDirectory() as folder:
        for size in [f"{CORNER}x{CORNER}", *options.sizes]:
            width, height = map(int, size.split("x"))
            scene = write_sparse(Path(folder) / "scene.tif", height=height, width=width)
            command = [sys.executable, __file__, "--child", str(scene)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            corner = corner or found
            text = f"{size}: plan {found['plan_s']:.1f} s, run {found['run_s']:.1f} s ({found['cpu_s']:.1f} s of CPU), "
            text += f"{found['peak'] / 1e6:.0f} MB"
            if found is not corner:
                millions = (width * height - CORNER**2) / 1e6
                text += "; empty part " + ", ".join(
                    f"{millions / (found[key] - corner[key]):,.0f} Mpx/s of {name}"
                    for key, name in (("run_s", "wall time"), ("cpu_s", "CPU time"))
                )
            print(text, flush=True)
            stages = list(found)[4:]
            print("    " + ", ".join(f"{name} {found[name]:.1f} s" for name in stages), flush=True)


if __name__ == "__main__":
    main()
