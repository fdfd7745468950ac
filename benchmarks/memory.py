"""Peak resident memory of `geoseg predict` by scene height, with a stand-in for the network.

The scenes show their classes as noisy colours, which the stand-in scores, so every stage runs with realistic road
density. `--model aerial` runs a network on rendered images instead.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scenes import COLOURS, peak_bytes, write_scene

import geoseg
from geoseg.models.engines.engine import EngineOptions


class Colours:
    """Scores pixels by their similarity to the colour of each class."""

    classes = len(COLOURS)

    def __call__(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return scores `(tiles, side, side, classes)` of pixels `(tiles, side, side, 3)`."""
        scores = np.empty((*pixels.shape[:3], self.classes), np.float32)
        for number, colour in enumerate(COLOURS.astype(np.float32)):
            scores[..., number] = 1 / (1 + np.square(pixels - colour).sum(axis=-1))
        return scores / scores.sum(axis=-1, keepdims=True)


def load(model: Path, options: EngineOptions) -> Colours:
    """Load the stand-in."""
    return Colours()


def main() -> None:
    """Measure each height in a separate process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--heights", type=int, nargs="+", default=[4_000, 16_000, 64_000])
    parser.add_argument("--model", help="network to use instead of the stand-in")
    parser.add_argument("--child", metavar="SCENE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        with tempfile.TemporaryDirectory() as folder:
            choice = {"load": load} if options.model is None else {"model": options.model}
            geoseg.predict(options.child, folder=folder, **choice)
        print(peak_bytes())
        return
    first = 0
    with tempfile.TemporaryDirectory() as folder:
        for height in options.heights:
            scene = write_scene(
                Path(folder) / "scene.tif", height=height, width=options.width, painted=options.model is None
            )
            command = [sys.executable, __file__, "--child", str(scene)]
            if options.model is not None:
                command += ["--model", options.model]
            peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            first = first or peak
            print(f"{height:>6} rows: {peak / 1e6:6.0f} MB, {peak / first:.3f} of the first", flush=True)


if __name__ == "__main__":
    main()
