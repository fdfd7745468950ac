"""The result of a road evaluation, as plain values, tables and a report with maps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from geoseg.errors import UsageError
from geoseg.evaluation.document import to_plain
from geoseg.evaluation.report.sections import Table, number
from geoseg.evaluation.report.write import write_report
from geoseg.evaluation.result import Subject

from .apls import SNAP_M, SOURCES, STEP_M
from .difference_map import Differences, write_differences
from .junctions import REACH_M
from .scores import RoadScores
from .topo import HOLE_M, RADIUS_M, SEEDS
from .topo import STEP_M as TOPO_STEP_M

_DIFFERENCES = "differences.gpkg"


@dataclass(frozen=True, kw_only=True)
class RoadCriteria:
    """Options for one evaluation of roads: see `evaluate_roads`."""

    buffer_m: float = 3.0
    relax_m: float = 3.0
    snap_m: float = SNAP_M
    junction_m: float = REACH_M
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("buffer_m", "relax_m", "snap_m", "junction_m"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"`{name}` must be a positive distance in metres, got {value}.")


@dataclass(frozen=True, kw_only=True)
class RoadComparison:
    """One pair of networks."""

    name: str
    prediction: str
    reference: str
    """Path of the reference network."""
    scores: RoadScores
    differences: Differences
    """Missed and false roads, in the CRS of the reference."""
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RoadEvaluation:
    """How well predicted networks agree with reference networks: over all pairs, and pair by pair."""

    subject: Subject
    criteria: RoadCriteria
    scores: RoadScores
    pairs: tuple[RoadComparison, ...]
    notes: tuple[str, ...]
    """Notes on the whole evaluation."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None for undefined scores."""
        pairs = [
            {"name": pair.name, "prediction": pair.prediction, "reference": pair.reference, **to_plain(pair.scores)}
            | {"notes": list(pair.notes)}
            for pair in self.pairs
        ]
        subject = {"prediction": self.subject.prediction, "reference": self.subject.reference}
        return {
            **to_plain(self.scores),
            "subject": subject,
            "criteria": to_plain(self.criteria),
            "pairs": pairs,
            "notes": [*self.notes],
        }

    def write(self, folder: str | Path, *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write `evaluation.json`, `.md` and `.html`, and maps of the differences, to a folder; return their paths.

        The map is `differences.gpkg`; of several pairs each has its own, such as `north_differences.gpkg`. Its layers
        `missed`, `false` and `junctions` are in the CRS of the reference.

        Raises
        ------
        OutputError
            If one exists and `overwrite` is not set, or the folder cannot be written.
        """
        maps = [partial(write_differences, pair.differences) for pair in self.pairs]
        return write_report(
            Path(folder),
            document=self.to_json(),
            sentences=self.sentences(),
            sections=self.tables,
            maps=dict(zip(map_names([pair.name for pair in self.pairs]), maps, strict=True)),
            overwrite=overwrite,
        )

    def tables(self) -> tuple[Table, ...]:
        """Return all tables; that of pairs if there are several."""
        shown = (self._overall(), self._networks())
        return (*shown, self._pairs()) if len(self.pairs) > 1 else shown

    def _overall(self) -> Table:
        scores, criteria = self.scores, self.criteria
        values = {
            "APLS, reference to prediction": scores.apls_reference_to_predicted,
            "APLS, prediction to reference": scores.apls_predicted_to_reference,
            "APLS, harmonic mean": scores.apls_harmonic,
            "APLS, arithmetic mean": scores.apls_arithmetic,
            "TOPO precision": scores.topo_precision,
            "TOPO recall": scores.topo_recall,
            "TOPO F1": scores.topo_f1,
            f"completeness within {criteria.buffer_m:g} m": scores.completeness,
            f"correctness within {criteria.buffer_m:g} m": scores.correctness,
            f"quality within {criteria.buffer_m:g} m": scores.quality,
            f"relaxed precision within {criteria.relax_m:g} m": scores.relaxed_precision,
            f"relaxed recall within {criteria.relax_m:g} m": scores.relaxed_recall,
            f"relaxed F1 within {criteria.relax_m:g} m": scores.relaxed_f1,
            "length error": scores.length_error,
        }
        junctions = {
            "junctions found": scores.junctions_found,
            "… with the right degree": scores.junctions_right_degree,
            "junctions missed": scores.junctions_missed,
            "false junctions": scores.junctions_false,
        }
        rows = [(name, number(value)) for name, value in values.items()]
        rows += [(name, f"{count:,}") for name, count in junctions.items()]
        return Table(title="Roads", columns=("score", "value"), rows=tuple(rows))

    def _networks(self) -> Table:
        sides = (self.scores.true, self.scores.predicted)
        return Table(
            title="Networks",
            columns=("", "reference", "prediction"),
            rows=(
                ("length in km", *(f"{side.length_km:,.3f}" for side in sides)),
                ("components", *(f"{side.components:,}" for side in sides)),
                ("junctions", *(f"{side.junctions:,}" for side in sides)),
                ("dead ends", *(f"{side.dead_ends:,}" for side in sides)),
            ),
        )

    def _pairs(self) -> Table:
        def row(name: str, scores: RoadScores) -> tuple[str, ...]:
            lengths = (scores.true.length_km, scores.predicted.length_km)
            near = (scores.completeness, scores.correctness, scores.quality, scores.relaxed_f1)
            values = (scores.apls_harmonic, scores.topo_f1, *near)
            return (name, *(f"{length:,.3f}" for length in lengths), *map(number, values))

        lengths = ("reference km", "predicted km")
        near = ("completeness", "correctness", "quality", "relaxed F1")
        rows = tuple(row(pair.name, pair.scores) for pair in self.pairs)
        return Table(title="Pairs", columns=("pair", *lengths, "APLS", "TOPO F1", *near), rows=rows)

    def sentences(self) -> tuple[str, ...]:
        """Describe how the networks were compared, then add all notes."""
        criteria, count = self.criteria, len(self.pairs)
        found = [
            self.subject.sentence(),
            f"APLS: nodes and points every {STEP_M:g} m, snapped within {criteria.snap_m:g} m; paths from at most "
            f"{SOURCES:,} of them (seed {criteria.seed}). SpaceNet's score is the harmonic mean.",
            f"TOPO: holes every {TOPO_STEP_M:g} m along paths of {RADIUS_M:g} m from at most {SEEDS} places "
            f"(seed {criteria.seed}), marbles within {HOLE_M:g} m.",
            f"Junctions match if they are at most {criteria.junction_m:g} m apart.",
        ]
        if count > 1:
            found.append(f"{count} pairs: lengths, junctions, holes and marbles are summed; APLS is the mean.")
        notes = [f"{pair.name}: {note}" for pair in self.pairs for note in pair.notes]
        return (*found, *self.notes, *notes)


def map_names(pairs: Sequence[str]) -> list[str]:
    """Return the file names of the maps of differences."""
    return [_DIFFERENCES] if len(pairs) == 1 else [f"{name}_{_DIFFERENCES}" for name in pairs]
