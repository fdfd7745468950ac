"""Evaluate road networks: files or folders of them against reference networks."""

from pathlib import Path

import shapely

from geoseg.errors import DataError
from geoseg.evaluation.pairing import Pair, pair_roads
from geoseg.evaluation.result import Subject
from geoseg.tiling.progress import Progress, no_progress

from .apls import SNAP_M, apls
from .buffers import Lines, Nearness, parts_beyond
from .difference_map import project_differences
from .junctions import REACH_M, match_junctions
from .local_plane import Plane, plane_around
from .noding import LineGraph, road_graph
from .notes import note_files, note_places
from .read import Roads, read_roads
from .result import RoadComparison, RoadCriteria, RoadEvaluation
from .scores import Measurements, measure_network, score_roads
from .topo import topo

_LONGEST_M = 1e8
"""Longest network: TOPO holds a place every 5 m in memory."""


def evaluate_roads(
    predicted: str | Path,
    reference: str | Path,
    *,
    buffer_m: float = 3.0,
    relax_m: float = 3.0,
    snap_m: float = SNAP_M,
    junction_m: float = REACH_M,
    seed: int = 0,
    progress: Progress = no_progress,
) -> RoadEvaluation:
    """Compare predicted road networks with reference networks.

    Parameters
    ----------
    predicted, reference
        Vector files with lines, in any CRS, or folders whose files are matched by name.
    buffer_m
        Distance within which a line counts for completeness, correctness and quality.
    relax_m
        Offset that relaxed scores tolerate.
    snap_m
        Distance within which APLS snaps a place to the other network.
    junction_m
        Greatest distance between matching junctions.
    seed
        Seed of the places drawn where a network has too many for APLS or TOPO.
    progress
        Called before each pair with the pairs done, all pairs, and its name; at the end with `""`.

    Raises
    ------
    UsageError
        If a distance is not positive.
    DataError
        If no files match, a file cannot be read, holds no lines, or has no CRS tied to the Earth, or the networks of a
        pair are far apart.
    """
    criteria = RoadCriteria(buffer_m=buffer_m, relax_m=relax_m, snap_m=snap_m, junction_m=junction_m, seed=seed)
    pairs, left = pair_roads(Path(predicted), Path(reference))
    compared, measured = [], []
    for number, pair in enumerate(pairs):
        progress(number, len(pairs), pair.name)
        found, comparison = _compare(pair, criteria)
        measured.append(found)
        compared.append(comparison)
    progress(len(pairs), len(pairs), "")
    return RoadEvaluation(
        subject=Subject(prediction=str(predicted), reference=str(reference)),
        criteria=criteria,
        scores=score_roads(measured),
        pairs=tuple(compared),
        notes=tuple(left),
    )


def _compare(pair: Pair, criteria: RoadCriteria) -> tuple[Measurements, RoadComparison]:
    true, predicted = read_roads(pair.reference), read_roads(pair.predicted)
    centre = true if len(true.lines) else predicted
    plane = plane_around(centre.lines, centre.crs)
    reference, found = _graph(plane, true, pair.reference), _graph(plane, predicted, pair.predicted)
    missed, false = _beyond(reference, found, criteria.buffer_m)
    junctions = match_junctions(reference, found, reach_m=criteria.junction_m)
    relaxed = (missed, false) if criteria.relax_m == criteria.buffer_m else _beyond(reference, found, criteria.relax_m)
    near = _nearness(plane, reference, found, missed, false)
    measured = Measurements(
        true=measure_network(reference, near.true_m),
        predicted=measure_network(found, near.found_m),
        near=near,
        relaxed=_nearness(plane, reference, found, *relaxed),
        apls=apls(reference, found, snap_m=criteria.snap_m, seed=criteria.seed),
        topo=topo(reference, found, seed=criteria.seed),
        junctions=junctions,
    )
    comparison = RoadComparison(
        name=pair.name,
        prediction=str(pair.predicted),
        reference=str(pair.reference),
        scores=score_roads([measured]),
        differences=project_differences(plane, true.crs, missed, false, junctions),
        notes=(*true.notes, *predicted.notes, *note_files(true, predicted, pair), *note_places(reference, found, pair)),
    )
    return measured, comparison


def _graph(plane: Plane, roads: Roads, path: Path) -> LineGraph:
    lines = plane.project(roads.lines, roads.crs, str(path))
    length_m = float(shapely.length(lines).sum())
    if length_m > _LONGEST_M:
        raise DataError(
            f"{path} has {length_m / 1000:,.0f} km of lines, and networks of up to {_LONGEST_M / 1000:,.0f} km can be "
            "compared; correct its coordinates or its CRS, or cut it into files."
        )
    return road_graph(lines)


def _beyond(reference: LineGraph, found: LineGraph, distance_m: float) -> tuple[Lines, Lines]:
    """Cut out missed and false lines."""
    ours, theirs = found.lines, reference.lines
    return parts_beyond(theirs, ours, distance_m), parts_beyond(ours, theirs, distance_m)


def _nearness(plane: Plane, reference: LineGraph, found: LineGraph, missed: Lines, false: Lines) -> Nearness:
    true_m, found_m, missed_m, false_m = (
        float(plane.lengths(lines).sum()) for lines in (reference.lines, found.lines, missed, false)
    )
    return Nearness(
        true_m=true_m,
        true_near_m=max(true_m - missed_m, 0.0),
        found_m=found_m,
        found_near_m=max(found_m - false_m, 0.0),
    )
