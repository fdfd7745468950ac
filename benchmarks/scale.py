"""Measure how predictions scale on a Dask cluster: workers, overhead, and a simulation of a thousand of them.

python scale.py workers scene.tif          one worker process of one thread against two, in turn
python scale.py scenes --count 40          a batch of small scenes on one of them against two, in turn
python scale.py overhead                   milliseconds for each of many tiny blocks, without a network
python scale.py simulate --overhead-ms 2   1,000 workers on 1,000,000 blocks, from what the others have measured
"""

import requirements  # noqa: F401 - first, to name what is missing

# isort: split
import argparse
import hashlib
import heapq
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dask
import numpy as np
import numpy.typing as npt
from distributed import Client, LocalCluster
from scenes import write_scene

import geoseg
from geoseg.batch.batch import batch
from geoseg.cli.cluster import CALM
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.legend import AERIAL


@contextmanager
def cluster(workers: int) -> Iterator[Client]:
    """Start worker processes as `--workers` does, but of one thread each, on a core of its own if there are enough."""
    with (
        dask.config.set(CALM),
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as processes,
        Client(processes) as client,
    ):
        for number, worker in enumerate(client.scheduler_info(n_workers=-1)["workers"]):
            client.run(_pin, number, workers=[worker])
        yield client


def _pin(number: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})


def _warm(scene: Path, folder: Path) -> None:
    """Have a worker load what a process loads once, by predicting a scene itself."""
    geoseg.predict(scene, folder=folder / str(os.getpid()))


def predict(scenes: Sequence[Path], warm: Path, workers: int) -> tuple[float, float, str]:
    """Return seconds of a batch with roads, those of the client's own processor time, and a digest of its files.

    Each worker has predicted a small scene before, so that its libraries and network are loaded.
    """
    with tempfile.TemporaryDirectory() as name, cluster(workers) as client:
        folder, executor = Path(name), geoseg.DaskExecutor(client=client)
        client.run(_warm, warm, folder)
        geoseg.predict(warm, folder=folder / "warm", executor=executor)
        started, worked = time.perf_counter(), time.process_time()
        done = batch([*map(str, scenes)], folder=folder / "out", executor=executor)
        seconds, client_s = time.perf_counter() - started, time.process_time() - worked
        if done.failed:
            raise SystemExit(done.failed[0].error)
        written = sorted(f"{each.path} {each.sha256}" for record in done.done for each in record.outputs)
        digest = hashlib.sha256("\n".join(written).encode()).hexdigest()
    return seconds, client_s, digest


def compare(scenes: Sequence[Path], repeats: int) -> None:
    """Print the seconds of one worker and of two, in turn, and their ratio."""
    digests = set()
    folder = tempfile.TemporaryDirectory()
    warm = write_scene(Path(folder.name) / "warm.tif", height=1024, width=1024, seeds=1)
    for _ in range(repeats):
        found = {}
        for workers in (1, 2):
            found[workers], client_s, digest = predict(scenes, warm, workers)
            digests.add(digest)
            print(f"{workers} workers: {found[workers]:7.1f} s, of the client {client_s:.1f} s", flush=True)
        print(f"ratio {found[1] / found[2]:.2f}, {'same' if len(digests) == 1 else 'OTHER'} bytes", flush=True)


def compare_small(count: int, side: int, repeats: int) -> None:
    """Compare with a batch of small scenes, each another file."""
    with tempfile.TemporaryDirectory() as name:
        scenes = [Path(name) / f"{number:04}.tif" for number in range(count)]
        write_scene(scenes[0], height=side, width=side, seeds=1)
        for scene in scenes[1:]:
            shutil.copy(scenes[0], scene)
        compare(scenes, repeats)


