"""Peak resident memory of a prediction by engine, model and tile, against the estimate of `geoseg info`.

The scene is one block of few tiles, so that libraries, weights and feature maps make up nearly all of it. These are
what `ENGINE_MEMORY` in `geoseg/prediction/memory.py` stands for: measure them again with a new release of an engine.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

from scenes import peak_bytes, write_scene

import geoseg
from geoseg.models.engines.registry import ENGINES
from geoseg.prediction.info import describe


def main() -> None:
    """Measure each combination in a separate process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--models", nargs="+", default=["aerial"], help="names, or paths of bundles")
    parser.add_argument("--tiles", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--side", type=int, default=1_200, help="side of the scene")
    parser.add_argument("--child", nargs=4, metavar=("SCENE", "ENGINE", "MODEL", "TILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        scene, engine, model, tile = options.child
        with tempfile.TemporaryDirectory() as folder:
            geoseg.predict(scene, model=model, folder=folder, engine=engine, tile=int(tile), overlap=0.25)
        print(peak_bytes())
        return
    with tempfile.TemporaryDirectory() as folder:
        scene = write_scene(Path(folder) / "scene.tif", height=options.side, width=options.side, painted=False)
        for engine, model, tile in itertools.product(options.engines, options.models, options.tiles):
            estimate = describe(scene, model=model, engine=engine, tile=tile, overlap=0.25)["memory_bytes"]
            command = [sys.executable, __file__, "--child", str(scene), engine, model, str(tile)]
            peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(
                f"{engine:>12} {Path(model).stem:>12} tiles of {tile:>4}: {peak / 1e6:6.0f} MB, estimated "
                f"{estimate / 1e6:6.0f} MB, {estimate / peak:.2f} times as much",
                flush=True,
            )


if __name__ == "__main__":
    main()
