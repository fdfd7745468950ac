"""Peak resident memory of `geoseg predict` by height of the scene, with a stand-in for the network.

The stand-in calls bright pixels road, so that roads are traced and every stage runs: `python benchmarks/memory.py`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scenes import peak_bytes, write_scene

import geoseg
from geoseg.models.tta import TTA


class Brightness:
    """Scores a pixel by how bright it is: dark ones are vegetation, bright ones road."""

    classes = 5

    def __call__(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scores `(tiles, side, side, 5)` of pixels `(tiles, side, side, 3)`."""
        scores = np.zeros((*pixels.shape[:3], self.classes), np.float32)
        scores[..., 2] = pixels.mean(axis=-1) / 255
        scores[..., 3] = 1 - scores[..., 2]
        return scores


def load(model: Path, batch_size: int, tta: TTA) -> Brightness:
    """Load the stand-in."""
    return Brightness()


def main() -> None:
    """Measure each height in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--heights", type=int, nargs="+", default=[4_000, 16_000, 64_000])
    parser.add_argument("--child", metavar="SCENE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        with tempfile.TemporaryDirectory() as folder:
            geoseg.predict(options.child, folder=folder, load=load)
        print(peak_bytes())
        return
    first = 0
    with tempfile.TemporaryDirectory() as folder:
        for height in options.heights:
            scene = write_scene(Path(folder) / "scene.tif", height=height, width=options.width)
            command = [sys.executable, __file__, "--child", str(scene)]
            peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            first = first or peak
            print(f"{height:>6} rows: {peak / 1e6:6.0f} MB, {peak / first:.3f} of the first", flush=True)


if __name__ == "__main__":
    main()
