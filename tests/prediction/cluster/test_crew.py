"""Every worker has blocks while there are any, of as many scenes as that takes."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.prediction.cluster.crew import Crew, Roster
from geoseg.prediction.jobs import Work
from geoseg.prediction.timings import Timings
from geoseg.tiling import Lattice

SLOW = 2.0
"""Seconds of a block, of which one waits at a worker."""


def scene(blocks):
    """A scene of one column."""
    plan = SimpleNamespace(lattice=Lattice(shape=(blocks, 1), tile=1, overlap=0))
    jobs = [SimpleNamespace(plan=plan, block=(slice(row, row + 1), slice(0, 1))) for row in range(blocks)]
    return Work(jobs=jobs, clock=Timings(), take=lambda _: None)


class Cluster:
    """Workers that have what they are given, first in, first out."""

    def __init__(self, works, *workers):
        self.begun = []
        self.workers = frozenset(workers)
        self.queues = {worker: [] for worker in workers}
        self.crew = Crew(map(self.note, works), Roster(lambda: self.workers))
        self.numbers = iter(range(10_000))

    def note(self, work):
        self.begun.append(work)
        return work

    def hand_out(self):
        for worker, work, block in self.crew.hand_out():
            future = next(self.numbers)
            self.crew.began(future, work, worker)
            self.queues[worker].append((future, work, block[0].start))

    def end(self, worker):
        """End the first block of a worker; returns its scene and row."""
        future, work, row = self.queues[worker].pop(0)
        self.crew.ended(future, SLOW)
        return work, row


def test_each_worker_has_a_scene_of_its_own():
    """Scenes of few blocks are in work together, each on one worker, with a block that waits; no more are begun."""
    works = [scene(3) for _ in range(6)]
    cluster = Cluster(works, "a", "b")
    cluster.hand_out()
    assert dict(held(cluster)) == {"a": [(works[0], 0)], "b": [(works[1], 0)]}
    for worker in ("a", "b"):
        cluster.end(worker)
    cluster.hand_out()
    assert dict(held(cluster)) == {"a": [(works[0], 1), (works[0], 2)], "b": [(works[1], 1), (works[1], 2)]}
    assert cluster.begun == works[:2]
    cluster.end("a")
    cluster.hand_out()
    assert dict(held(cluster))["a"] == [(works[0], 2), (works[2], 0)]


def test_one_large_scene_is_for_all():
    """Of a scene of many blocks, each worker has a span; the next is not begun."""
    works = [scene(32), scene(32)]
    cluster = Cluster(works, "a", "b")
    cluster.hand_out()
    assert dict(held(cluster)) == {"a": [(works[0], 0)], "b": [(works[0], 16)]}
    assert cluster.begun == works[:1]


def test_the_first_block_of_a_worker_is_alone():
    """Dask may run the second of two before the first, while a worker receives what both need."""
    cluster = Cluster([scene(32)], "a")
    cluster.hand_out()
    assert dict(held(cluster))["a"] == [(cluster.begun[0], 0)]
    cluster.end("a")
    cluster.hand_out()
    assert [row for _, row in dict(held(cluster))["a"]] == [1, 2]


def test_the_last_scene_is_for_all():
    """A scene of few blocks is shared once no other follows, and none waits at a worker while another has nothing."""
    (work,) = works = [scene(4)]
    cluster = Cluster(works, "a", "b")
    cluster.hand_out()
    assert dict(held(cluster)) == {"a": [(work, 0)], "b": [(work, 3)]}


@given(
    blocks=st.lists(st.integers(1, 20), max_size=12),
    workers=st.integers(1, 4),
    order=st.lists(st.integers(0, 3), max_size=40),
    bad=st.sets(st.integers(0, 11)),
)
def test_every_block_once(blocks, workers, order, bad):
    """In any order of ends, each block of each scene is handed out once, but for what follows an error."""
    works, names = [scene(count) for count in blocks], "abcd"[:workers]
    cluster, found, ended = Cluster(works, *names), [], []
    order = iter(order)
    cluster.hand_out()
    while cluster.crew.running:
        busy = [name for name in names if cluster.queues[name]]
        work, row = cluster.end(busy[next(order, 0) % len(busy)])
        found.append((works.index(work), row))
        if works.index(work) in bad:
            dropped = cluster.crew.drop(work)
            for name in names:
                cluster.queues[name] = [each for each in cluster.queues[name] if each[0] not in dropped]
            ended.append(work)
        elif cluster.crew.has_ended(work):
            ended.append(work)
        cluster.hand_out()
    assert sorted(each for each in found if each[0] not in bad) == [
        (number, row) for number, count in enumerate(blocks) if number not in bad for row in range(count)
    ]
    assert [number for number, _ in found if number in bad] == [*dict.fromkeys(n for n, _ in found if n in bad)]
    assert sorted(map(works.index, ended)) == [*range(len(works))]


@pytest.mark.parametrize("seconds", [1e-9, 0.1, 10])
def test_queues_are_bounded(seconds):
    """Quick blocks wait at a worker for half a second, and not more than sixteen beside the one that scenes take."""
    cluster = Cluster([scene(1) for _ in range(1000)], "a")
    cluster.hand_out()
    for _ in range(40):
        future, *_ = cluster.queues["a"].pop(0)
        cluster.crew.ended(future, seconds)
        cluster.hand_out()
    assert len(cluster.queues["a"]) == 1 + min(16, max(1, round(0.5 / seconds)))


def held(cluster):
    return [(worker, [(work, row) for _, work, row in queue]) for worker, queue in cluster.queues.items()]
