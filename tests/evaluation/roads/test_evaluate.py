"""Road files are compared with reference roads."""

import json
from dataclasses import asdict, fields

import geopandas
import numpy as np
import pytest
from synthetic_roads import random_streets

from geoseg.errors import DataError, UsageError
from geoseg.evaluation.roads import RoadScores, evaluate_roads
from geoseg.evaluation.roads.apls import apls
from geoseg.evaluation.roads.local_plane import plane_around
from geoseg.evaluation.roads.noding import road_graph
from geoseg.evaluation.roads.read import read_roads

PERFECT = (
    "apls_reference_to_predicted", "apls_predicted_to_reference", "apls_harmonic", "apls_arithmetic", "topo_precision",
    "topo_recall", "topo_f1", "completeness", "correctness", "quality", "relaxed_precision", "relaxed_recall",
    "relaxed_f1",
)  # fmt: skip


@pytest.fixture(scope="module")
def streets():
    """Lines of a network with junctions, curves and dead ends."""
    return [np.round(line, 3) for line in random_streets(4, 400).lines]


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:4258"])
def test_identical_networks(write_roads, streets, crs):
    """A network scores perfectly against itself in another CRS and format."""
    scores = evaluate_roads(write_roads(streets, "a.gpkg"), write_roads(streets, "b.fgb", crs=crs)).scores
    assert {name: getattr(scores, name) for name in PERFECT} == pytest.approx(dict.fromkeys(PERFECT, 1), abs=1e-6)
    assert scores.length_error == pytest.approx(0, abs=1e-6)
    assert (scores.junctions_missed, scores.junctions_false) == (0, 0)
    assert scores.junctions_right_degree == scores.junctions_found == scores.true.junctions > 5
    assert asdict(scores.true) == pytest.approx(asdict(scores.predicted))


