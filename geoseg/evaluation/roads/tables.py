"""An evaluation of roads as tables of text, the same on the terminal, in Markdown and in HTML."""

from geoseg.evaluation.report.tables import Table, number

from .apls import SOURCES, STEP_M
from .evaluate import RoadEvaluation
from .topo import HOLE_M, RADIUS_M, SEEDS
from .topo import STEP_M as TOPO_STEP_M


def tables(evaluation: RoadEvaluation) -> list[Table]:
    """All tables of an evaluation; that of pairs where there are several."""
    shown = [overall(evaluation), networks(evaluation)]
    return [*shown, pairs(evaluation)] if len(evaluation.pairs) > 1 else shown


def overall(evaluation: RoadEvaluation) -> Table:
    """One row for each score of all pairs together."""
    scores, criteria = evaluation.scores, evaluation.criteria
    values = {
        "APLS, truth to prediction": scores.apls_truth_to_predicted,
        "APLS, prediction to truth": scores.apls_predicted_to_truth,
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


def networks(evaluation: RoadEvaluation) -> Table:
    """One row for each statistic of both networks."""
    sides = (evaluation.scores.true, evaluation.scores.predicted)
    return Table(
        title="Networks",
        columns=("", "truth", "prediction"),
        rows=(
            ("length in km", *(f"{side.length_km:,.3f}" for side in sides)),
            ("components", *(f"{side.components:,}" for side in sides)),
            ("junctions", *(f"{side.junctions:,}" for side in sides)),
            ("dead ends", *(f"{side.dead_ends:,}" for side in sides)),
        ),
    )


def pairs(evaluation: RoadEvaluation) -> Table:
    """One row for each pair."""
    return Table(
        title="Pairs",
        columns=("pair", "true km", "predicted km", "APLS", "TOPO F1", "complete", "correct", "quality", "relaxed F1"),
        rows=tuple(
            (
                pair.name,
                f"{pair.scores.true.length_km:,.3f}",
                f"{pair.scores.predicted.length_km:,.3f}",
                number(pair.scores.apls_harmonic),
                number(pair.scores.topo_f1),
                number(pair.scores.completeness),
                number(pair.scores.correctness),
                number(pair.scores.quality),
                number(pair.scores.relaxed_f1),
            )
            for pair in evaluation.pairs
        ),
    )


def conditions(evaluation: RoadEvaluation) -> tuple[str, ...]:
    """Sentences on what was compared and how, then all notes."""
    criteria, count = evaluation.criteria, len(evaluation.pairs)
    found = [
        f"APLS: nodes and points every {STEP_M:g} m, looked for within {criteria.snap_m:g} m; paths from at most "
        f"{SOURCES:,} of them (seed {criteria.seed}). SpaceNet's score is the harmonic mean.",
        f"TOPO: holes every {TOPO_STEP_M:g} m along ways of {RADIUS_M:g} m from at most {SEEDS} places "
        f"(seed {criteria.seed}), marbles within {HOLE_M:g} m.",
        f"Junctions are one if they are at most {criteria.junction_m:g} m apart.",
    ]
    if count > 1:
        found.append(f"{count} pairs: lengths, junctions, holes and marbles are added up; APLS is the mean.")
    notes = [f"{pair.name}: {note}" for pair in evaluation.pairs for note in pair.notes]
    return (*found, *evaluation.notes, *notes)
