"""`geoseg models show`, `card` and `stac`: describe a model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from geoseg.errors import UsageError

from . import options
from .tables import flatten, make_table, print_tables, without_recipe

if TYPE_CHECKING:
    from rich.table import Table


@click.command("show")
@options.named_model
@options.as_json
def show(model: str, *, as_json: bool) -> None:
    """Show a model's input, classes, network and provenance."""
    from geoseg.models.bundle import read_card, read_summary
    from geoseg.models.export.markdown import describe_resampling, describe_scaling
    from geoseg.models.shipped import find_model

    path = find_model(model)
    card, summary = read_card(path), read_summary(path)
    if as_json:
        file = {"path": str(path), "bytes": path.stat().st_size}
        network = {"layers": dict(summary.layers), "parameters": summary.parameters, "keras": summary.keras_version}
        click.echo(json.dumps(file | card.to_json() | network, indent=2))
        return
    facts = make_table(f"{card.name} {card.version}", "", "", header=False)
    road = None if card.legend.road is None else card.legend.names[card.legend.road]
    rows = {
        "file": f"{path} ({path.stat().st_size / 1e6:.1f} MB)",
        "bands": ", ".join(card.bands),
        "values": "; ".join(describe_scaling(card)),
        "GSD": describe_resampling(card),
        "tile": f"{card.tile} px, a multiple of {card.multiple}",
        "overlap": f"{card.overlap} px, blended with a {card.window} window",
        "parameters": f"{summary.parameters:,}",
        "layers": f"{sum(summary.layers.values())}: "
        + ", ".join(f"{count} {kind}" for kind, count in summary.layers.items()),
        "saved by": f"Keras {summary.keras_version}",
        "road network": "none: no class is a road" if road is None else f"traced from {road}",
    }
    said = dict(flatten(without_recipe(card.provenance, model)))
    # Provenance must not replace what was read from the bundle.
    for key, value in (rows | {key: value for key, value in said.items() if key not in rows}).items():
        facts.add_row(key, value)
    print_tables(facts, _legend(card.legend.to_json()["classes"]))


@click.command("card")
@options.named_model
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
@options.overwrite_file
def card(model: str, *, output: Path | None, overwrite: bool) -> None:
    """Print a model's card in Markdown."""
    from geoseg.models.bundle import read_card, read_summary
    from geoseg.models.export.markdown import card_text
    from geoseg.models.shipped import find_model

    if overwrite and output is None:
        raise UsageError("`overwrite` replaces the file `output`; name one, or leave it out.")
    path = find_model(model)
    text = card_text(read_card(path), read_summary(path), model=path.name if path == Path(model) else model)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, overwrite=overwrite)


@click.command("stac")
@options.named_model
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
    help="STAC item to write, with a relative link to the model.",
)  # fmt: skip
@options.overwrite_file
def stac(model: str, *, output: Path, overwrite: bool) -> None:
    """Write a model's STAC item (Machine Learning Model extension)."""
    from geoseg.models.export.stac import stac_item
    from geoseg.models.shipped import find_model

    item = stac_item(find_model(model), output)
    _write(output, json.dumps(item, indent=2) + "\n", overwrite=overwrite)


def _write(path: Path, text: str, *, overwrite: bool) -> None:
    from geoseg.files import check_outputs, write_text

    check_outputs([path], overwrite=overwrite)
    write_text(path, text)
    click.echo(path)


def _legend(classes: list[dict[str, str]]) -> "Table":
    from rich.text import Text

    table = make_table("classes", "id", "class", "colour")
    for number, entry in enumerate(classes):
        colour = Text.assemble(("██ ", entry["colour"]), entry["colour"])
        table.add_row(str(number), entry["name"], colour)
    return table
