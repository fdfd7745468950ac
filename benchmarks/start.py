"""Time whole processes, from start to a predicted small scene, against `import tensorflow`.

Each is a process of its own. Runs alternate, so drift of the machine affects all of them. `first` is a run without a
cache of compiled kernels, as after an installation.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCENE = Path(__file__).parents[1] / "sample_rasters" / "suburb.tif"
GEOSEG = [sys.executable, "-m", "geoseg"]


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the processes to time, by name; `tensorflow` is the unit."""
    predict = [*GEOSEG, "predict", str(SCENE), "-q", "--overwrite", "-o", str(folder)]
    return {
        "tensorflow": [sys.executable, "-c", "import tensorflow"],
        "predict": predict,
        "first": predict,
        "keras": [*predict, "--engine", "keras"],
        "info": [*GEOSEG, "info", str(SCENE)],
        "help": [*GEOSEG, "--help"],
    }


def seconds(command: list[str], cache: Path) -> float:
    """Run a command with a cache of compiled kernels in `cache`."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def main() -> None:
    """Run all commands alternately and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ways", nargs="+", default=["tensorflow", "predict", "first", "info", "help"])
    options = parser.parse_args()
    measured: dict[str, list[float]] = {way: [] for way in options.ways}
    with tempfile.TemporaryDirectory() as work:
        folder, warm = Path(work) / "maps", Path(work) / "warm"
        ways = commands(folder)
        seconds(ways["predict"], warm)
        for _ in range(options.rounds):
            for way, runs in measured.items():
                with tempfile.TemporaryDirectory() as cold:
                    runs.append(seconds(ways[way], Path(cold) if way == "first" else warm))
    unit = statistics.median(measured.get("tensorflow", [1.0]))
    print(f"{'way':<10} {'median s':>9} {'min':>7} {'max':>7} {'ratio':>6}")
    for way, runs in measured.items():
        median = statistics.median(runs)
        print(f"{way:<10} {median:9.2f} {min(runs):7.2f} {max(runs):7.2f} {median / unit:6.2f}")


if __name__ == "__main__":
    main()
