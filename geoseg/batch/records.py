"""Manifest records of scenes that were predicted or failed."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import isfinite, prod
from pathlib import Path
from typing import Any

from geoseg.errors import GeosegError
from geoseg.prediction.areas import ClassArea
from geoseg.prediction.digests import digest_results
from geoseg.prediction.layers import result_grid
from geoseg.prediction.plan import Plan
from geoseg.prediction.results.footprint import footprint
from geoseg.prediction.results.write import Prediction
from geoseg.tiling import roi_shape

from .joint import Shared
from .manifest import Area, Record, Roads, describe_output
from .members import Member


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at a scene; it starts when this object is created."""

    member: Member
    number: int
    """From 1."""
    shared: Shared | None = None
    """Basis of the stretch, if all scenes of the batch share one."""
    started: str = field(default_factory=_now)
    """UTC, ISO 8601."""


def record_done(attempt: Attempt, made: Prediction, *, bundle: Path, folder: Path) -> Record:
    """Return the record of a scene whose results are in `folder`; reads them all for their checksums."""
    return Record(
        state="done",
        started=attempt.started,
        ended=_now(),
        seconds=round(made.wall_s, 3),
        stages={name: round(stage.busy_s, 3) for name, stage in made.stages.items()},
        outputs=tuple(describe_output(path, folder) for path in made.outputs.files),
        areas=tuple(map(_area, made.areas)),
        roads=None if made.roads is None else Roads(**asdict(made.roads)),
        engine=None if made.runtime is None else str(made.runtime),
        attempts=attempt.number,
        **_describe(attempt, bundle),
    )


def _area(made: ClassArea) -> Area:
    return Area(**asdict(made) | {"area_m2": made.area_m2 if isfinite(made.area_m2) else None})


def record_failed(attempt: Attempt, error: GeosegError, *, bundle: Path) -> Record:
    """Return the record of a scene that failed."""
    ended = _now()
    return Record(
        state="failed",
        started=attempt.started,
        ended=ended,
        seconds=(datetime.fromisoformat(ended) - datetime.fromisoformat(attempt.started)).total_seconds(),
        outputs=attempt.member.earlier,
        error=attempt.member.sentence(error),
        attempts=attempt.number,
        **_describe(attempt, bundle),
    )


def _describe(attempt: Attempt, bundle: Path) -> dict[str, Any]:
    """Return the fields known before the scene is predicted; fewer if it could not be planned."""
    member = attempt.member
    fields = {"scene": member.key, "name": member.name}
    if not isinstance(member.planned, Plan):
        return fields
    box = footprint(result_grid(member.planned)).get("bbox")
    return fields | {
        "pixels": prod(roi_shape(member.planned.roi)),
        "bounds_lonlat": None if box is None else tuple(box),
        "settings": digest_results(member.planned, bundle),
        "joint": None if attempt.shared is None else attempt.shared.joint(member.planned),
    }
