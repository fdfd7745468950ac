"""Blocks are dealt out whole, once each, and mostly one below the other."""

from hypothesis import given
from hypothesis import strategies as st

from geoseg.prediction.cluster.dealing import Deal

HEIGHT, WIDTH = 7, 5


def column(number, count):
    cols = slice(number * WIDTH, number * WIDTH + WIDTH)
    return [(slice(row * HEIGHT, row * HEIGHT + HEIGHT), cols) for row in range(count)]


@given(
    columns=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    workers=st.integers(1, 6),
    turns=st.lists(st.integers(0, 7), max_size=60),
    leaving=st.sets(st.integers(0, 60)),
)
def test_each_block_once(columns, workers, turns, leaving):
    """Whoever asks in whatever order, and whoever leaves, every block is dealt out once."""
    blocks = [block for number, count in enumerate(columns) for block in column(number, count)]
    deal, dealt = Deal(blocks, workers), []
    for number, worker in enumerate(turns):
        if number in leaving:
            deal.leave(worker)
        else:
            dealt.append(deal.take(worker))
    while (number := deal.take("last")) is not None:
        dealt.append(number)
    assert sorted(number for number in dealt if number is not None) == list(range(len(blocks)))


@given(count=st.integers(1, 60), workers=st.integers(1, 9))
def test_workers_of_one_speed_go_down(count, workers):
    """Workers that take turns each work down one span: as few blocks as workers do not follow the one above them."""
    blocks = column(0, count)
    deal, last, breaks = Deal(blocks, workers), {}, 0
    for turn in range(2 * count):
        worker = turn % workers
        number = deal.take(worker)
        if number is None:
            break
        breaks += last.get(worker) != number - 1
        last[worker] = number
    whole = count // workers * workers
    assert breaks <= workers + (count - whole)


def test_the_idle_takes_half_of_the_longest():
    """A worker that joins late takes the lower half of the longest span."""
    blocks = column(0, 10)
    deal = Deal(blocks, 1)
    assert [deal.take("a") for _ in range(2)] == [0, 1]
    assert deal.take("b") == 6
    assert [deal.take("a"), deal.take("b")] == [2, 7]
