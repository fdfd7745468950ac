"""The network does not depend on blocks and workers."""

import threading
import weakref

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from geoseg.roads.rolling_rows import RollingRows
from geoseg.vectors.targets import VECTOR_ENDINGS
from geoseg.vectors.write import write_layers


def columns(network):
    every = {**vars(network.edges), **vars(network.nodes), "start": network.start, "vertices": network.vertices}
    return {name: values.tobytes() for name, values in every.items()}


@pytest.fixture(scope="module")
def whole(tangle, trace_levels):
    """Return the network of the tangle, traced as one block."""
    network = trace_levels(tangle, gsd=0.5, block=1000)
    assert len(network) > 40
    assert set(network.edges.kind.tolist()) == {0, 1, 2}
    assert network.edges.gap_m.max() > 0
    return network


@pytest.mark.parametrize(("block", "workers"), [(1000, 3), (211, 1), (128, 2), (64, 3), (37, 1)])
def test_blocks_and_workers_do_not_change_a_byte(tangle, trace_levels, whole, tmp_path, block, workers):
    """Files of every format are byte-identical for five block sizes and several workers."""
    network = trace_levels(tangle, gsd=0.5, block=block, workers=workers)
    for name, suffix in VECTOR_ENDINGS.items():
        one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
        write_layers(whole.layers(), one, name)
        write_layers(network.layers(), other, name)
        # A GeoPackage names its layers, not itself.
        assert one.read_bytes() == other.read_bytes(), name


@pytest.mark.parametrize(("block", "workers"), [(1000, 1), (128, 3), (37, 2)])
@pytest.mark.parametrize("cuts", [[], [1, 90, 91, 300], range(16, 420, 16)])
def test_rows_that_stream_by_do_not_change_a_byte(tangle, trace_parts, whole, block, workers, cuts):
    """Rows that arrive in parts, at once or a few at a time, give the network of the whole raster."""
    assert columns(trace_parts(tangle, cuts, gsd=0.5, block=block, workers=workers)) == columns(whole)


@pytest.mark.parametrize("rows", [419, 420])
def test_fine_rows_that_stream_by(tangle, trace_levels, trace_parts, rows):
    """Rows finer than the tracer needs are averaged as they arrive, squares across two parts and cut off included."""
    levels = tangle[:rows]
    expected = trace_levels(levels, gsd=0.12)
    assert len(expected)
    for cuts in ([100, 200, 301], range(7, rows, 7)):
        assert columns(trace_parts(levels, cuts, gsd=0.12, block=50)) == columns(expected)


def test_windows_are_read_in_order(tangle, trace_levels, whole):
    """Windows are read once, in the calling thread, and never further up than the one before."""
    tops, threads = [], set()

    class Rows:
        shape = tangle.shape

        def __getitem__(self, window):
            tops.append(window[0].start)
            threads.add(threading.current_thread())
            return tangle[window]

    network = trace_levels(Rows(), gsd=0.5, block=128, workers=3)
    assert columns(network) == columns(whole)
    assert tops[:12] == sorted(tops[:12])
    assert threads == {threading.current_thread()}


def test_rows_are_freed():
    """Rows above the last window read are held no longer, and those below it not taken before they are needed."""
    levels = np.arange(600, dtype=np.uint8).reshape(60, 10)
    taken = []

    def parts():
        for top in range(0, 60, 5):
            part = levels[top : top + 5].copy()
            taken.append(weakref.ref(part))
            yield part
            del part

    rows = RollingRows(parts())
    for top, stop in ((0, 7), (3, 12), (11, 12), (11, 33), (40, 60)):
        np.testing.assert_array_equal(rows.read(slice(top, stop), slice(2, 9)), levels[top:stop, 2:9])
        alive = [part() is not None for part in taken]
        assert len(alive) == -(-stop // 5)
        assert alive == [5 * number + 5 > top for number in range(len(alive))]
    with pytest.raises(ValueError, match="no longer held"):
        rows.read(slice(39, 60), slice(0, 1))
    with pytest.raises(ValueError, match="end at 60"):
        rows.read(slice(40, 61), slice(0, 1))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    blur=st.floats(0, 6),
    share=st.floats(0.1, 0.95),
    block=st.integers(20, 140),
    gsd=st.sampled_from([0.5, 1.0, 2.0]),
)
@example(seed=178, blur=5.0, share=0.296875, block=20, gsd=0.5)  # has a line that folds back at a dead end
def test_any_raster_gives_one_network(trace_levels, seed, blur, share, block, gsd):
    """Nodes, vertices and attributes do not depend on blocks, for random probabilities from noise to blobs."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((150, 130)), blur)
    ramp = np.clip((np.quantile(noise, share) - noise) / noise.std() * 2 + 0.3, 0, 1)
    levels = np.rint(ramp * 254).astype(np.uint8)
    assert columns(trace_levels(levels, gsd=gsd, block=block)) == columns(trace_levels(levels, gsd=gsd, block=400))


def test_progress_by_blocks(trace_levels):
    """Progress counts all pixels, block by block."""
    calls = []
    trace_levels(np.zeros((50, 70), np.uint8), block=32, progress=lambda done, total, _: calls.append((done, total)))
    assert calls[-1] == (3500, 3500)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(calls) == 6


@pytest.mark.parametrize("workers", [1, 3])
def test_failed_read_reaches_the_caller(trace_levels, workers):
    """An exception of `read` is raised unchanged, from any thread."""
    error = OSError("read failed")

    class Unreadable:
        shape = (300, 300)

        def __getitem__(self, window):
            raise error

    with pytest.raises(OSError, match="read failed") as caught:
        trace_levels(Unreadable(), block=64, workers=workers)
    assert caught.value is error