def test_drawing_does_not_matter(write_roads, streets):
    """Reversing, splitting and duplicating lines does not change scores."""
    truth = write_roads(streets[::2], "truth.gpkg")
    one = evaluate_roads(write_roads(streets, "a.gpkg"), truth).scores
    cut = [
        part[::-1] for line in streets for part in (line[: len(line) // 2 + 1], line[len(line) // 2 :]) if len(part) > 1
    ]
    assert evaluate_roads(write_roads([*cut, streets[0]], "b.gpkg"), truth).scores == one


def test_a_missing_side_by_closed_form(write_roads, street_grid):
    """A square of 99 m lacks one side, less the 3 m at each end that are near its neighbours."""
    square = street_grid(2, 2, step=99.0)
    scores = evaluate_roads(write_roads(square[1:], "a.gpkg"), write_roads(square, "b.gpkg"), snap_m=1).scores
    assert scores.completeness == pytest.approx(303 / 396, abs=1e-5)
    assert scores.correctness == 1
    assert scores.quality == pytest.approx(297 / (297 + 93), abs=1e-5)
    assert scores.length_error == pytest.approx(-0.25, abs=1e-6)
    assert (scores.true.dead_ends, scores.predicted.dead_ends) == (0, 2)
    # The truth is a ring with eight places at equal distances. Number 7, on the lost side, is not found; between the
    # others the way leads around: 6 and 0 are six steps apart instead of two.
    lost = [
        1 if other == 7 else min(abs(other - one - direct) / direct, 1)
        for one in range(8)
        for other in range(one + 1, 8)
        for direct in [min(other - one, 8 - other + one)]
    ]
    assert scores.apls_reference_to_predicted == pytest.approx(1 - np.mean(lost), abs=1e-4)


@pytest.mark.parametrize(("shift", "share"), [(2.9, 1), (3.1, 0)])
def test_a_shifted_line_is_right_within_the_buffer(write_roads, shift, share):
    """A shifted road is correct up to the buffer, measured on the ground."""
    truth = write_roads([[(0, 0), (1000, 0)]], "b.gpkg")
    moved = write_roads([[(0, 0), (1000, 0)]], "a.geojson", crs="EPSG:4326", shift=(0, shift))
    scores = evaluate_roads(moved, truth, relax_m=20).scores
    assert (scores.completeness, scores.correctness, scores.quality) == pytest.approx((share,) * 3, abs=0.005)
    assert scores.relaxed_f1 == 1
    assert evaluate_roads(moved, truth, buffer_m=3.2).scores.completeness == 1


def test_bridges_are_no_junctions(write_roads):
    """A bridge joined to the road below gives a false junction and shorter paths."""
    cross = [[(-200, 0), (200, 0)], [(0, -200), (0, 200)]]
    joined = [[(-200, 0), (0, 0), (200, 0)], [(0, -200), (0, 0), (0, 200)]]
    scores = evaluate_roads(write_roads(joined, "a.gpkg"), write_roads(cross, "b.gpkg")).scores
    assert (scores.completeness, scores.correctness, scores.junctions_false) == (1, 1, 1)
    assert (scores.true.components, scores.predicted.components) == (2, 1)
    assert scores.apls_reference_to_predicted == pytest.approx(1, abs=1e-6)
    assert scores.apls_predicted_to_reference < 0.6
    assert scores.topo_recall == 1
    assert scores.topo_precision < 0.7


@pytest.mark.parametrize(("predicted", "true"), [(0, 1), (1, 0), (0, 0)])
def test_empty_networks(write_roads, street_grid, predicted, true):
    """Against an empty network scores are 0; two empty networks have an APLS of 1 and no other scores."""
    square = street_grid(2, 2)
    result = evaluate_roads(write_roads(square * predicted, "a.gpkg"), write_roads(square * true, "b.gpkg"))
    scores = result.scores
    assert scores.apls_harmonic == scores.apls_arithmetic == (predicted == true)
    for score, side in ((scores.completeness, true), (scores.correctness, predicted), (scores.topo_recall, true)):
        assert score == 0 if side else np.isnan(score)
    assert scores.quality == 0 if predicted or true else np.isnan(scores.quality)
    assert scores.relaxed_f1 == 0 if predicted or true else np.isnan(scores.relaxed_f1)
    assert scores.length_error == -1 if true else np.isnan(scores.length_error)
    assert "without any road" in result.pairs[0].notes[0]
    document = json.dumps(result.to_json(), allow_nan=False)
    assert json.loads(document)["quality"] == (0 if predicted or true else None)


def test_lengths_are_geodesic(write_roads):
    """A kilometre on the ground counts as one in Web Mercator, too."""
    path = write_roads([[(0, 0), (1000, 0)]], "a.gpkg", crs="EPSG:3857")
    assert evaluate_roads(path, path).scores.true.length_km == pytest.approx(1000 / 0.9996 / 1000, rel=1e-5)


def test_folders_are_scored_together(write_roads, streets, street_grid):
    """Files are matched by name; lengths and counts are summed, APLS is averaged, and unpaired files are reported."""
    square = street_grid(2, 2)
    write_roads(square, "maps/a_roads.gpkg")
    write_roads(streets, "maps/b_roads.gpkg")
    write_roads(streets, "maps/c_roads.gpkg")
    write_roads(square[1:], "truth/a.geojson", crs="EPSG:4326")
    folder = write_roads(streets[::2], "truth/b.geojson", crs="EPSG:4326").parent
    result = evaluate_roads(folder.parent / "maps", folder)
    one, other = (pair.scores for pair in result.pairs)
    assert [pair.name for pair in result.pairs] == ["a", "b"]
    assert result.scores.apls_harmonic == pytest.approx((one.apls_harmonic + other.apls_harmonic) / 2)
    assert result.scores.true.length_km == pytest.approx(one.true.length_km + other.true.length_km)
    assert result.scores.correctness == pytest.approx(
        sum(scores.correctness * scores.predicted.length_km for scores in (one, other))
        / result.scores.predicted.length_km
    )
    assert result.scores.completeness == pytest.approx(
        sum(scores.completeness * scores.true.length_km for scores in (one, other)) / result.scores.true.length_km
    )
    assert result.scores.junctions_false == one.junctions_false + other.junctions_false > 0
    (note,) = result.notes
    assert "maps has 1 without a counterpart, such as c." in note
    alone = evaluate_roads(folder.parent / "maps" / "b_roads.gpkg", folder / "b.geojson").scores
    assert alone == other


def test_swapped_files_are_noted(write_roads, streets, tmp_path):
    """A reference with a model's probabilities is noted, unless the prediction has them, too; the files are named."""
    reference, predicted = write_roads(streets, "reference.gpkg"), tmp_path / "predicted.geojson"
    geopandas.read_file(reference).to_crs("EPSG:4326").assign(prob_mean=0.9).to_file(predicted)
    swapped = evaluate_roads(reference, predicted)
    (note,) = swapped.pairs[0].notes
    assert note.startswith(f"{predicted} has a model's probabilities, and {reference} has not: if they are swapped,")
    assert swapped.sentences()[0] == f"{reference} against {predicted}."
    for right in ((predicted, reference), (predicted, predicted), (reference, reference)):
        assert evaluate_roads(*right).pairs[0].notes == ()


def test_draws_are_repeated(write_roads, streets):
    """The seed makes the draw of places repeatable, and its score is close to that of all places."""
    graphs = []
    for lines, name in ((streets, "a.gpkg"), (streets[::2], "b.gpkg")):
        roads = read_roads(write_roads(lines, name))
        plane = plane_around(roads.lines, roads.crs)
        graphs.append(road_graph(plane.project(roads.lines, roads.crs, name)))
    whole = apls(*graphs, step_m=10)
    drawn = apls(*graphs, step_m=10, sources=40)
    assert drawn == apls(*graphs, step_m=10, sources=40) != apls(*graphs, step_m=10, sources=40, seed=1)
    assert drawn.reference_to_found == pytest.approx(whole.reference_to_found, abs=0.08)


def test_refused(write_roads, tmp_path):
    """Networks that cannot be compared are refused with one sentence."""
    road = write_roads([[(0, 0), (9, 0)]], "maps/a.gpkg")
    with pytest.raises(DataError, match=r"nothing\.gpkg does not exist"):
        evaluate_roads(tmp_path / "nothing.gpkg", road)
    with pytest.raises(DataError, match=r"maps is a folder and .* is a file"):
        evaluate_roads(road.parent, road)
    with pytest.raises(DataError, match=r"no road file in .*maps \(a\) matches one in .*truth \(b\) by name"):
        evaluate_roads(road.parent, write_roads([[(0, 0), (9, 0)]], "truth/b.gpkg").parent)
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"images holds no road networks \(\.fgb, .*\.shp\)\."):
        evaluate_roads(road.parent, tmp_path / "images")
    with pytest.raises(DataError, match="share a name; keep only one of them"):
        evaluate_roads(write_roads([[(0, 0), (9, 0)]], "maps/a.fgb").parent, road.parent)
    for value in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="`buffer_m` must be a positive distance in metres"):
            evaluate_roads(road, road, buffer_m=value)
    nowhere = write_roads([[(0, 0), (9, 0)]], "b.shp")
    nowhere.with_suffix(".prj").unlink()
    with pytest.raises(DataError, match="has no CRS"):
        evaluate_roads(nowhere, road)


