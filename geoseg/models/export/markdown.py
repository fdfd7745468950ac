"""Model cards in Markdown."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from geoseg.models.bundle import Card, NetworkSummary
from geoseg.models.texts import escaped, in_markdown
from geoseg.sentences import join_words

_FIRST = ("license", "attribution", "data", "split", "metrics")
"""Keys of provenance to list first."""


def card_text(card: Card, summary: NetworkSummary, *, model: str) -> str:
    """Return a bundle's model card in Markdown."""
    road = None if card.legend.road is None else card.legend.names[card.legend.road]
    parts = [
        f"# {in_markdown(f'{card.name} {card.version}')}",
        in_markdown(f"{join_words(card.legend.names)} at {describe_gsd(card)} from {join_words(card.bands)}."),
        _verbatim(f"geoseg predict scene.tif -m {shlex.quote(model)}"),
        "## Input",
        _table(
            ("", ""),
            [
                ("bands", ", ".join(card.bands)),
                ("ground sample distance", describe_resampling(card)),
                ("values", "; ".join(describe_scaling(card))),
                ("tile", f"{card.tile} px, overlap {card.overlap} px, blended with a {card.window} window"),
            ],
        ),
        "## Classes",
        _table(
            ("id", "class", "colour", "traced as road network"),
            [
                (number, entry.name, entry.colour, "yes" if entry.name == road else "")
                for number, entry in enumerate(card.legend.classes)
            ],
        ),
        "## Network",
        _table(
            ("", ""),
            [
                ("parameters", f"{summary.parameters:,}"),
                ("layers", ", ".join(f"{count} {kind}" for kind, count in summary.layers.items())),
                ("saved by", f"Keras {summary.keras_version}"),
            ],
        ),
        *_provenance(card.provenance),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def describe_gsd(card: Card) -> str:
    """Describe the ground sample distances that a network works at."""
    if card.gsd_range_m is None:
        return f"{card.gsd_m:g} m"
    return "–".join(f"{gsd_m:g}" for gsd_m in card.gsd_range_m) + " m"


def describe_resampling(card: Card) -> str:
    """Describe the ground sample distances that a network works at, and that of other scenes."""
    other = "" if card.gsd_range_m is None else ", finer and coarser scenes resampled to the nearer of these"
    return f"{describe_gsd(card)}{other}"


def describe_scaling(card: Card) -> Iterable[str]:
    """Describe the scaling of each data type to network inputs."""
    for dtype, scaling in card.scaling.items():
        plain = scaling.offset == 0 and scaling.gain == 1
        yield f"{dtype} unscaled" if plain else f"{dtype} as (value - {scaling.offset:g}) × {scaling.gain:g}"


def _provenance(provenance: Mapping[str, Any]) -> Iterable[str]:
    """Yield one table of short values, then a section for each table or long text."""
    keys = [key for key in _FIRST if key in provenance] + [key for key in provenance if key not in _FIRST]
    short = [(_words(key), _cell(provenance[key])) for key in keys if _is_short(provenance[key])]
    if short:
        yield "## Provenance"
        yield _table(("", ""), short)
    for key in keys:
        if not _is_short(provenance[key]):
            yield f"## {in_markdown(_words(key).capitalize())}"
            yield _section(provenance[key])


def _section(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Format a value as a table, a list, or a preformatted block."""
    match value:
        case str():
            return _verbatim(value.strip())
        case dict() if all(isinstance(part, dict) for part in value.values()):
            return _records([{"": key} | part for key, part in value.items()])
        case list() if all(isinstance(part, dict) for part in value):
            return _records(value)
        case dict():
            return _table(("", ""), [(_words(key), _cell(part)) for key, part in value.items()])
    return "\n".join(f"* {in_markdown(_cell(part))}" for part in value)


def _records(records: Sequence[Mapping[str, Any]]) -> str:
    """Format records that share most of their keys as a table."""
    columns = list(dict.fromkeys(key for record in records for key in record))
    rows = [[_cell(record[key]) if key in record else "" for key in columns] for record in records]
    return _table([_words(column) for column in columns], rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    header, *body = [[in_markdown(str(cell)) for cell in line] for line in (columns, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(columns), *body))


def _verbatim(text: str) -> str:
    """Format text as a fenced block that the text itself cannot close."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return "\n".join((fence, escaped(text, keep="\n\t"), fence))


def _is_short(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return "\n" not in value.strip()
    return not isinstance(value, dict | list) or (
        isinstance(value, list) and not any(isinstance(part, dict | list) for part in value) and len(value) < 10
    )


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON value
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list():
            return ", ".join(map(_cell, value))
        case dict():
            return json.dumps(value)
    return str(value)


def _words(key: str) -> str:
    return key.replace("_", " ")