class Nothing:
    """Stands in for a network: all pixels are of the first class."""

    def __call__(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return scores at no cost."""
        scores = np.zeros((*pixels.shape[:3], len(AERIAL)), np.float32)
        scores[..., 0] = 1
        return scores


def load_nothing(_model: Path, _options: EngineOptions) -> Nothing:
    """Load no network."""
    return Nothing()


def overhead(rows: int) -> None:
    """Print what each tiny block costs beyond its own work, and how much of it is the client's and scheduler's time."""
    with tempfile.TemporaryDirectory() as name, cluster(1) as client:
        folder, executor = Path(name), geoseg.DaskExecutor(client=client)
        write_scene(folder / "column.tif", height=rows * 32, width=32)
        for run in ("first", "again"):
            times: list[tuple[float, float]] = []

            def note(_done: int, _total: int, _text: str, times: list[tuple[float, float]] = times) -> None:
                times.append((time.perf_counter(), time.process_time()))

            done = geoseg.predict(
                folder / "column.tif",
                folder=folder / run,
                executor=executor,
                load=load_nothing,
                progress=note,
                tile=32,
                overlap=0,
                roads=False,
            )
            blocks = len(times) - 2
            wall_s, processor_s = (end - start for start, end in zip(times[1], times[-1], strict=True))
            stages = done.stages
            own_s = sum(stages[stage].busy_s for stage in ("load", "journal"))
            own_s += stages["blend"].busy_s + stages["blend"].waited_s
            print(
                f"{run}: {blocks} blocks, {1000 * wall_s / blocks:.1f} ms each, of which {1000 * own_s / blocks:.1f} "
                f"are their own; client and scheduler work {1000 * processor_s / blocks:.1f} ms each",
                flush=True,
            )


def simulate(blocks: int, workers: int, overhead_ms: float, megapixels_s: float) -> None:
    """Print how long blocks of several sizes take on many workers whose blocks one scheduler deals out in turn."""
    print(f"{blocks:,} blocks, {workers:,} workers of {megapixels_s} Mpx/s, {overhead_ms} ms of the scheduler a block")
    print(f"{'Mpx/block':>9} {'s/block':>8} {'hours':>7} {'efficiency':>10} {'scheduler':>9}")
    for size in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0):
        work_s = size / megapixels_s
        total_s = _run(blocks, workers, work_s, overhead_ms / 1000)
        ideal_s = blocks * work_s / workers
        print(
            f"{size:9.2f} {work_s:8.2f} {total_s / 3600:7.2f} {ideal_s / total_s:10.1%} "
            f"{min(1.0, blocks * overhead_ms / 1000 / total_s):9.1%}"
        )
    least = workers * overhead_ms / 1000 * megapixels_s
    print(f"The scheduler keeps up with blocks of {least:.2f} Mpx and more.")


def _run(blocks: int, workers: int, work_s: float, overhead_s: float) -> float:
    """Simulate workers that ask one scheduler for a block when they have ended the last; returns seconds."""
    noise = np.random.default_rng(0).uniform(0.8, 1.2, blocks)
    idle = [0.0] * workers
    free = 0.0
    ended = 0.0
    for number in range(blocks):
        asked = heapq.heappop(idle)
        free = max(free, asked) + overhead_s
        end = free + work_s * noise[number]
        heapq.heappush(idle, end)
        ended = max(ended, end)
    return ended


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["workers", "scenes", "overhead", "simulate"])
    parser.add_argument("scene", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--count", type=int, default=40, help="of small scenes")
    parser.add_argument("--side", type=int, default=600, help="of each, in pixels")
    parser.add_argument("--blocks", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--overhead-ms", type=float, default=2.0)
    parser.add_argument("--megapixels-s", type=float, default=0.7, help="of one worker")
    given = parser.parse_args()
    if given.what == "workers":
        compare([given.scene], given.repeats)
    elif given.what == "scenes":
        compare_small(given.count, given.side, given.repeats)
    elif given.what == "overhead":
        overhead(1000)
    else:
        simulate(given.blocks, given.workers, given.overhead_ms, given.megapixels_s)


if __name__ == "__main__":
    main()
