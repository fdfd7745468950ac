"""One batch of 100 small scenes against a command for each, and the memory of its last ten scenes against its first.

Single commands are run before and after the batch, and their median is multiplied. All have the same caches. The first
five scenes fill buffers and are left out of the memory's comparison, which is of medians: each scene has a peak of its
own.
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scenes import peak_bytes, write_scene

GEOSEG = [sys.executable, "-m", "geoseg"]


def run(*arguments: str) -> tuple[float, float, list[int]]:
    """Run a command; returns seconds by the clock and of CPUs, and its peak memory during each scene."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    peaks = []
    with subprocess.Popen([*GEOSEG, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "scene_done":
                peaks.append(peak_bytes(process.pid))
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak is that since now
    if process.returncode:
        raise SystemExit(process.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, busy, peaks


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--side", type=int, default=600)
    parser.add_argument("--singles", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "scenes").mkdir()
        scenes = [work / "scenes" / f"{number:03}.tif" for number in range(options.scenes)]
        write_scene(scenes[0], height=options.side, width=options.side, seeds=1)
        for scene in scenes[1:]:
            shutil.copy(scenes[0], scene)

        def single(number: int) -> tuple[float, float]:
            return run("predict", str(scenes[number]), "-q", "-o", str(work / "single"))[:2]

        single(0)  # compiles and fills caches
        half = options.singles // 2
        singles = [single(number) for number in range(1, 1 + half)]
        *together, peaks = run("batch", str(work / "scenes"), "-q", "--json", "-o", str(work / "maps"))
        singles += [single(number) for number in range(1 + half, 1 + options.singles)]
    for kind, each, whole in zip(("clock", "CPUs"), zip(*singles, strict=True), together, strict=True):
        one = statistics.median(each)
        print(f"{kind}: a command {one:.2f} s ({min(each):.2f} to {max(each):.2f}), ", end="")
        print(f"a batch {whole:.1f} s: {one * options.scenes / whole:.2f} × as fast")
    first, last = (statistics.median(part) for part in (peaks[5:15], peaks[-10:]))
    print(f"peak memory: {first / 1e6:.0f} MB in scenes 6 to 15, {last / 1e6:.0f} MB in the last ten, ", end="")
    print(f"{last / first:.3f} of it")


if __name__ == "__main__":
    main()
