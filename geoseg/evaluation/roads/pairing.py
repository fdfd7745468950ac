"""Which road files are compared: a prediction and the truth of the same name."""

from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.evaluation.pairing import are_folders, by_name
from geoseg.settings import VECTOR_ENDINGS

ROADS = "_roads"
"""What geoseg appends to the name of a scene for its road network."""
_ENDINGS = (*VECTOR_ENDINGS.values(), ".json", ".shp")


@dataclass(frozen=True, kw_only=True)
class RoadPair:
    """The networks of one place."""

    name: str
    predicted: Path
    truth: Path


def pair_roads(predicted: Path, truth: Path) -> tuple[list[RoadPair], list[str]]:
    """Pair predictions with truths, and say which files are left over.

    Two files make a pair whatever their names; in folders names decide: `north_roads.gpkg` or `north.gpkg` goes with
    `north_roads.geojson` or `north.geojson`.

    Raises
    ------
    UsageError
        If a path does not exist, one is a folder and the other a file, two files of a folder have one name, or no names
        match.
    """
    if not are_folders(predicted, truth):
        return [RoadPair(name=predicted.stem.removesuffix(ROADS), predicted=predicted, truth=truth)], []
    ours, theirs = (by_name(folder, _ENDINGS, ROADS) for folder in (predicted, truth))
    names = sorted(ours.keys() & theirs.keys())
    if not names:
        raise UsageError(
            f"no road file in {predicted} ({len(ours)} there) has the name of one in {truth} ({len(theirs)} there)."
        )
    left = [
        f"{folder} has {len(others)} without a counterpart, such as {min(others)}."
        for folder, others in ((predicted, ours.keys() - theirs.keys()), (truth, theirs.keys() - ours.keys()))
        if others
    ]
    return [RoadPair(name=name, predicted=ours[name], truth=theirs[name]) for name in names], left
