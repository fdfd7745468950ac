"""Networks traced from random streets, rendered well and badly, and from junctions of all kinds."""

import numpy as np
import pytest
import shapely
from PIL import Image
from rasterio import Affine
from rasterio.features import rasterize
from road_accuracy import accuracy
from synthetic_roads import clean, occluded, random_streets, rough

from geoseg.evaluation.roads.apls import apls
from geoseg.evaluation.roads.noding import line_graph

GSD = 0.5
SEEDS = range(2)


@pytest.fixture(scope="module")
def found(trace_levels):
    """Return reference and traced network of each rendering of random streets."""
    results = {"clean": [], "rough": [], "occluded": []}
    for seed in SEEDS:
        streets = random_streets(seed, 800, gsd_m=GSD)
        coverage = streets.coverage()
        # 61 gaps: as dense as 400 on 2,048 m × 2,048 m.
        renderings = {
            "clean": clean(coverage),
            "rough": rough(coverage, seed),
            "occluded": occluded(coverage, seed, count=61, gsd_m=GSD),
        }
        for name, levels in renderings.items():
            network = trace_levels(levels, gsd=GSD)
            lines = [
                network.vertices[network.start[k] : network.start[k + 1]] / 1024 * GSD for k in range(len(network))
            ]
            results[name].append((streets.truth, line_graph(lines)))
    return results


@pytest.mark.parametrize(("name", "least"), [("clean", 0.97), ("rough", 0.96), ("occluded", 0.92)])
def test_paths_are_those_of_the_reference(found, name, least):
    """Path lengths agree with those of the reference (APLS, harmonic mean)."""
    assert np.mean([apls(truth, network).harmonic for truth, network in found[name]]) >= least


def test_clean_roads_are_complete_and_correct(found):
    """Within 3 m, 99 % of the reference is traced, and 99.5 % of the traced roads are in the reference."""
    scores = [accuracy(truth, network) for truth, network in found["clean"]]
    assert np.mean([score.correctness for score in scores]) >= 0.995
    assert np.mean([score.completeness for score in scores]) >= 0.99


def test_rough_roads_are_in_place(found):
    """Centrelines are half a pixel off on average; spurs are rare, junctions right, lengths within 1 %."""
    scores = [accuracy(truth, network) for truth, network in found["rough"]]
    assert np.mean([score.offset_mean_m for score in scores]) / GSD <= 0.6
    assert np.mean([score.offset_p95_m for score in scores]) / GSD <= 1.3
    assert np.mean([score.junctions for score in scores]) >= 0.9
    assert np.mean([score.spurs_per_km for score in scores]) <= 0.5
    assert all(abs(score.length_error) <= 0.01 for score in scores)


def painted(areas, size):
    """Return levels of `size` × `size` pixels in proportion to the area covered."""
    fine = rasterize([(area, 1) for area in areas], out_shape=(2 * size, 2 * size), transform=Affine.scale(0.5))
    return np.rint(fine.reshape(size, 2, size, 2).mean(axis=(1, 3)) * 254).astype(np.uint8)


def road(points, width):
    return shapely.LineString(points).buffer(width / 2, cap_style="flat")


def test_roundabout_keeps_its_ring(trace_levels):
    """Four arms at a roundabout of 12 m radius make four junctions of three roads, and the ring between them."""
    ring = shapely.Point(150, 150).buffer(12 / GSD + 7).difference(shapely.Point(150, 150).buffer(12 / GSD - 7))
    arms = [road([(150 + 24 * x, 150 + 24 * y), (150 + 140 * x, 150 + 140 * y)], 13) for x, y in
            ((1, 0.1), (-0.1, 1), (-1, -0.1), (0.1, -1))]  # fmt: skip
    network = trace_levels(painted([shapely.union_all([ring, *arms])], 300), gsd=GSD)
    assert sorted(network.nodes.degree.tolist()) == [1] * 4 + [3] * 4
    around = (network.nodes.degree[network.edges.from_node - 1] == 3) & (
        network.nodes.degree[network.edges.to_node - 1] == 3
    )
    assert network.edges.length_m[around].sum() == pytest.approx(2 * np.pi * 12, rel=0.12)


