"""Strips dealt to devices in any order, and again when some fail, come back whole and in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.models.engines.strips import Blended, Layers, Layout
from geoseg.prediction.devices.dealing_strips import Dealer
from geoseg.prediction.devices.driving import Driver
from geoseg.prediction.strips import Strip

SIDE, OVERLAP = 6, 2
STRIDE = SIDE - OVERLAP


class Remote:
    """Scores in the memory of a device, readable by its network alone."""

    def __init__(self, values, owner):
        self.values, self.owner = values, owner


class Numbers:
    """A network whose scores are the pixels, on a device that may be switched off."""

    def __init__(self, name):
        self.name, self.on, self.blended, self.halved = name, True, 0, False

    def blend(self, pixels, with_data, rows, layout):
        self._check()
        self.blended += 1
        weighted = pixels[..., 0] * rows[:, None]
        parts = weighted[:OVERLAP], weighted[SIDE - OVERLAP :], weighted[OVERLAP : SIDE - OVERLAP]
        top, bottom, middle = (Remote(part[None].astype(np.uint8), self) for part in parts)
        return Blended(top=top, bottom=bottom, middle=middle)

    def join(self, top, bottom, layers):
        self._check()
        return Remote(sum(self.download(edge) for edge in (top, bottom) if edge is not None), self)

    def download(self, values):
        self._check()
        values.owner._check()
        return values.values

    def lower_batch(self, error):
        raise error

    def _check(self):
        if not self.on:
            raise RuntimeError(f"{self.name} is off")


class Block:
    """A block of a scene of some tile rows, and its rows of pixels, with weights that are whole numbers."""

    def __init__(self, first, count, scene):
        self.rows = range(first, first + count)
        self.seams = range(first + (first > 0), first + count + (first + count == scene))
        self.pixels = np.random.default_rng(scene).integers(0, 60, (scene * STRIDE + OVERLAP, 3)).astype(np.uint8)
        self.scene = scene

    def weights(self, row):
        """Weights of a strip's rows; neighbours' add up to three."""
        weights = np.full(SIDE, 3, np.float32)
        if row > 0:
            weights[:OVERLAP] = 1
        if row < self.scene - 1:
            weights[-OVERLAP:] = 2
        return weights

    def strip(self, row):
        span = slice(row * STRIDE, row * STRIDE + SIDE)
        pixels = np.repeat(self.pixels[span, :1, None], 3, axis=1)
        valid = np.ones(pixels.shape[:2], bool)
        return Strip(
            row=row, rows=span, cols=slice(0, 3), pixels=pixels, valid=valid, wanted=valid, with_data=np.ones(1, bool)
        )

    def expected(self):
        """Rows that strips of the block finish: all of them, less what is shared with strips outside."""
        start = self.rows.start * STRIDE + (OVERLAP if self.rows.start > 0 else 0)
        stop = self.rows.stop * STRIDE + (OVERLAP if self.rows.stop == self.scene else 0)
        return 3 * self.pixels[start:stop, 0]

    def drivers(self, networks, dealer):
        layout = Layout(
            starts=np.zeros(1, np.int32), weights=np.ones((1, SIDE), np.float32), overlap=OVERLAP, ends=False,
            offset=np.zeros(3, np.float32), gain=np.ones(3, np.float32), layers=Layers(),
        )  # fmt: skip
        return [Driver(layout, self.weights, network, dealer) for network in networks]


def work(block, count, ahead, turns, failures):
    """Let devices work in turns, in one thread, until a block is finished.

    `turns` are numbers of devices, repeated; `failures` say after which turns which device is switched off, if others
    are left. Returns the block's rows, the warnings and the networks.
    """
    networks = [Numbers(f"gpu:{number}") for number in range(count)]
    dealer = Dealer(block.rows, block.seams, networks, ahead=ahead)
    drivers = block.drivers(networks, dealer)
    unread, finished, warned = list(block.rows), [], []
    for turn in range(1000):
        while unread and unread[0] + 1 - block.rows.start - len(finished) < ahead:
            dealer.put(block.strip(unread.pop(0)))
        if turn in failures and sum(network.on for network in networks) > 1:
            networks[failures[turn] % count].on = False
        drivers[turns[turn % len(turns)] % count].step(wait=False)
        drivers[turn % count].step(wait=False)  # so that every device has its turn
        while len(finished) < len(block.rows):
            sentences, strip = dealer.next_finished(wait=False)
            warned += sentences
            if strip is None:
                break
            finished.append(strip)
        if len(finished) == len(block.rows):
            break
    parts = [part for strip in finished for part in (strip.top, strip.middle, strip.bottom) if part is not None]
    return np.concatenate(parts, axis=1)[0, :, 0], warned, networks


@given(
    first=st.integers(0, 3),
    count=st.integers(1, 6),
    after=st.integers(0, 2),
    devices=st.integers(1, 4),
    ahead=st.integers(2, 9),
    turns=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    failures=st.dictionaries(st.integers(0, 30), st.integers(0, 3), max_size=3),
)
def test_any_order_and_any_failures(first, count, after, devices, ahead, turns, failures):
    """As long as one device works, a block comes back whole and in order, and every device that fails is named once."""
    block = Block(first, count, first + count + after)
    found, warned, networks = work(block, devices, ahead, turns, failures)
    np.testing.assert_array_equal(found, block.expected())
    names = [sentence.split()[0] for sentence in warned]
    assert len(names) == len(set(names))
    assert set(names) <= {network.name for network in networks if not network.on}


@given(count=st.integers(1, 9), devices=st.integers(1, 4), turns=st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_nothing_is_done_twice(count, devices, turns):
    """Without failures each strip is blended once, whatever the number of devices."""
    _, warned, networks = work(Block(0, count, count), devices, 4, turns, {})
    assert sum(network.blended for network in networks) == count
    assert not warned


def test_unreadable_scores_are_their_owner_s_failure():
    """If a device cannot fetch the scores of a neighbour's strip, the neighbour is dropped, and its strip repeated."""
    block = Block(0, 2, 2)
    owner, other = networks = [Numbers("gpu:0"), Numbers("gpu:1")]
    dealer = Dealer(block.rows, block.seams, networks, ahead=3)
    first, second = block.drivers(networks, dealer)
    dealer.put(block.strip(0))
    for _ in range(2):
        first.step(wait=False)  # blends strip 0
    dealer.put(block.strip(1))
    for _ in range(2):
        second.step(wait=False)  # blends strip 1
    owner.on = False
    for _ in range(9):
        second.step(wait=False)
    finished = [dealer.next_finished(wait=False) for _ in range(2)]
    assert [sentences for sentences, _ in finished] == [
        ["gpu:0 failed (gpu:0 is off); its work continues on gpu:1."], []
    ]  # fmt: skip
    assert all(strip is not None for _, strip in finished)
    assert other.blended == 2


def test_the_last_device_s_error_is_raised():
    """If no device is left, the error of the last one is raised as it is, after the warnings of the others."""
    block = Block(0, 3, 3)
    networks = [Numbers("gpu:0"), Numbers("gpu:1")]
    dealer = Dealer(block.rows, block.seams, networks, ahead=3)
    dealer.put(block.strip(0))
    dealer.put(block.strip(1))
    for network, driver in zip(networks, block.drivers(networks, dealer), strict=True):
        network.on = False
        driver.step(wait=False)
    assert dealer.next_finished(wait=True) == (["gpu:0 failed (gpu:0 is off); its work continues on gpu:1."], None)
    with pytest.raises(RuntimeError, match=r"^gpu:1 is off$"):
        dealer.next_finished(wait=True)