def test_different_places_are_told(write_roads):
    """Networks of small scenes that do not overlap are compared, with a note to check the CRS."""
    one, other = write_roads([[(0, 0), (9, 0)]], "a.gpkg"), write_roads([[(0, 0), (9, 0)]], "b.gpkg", shift=(500, 0))
    result = evaluate_roads(one, other)
    assert result.scores.quality == 0
    assert "the networks do not overlap" in result.pairs[0].notes[0]


def test_a_network_of_a_larger_area_is_noted(write_roads):
    """Roads outside the extent of the other network are no mistakes of a prediction: their share is noted."""
    lines = [[(0, 90 * row), (400, 90 * row)] for row in range(10)]
    district, scene = write_roads(lines, "district.gpkg"), write_roads(lines[:3], "scene.gpkg")
    beyond = "60 % of the length of district.gpkg is more than 100 m outside the extent of scene.gpkg and counts as"
    (note,) = evaluate_roads(scene, district).pairs[0].notes
    assert note == f"{beyond} missed; if scene.gpkg is of a smaller area, cut district.gpkg to it."
    (note,) = evaluate_roads(district, scene).pairs[0].notes
    assert note.startswith(f"{beyond} false")
    assert evaluate_roads(scene, write_roads(lines[:4], "near.gpkg")).pairs[0].notes == ()


def test_networks_far_apart(write_roads):
    """Networks that cannot show the same ground are refused, in any CRS."""
    one = write_roads([[(0, 0), (900, 0)]], "a.gpkg")
    for name, shift, crs in (("b.gpkg", (50_000, 0), "EPSG:32633"), ("c.geojson", (0, -50_000), "EPSG:4326")):
        other = write_roads([[(0, 0), (900, 0)]], name, shift=shift, crs=crs)
        with pytest.raises(DataError, match=rf"{name} are (49|50) km apart: do they show the same ground\?"):
            evaluate_roads(one, other)


def test_one_line_of_many_vertices(write_roads):
    """A track of 50,000 points is compared piece by piece; as a whole, every place would be sought along all of it."""
    along = np.arange(50_000.0)
    track = np.column_stack([along % 10_000, along // 10_000 * 100 + np.sin(along / 50)])
    there, here = write_roads([track], "a.gpkg"), write_roads([track], "b.gpkg", shift=(0, 2))
    scores = evaluate_roads(here, there).scores
    assert scores.completeness == scores.correctness == 1
    assert scores.apls_harmonic > 0.99  # from a place 2 m beside the other, at the turns
    missed = evaluate_roads(here, there, buffer_m=1).scores
    assert 0 < missed.completeness < 0.2  # where the track turns back


def test_networks_that_are_too_long(write_roads):
    """Lines longer than all roads of a country are a mistake in coordinates, and are refused before a place is set."""
    path = write_roads([[(0, 10.0 * number), (1e6, 10.0 * number)] for number in range(120)], "far.gpkg")
    with pytest.raises(DataError, match="km of lines, and networks of up to 100,000 km"):
        evaluate_roads(path, path)


def test_json_has_every_score(write_roads):
    """JSON holds every score, of all pairs together and of each."""
    path = write_roads([[(0, 0), (100, 0)]], "a.gpkg")
    document = evaluate_roads(path, path).to_json()
    names = {field.name for field in fields(RoadScores)}
    assert names <= document.keys()
    assert names <= document["pairs"][0].keys()
    assert document["subject"] == {"prediction": str(path), "reference": str(path)}
    assert document["criteria"] == {"buffer_m": 3, "relax_m": 3, "snap_m": 4, "junction_m": 8, "seed": 0}