def test_dual_carriageway_stays_two(trace_levels):
    """Two carriageways 8 m wide and 5 m apart remain two roads without cross links."""
    pair = [road([(10, y), (590, y + 60)], 16) for y in (200, 226)]
    network = trace_levels(painted(pair, 600), gsd=GSD)
    assert len(network) == 2
    assert (network.nodes.degree == 1).all()


def test_ramps_leave_at_acute_angles(trace_levels):
    """A ramp that leaves a motorway at 12° and one that joins it each make a junction of three roads."""
    motorway = road([(10, 300), (790, 300)], 22)
    ramps = [
        road([(200, 300), (350, 330), (430, 380), (470, 500)], 10),
        road([(470, 500), (520, 400), (600, 335), (730, 300)], 10),
    ]
    network = trace_levels(painted([shapely.union_all([motorway, *ramps])], 800), gsd=GSD)
    assert sorted(network.nodes.degree.tolist()) == [1, 1, 3, 3]


def test_ring_road_is_a_ring(trace_levels):
    """A closed road without junctions is one edge of kind `ring`, with one node of degree two."""
    ring = shapely.Point(200, 200).buffer(150).difference(shapely.Point(200, 200).buffer(134))
    network = trace_levels(painted([ring], 400), gsd=GSD)
    assert network.edges.kind.tolist() == [1]
    assert network.nodes.degree.tolist() == [2]
    assert network.edges.length_m[0] == pytest.approx(2 * np.pi * 142 * GSD, rel=0.01)


def test_roads_lead_around_a_plaza(trace_levels):
    """Where four streets meet in an open space of 100 m, edges of kind `plaza` lead around it and join them."""
    square = shapely.box(200, 200, 400, 400)
    streets = [road([(300 + 95 * x, 300 + 95 * y), (300 + 290 * x, 300 + 290 * y)], 16) for x, y in
               ((1, 0), (0, 1), (-1, 0), (0, -1))]  # fmt: skip
    network = trace_levels(painted([shapely.union_all([square, *streets])], 600), gsd=GSD)
    assert set(network.edges.component_id.tolist()) == {1}
    plaza = network.edges.kind == 2
    assert plaza.sum() >= 4
    assert network.edges.length_m[plaza].sum() == pytest.approx(4 * 80, rel=0.25)
    assert (network.nodes.degree == 1).sum() == 4


def test_real_masks_are_sound_networks(trace_levels, real_data):
    """The network of a real mask is on its roads, 7 m wide, and only rings have nodes of degree two."""
    masks = sorted((real_data / "road_masks").glob("*.png"))
    assert len(masks) > 50
    for path in masks[::6]:
        mask = np.array(Image.open(path).convert("L")) > 127
        network = trace_levels(np.where(mask, 254, 0).astype(np.uint8))
        rings = network.edges.from_node == network.edges.to_node
        ends = np.concatenate([network.edges.from_node, network.edges.to_node]) - 1
        np.testing.assert_array_equal(np.bincount(ends, minlength=len(network.nodes.degree)), network.nodes.degree)
        assert set(np.flatnonzero(network.nodes.degree == 2)) <= set(ends[: len(rings)][rings])
        assert (network.edges.length_m > 0).all()
        vertices = np.minimum(network.vertices // 1024, np.array(mask.shape[::-1]) - 1)
        on_road = mask[vertices[:, 1], vertices[:, 0]]
        # Roads that end a few pixels from the scene's edge are drawn to it.
        within = ((network.vertices > 0) & (network.vertices < np.array(mask.shape[::-1]) * 1024)).all(axis=1)
        assert on_road[within].mean() > 0.97
        assert np.nanmedian(network.edges.width_m) == pytest.approx(7, abs=1)
        assert np.mean([turns_back(line) for line in np.split(network.vertices, network.start[1:-1])]) < 0.004


def turns_back(line):
    """Return whether a line turns by more than 120° at one of its vertices."""
    steps = np.diff(line.astype(float), axis=0)
    angle = np.degrees(np.arctan2(steps[:, 1], steps[:, 0]))
    return bool((np.abs((np.diff(angle) + 180) % 360 - 180) > 120).any())
