"""Blocks are dealt out whole, once each, and mostly one below the other."""

from hypothesis import given
from hypothesis import strategies as st

from geoseg.prediction.cluster.dealing_blocks import Deal

HEIGHT, WIDTH = 7, 5
STRIDE = 2
"""Blocks of three and a half rows of tiles: even the last of a worker is worth sharing."""


def column(number, count):
    cols = slice(number * WIDTH, number * WIDTH + WIDTH)
    return [(slice(row * HEIGHT, row * HEIGHT + HEIGHT), cols) for row in range(count)]


def place(dealt):
    """Scene, column and row of a block in blocks."""
    scene, (rows, cols) = dealt
    return scene, cols.start // WIDTH, rows.start // HEIGHT


def take(deal, worker, *, share=True):
    """Take a block, of what others have, too, if need be."""
    dealt = deal.take(worker)
    if dealt is None and share:
        deal.share()
        dealt = deal.take(worker)
    return None if dealt is None else place(dealt)


@given(
    scenes=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=4),
    parts=st.integers(1, 6),
    turns=st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=60),
    leaving=st.sets(st.integers(0, 60)),
)
def test_each_block_once(scenes, parts, turns, leaving):
    """Whoever asks in whatever order, and whoever leaves, every block of every scene is dealt out once."""
    deal, dealt = Deal(), []
    for scene, columns in enumerate(scenes):
        deal.add(
            scene,
            [block for number, rows in enumerate(columns) for block in column(number, rows)],
            parts=parts,
            stride=STRIDE,
        )
    for number, (worker, share) in enumerate(turns):
        if number in leaving:
            deal.leave(worker)
        else:
            dealt.append(take(deal, worker, share=share))
    while (last := take(deal, "last")) is not None:
        dealt.append(last)
    assert sorted(each for each in dealt if each is not None) == [
        (scene, number, row)
        for scene, columns in enumerate(scenes)
        for number, rows in enumerate(columns)
        for row in range(rows)
    ]


@given(count=st.integers(1, 60), workers=st.integers(1, 9))
def test_workers_of_one_speed_go_down(count, workers):
    """Workers that take turns each work down one span: as few blocks as workers do not follow the one above them."""
    deal, last, breaks = Deal(), {}, 0
    deal.add("scene", column(0, count), parts=workers, stride=STRIDE)
    for turn in range(2 * count):
        worker = turn % workers
        dealt = take(deal, worker)
        if dealt is None:
            break
        breaks += last.get(worker) != dealt[2] - 1
        last[worker] = dealt[2]
    whole = count // workers * workers
    assert breaks <= workers + (count - whole)


def test_half_of_the_longest():
    """A worker that joins late takes the lower half of the longest span."""
    deal = Deal()
    deal.add("scene", column(0, 10), parts=1, stride=STRIDE)
    assert [take(deal, "a")[2] for _ in range(2)] == [0, 1]
    assert take(deal, "b", share=False) is None
    assert take(deal, "b")[2] == 6
    assert [take(deal, "a")[2], take(deal, "b")[2]] == [2, 7]


@given(count=st.integers(1, 60), rows=st.floats(0.05, 8))
def test_shared_so_that_both_end_together(count, rows):
    """Of what is left, the second worker takes as many blocks as let both end first, having a row of tiles more."""
    deal = Deal()
    deal.add("scene", column(0, count + 1), parts=1, stride=HEIGHT / rows)
    take(deal, "a")

    def end(kept):
        return max((kept + 0.5) * rows, (count - kept) * rows + 1 if kept < count else 0)

    dealt = take(deal, "b")
    kept = count if dealt is None else dealt[2] - 1
    assert end(kept) == min(map(end, range(count + 1)))


def test_a_last_row_is_not_shared():
    """One row of tiles that a worker has left is done sooner by itself than by another, which needs the row above."""
    deal = Deal()
    deal.add("scene", column(0, 2), parts=1, stride=HEIGHT)
    assert take(deal, "a")[2] == 0
    assert take(deal, "b") is None
    assert take(deal, "a")[2] == 1


def test_a_scene_for_each_worker():
    """Workers that take turns each work down a scene of one span, and the next when they are through."""
    deal = Deal()
    for scene in "pqr":
        deal.add(scene, column(0, 2), parts=1, stride=STRIDE)
    assert [take(deal, worker, share=False) for worker in "abbaa"] == [
        ("p", 0, 0), ("q", 0, 0), ("q", 0, 1), ("p", 0, 1), ("r", 0, 0),
    ]  # fmt: skip


def test_a_scene_that_is_dropped():
    """Nothing more is dealt out of a scene that failed, whoever worked on it."""
    deal = Deal()
    for scene in "pq":
        deal.add(scene, column(0, 6), parts=2, stride=STRIDE)
    assert take(deal, "a") == ("p", 0, 0)
    deal.drop("p")
    assert [take(deal, "a") for _ in range(6)] == [("q", 0, row) for row in range(6)]
    assert take(deal, "a") is None
