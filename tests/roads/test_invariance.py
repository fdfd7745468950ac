"""The network does not depend on blocks and workers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

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


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    blur=st.floats(0, 6),
    share=st.floats(0.1, 0.95),
    block=st.integers(20, 140),
    gsd=st.sampled_from([0.5, 1.0, 2.0]),
)
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
