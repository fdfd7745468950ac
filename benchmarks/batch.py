"""One batch of 100 small scenes against a command for each, and the memory of its 100th scene against its 10th.

Single commands are run before and after the batch, and their median is multiplied. All have the same caches.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scenes import peak_bytes, write_scene

from geoseg.batch.batch import batch
from geoseg.batch.events import Event, SceneDone


def seconds(command: list[str]) -> float:
    """Run a command."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def run_here(scenes: list[str], folder: Path) -> list[int]:
    """Predict scenes as one batch in this process; returns its peak memory, in bytes, as each scene is done."""
    peaks: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, SceneDone):
            peaks.append(peak_bytes())

    batch(scenes, folder=folder, on_event=listen)
    return peaks


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--side", type=int, default=600)
    parser.add_argument("--singles", type=int, default=6)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        scenes = sorted(str(path) for path in (options.child / "scenes").iterdir())
        print(json.dumps(run_here(scenes, options.child / "batch")))
        return
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "scenes").mkdir()
        scenes = [work / "scenes" / f"{number:03}.tif" for number in range(options.scenes)]
        write_scene(scenes[0], height=options.side, width=options.side, seeds=1)
        for scene in scenes[1:]:
            shutil.copy(scenes[0], scene)
        geoseg = [sys.executable, "-m", "geoseg"]

        def single(number: int) -> float:
            return seconds([*geoseg, "predict", str(scenes[number]), "-q", "-o", str(work / "single")])

        single(0)  # compiles and fills caches
        half = options.singles // 2
        singles = [single(number) for number in range(1, 1 + half)]
        together = seconds([*geoseg, "batch", str(work / "scenes"), "-q", "-o", str(work / "maps")])
        singles += [single(number) for number in range(1 + half, 1 + options.singles)]
        child = [sys.executable, __file__, "--child", str(work)]
        peaks = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    one = statistics.median(singles)
    print(f"one command: {one:.2f} s ({min(singles):.2f} to {max(singles):.2f})")
    print(f"batch of {options.scenes}: {together:.1f} s, {one * options.scenes / together:.2f} × as fast")
    tenth, last = peaks[min(9, len(peaks) - 1)], peaks[-1]
    print(f"peak memory: {tenth / 1e6:.0f} MB at the 10th, {last / 1e6:.0f} MB at the last, {last / tenth:.3f} of it")


if __name__ == "__main__":
    main()
