"""`geoseg models`: list, add, show, export, quantise and calibrate models."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import model_registry, options
from .completion import complete_files, complete_models
from .group import RecordingGroup
from .grouped import GroupedCommand
from .tables import flatten, without_recipe

if TYPE_CHECKING:
    from rich.table import Table

    from geoseg.models.bundle import Card
    from geoseg.models.shipped import NamedModel

_model = click.argument("model", metavar="NAME|FILE", shell_complete=complete_models)
_overwrite = click.option("--overwrite", is_flag=True, help="Replace an existing file.")
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _bundle(ending: str) -> _Decorator:
    """Option for the bundle to write, by default `<model>_<ending>.keras`."""
    path, text = click.Path(dir_okay=False, path_type=Path), f"Bundle to write.  [default: <model>_{ending}.keras]"
    return click.option("-o", "--output", type=path, metavar="FILE", help=text)


def _tiles(most: int, *, help: str) -> _Decorator:
    """Option for the largest number of tiles."""
    return click.option("--tiles", type=click.IntRange(min=1), default=most, show_default=True, metavar="N", help=help)


@click.group("models", cls=RecordingGroup, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list of models as JSON.")
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """List models and network presets; add, show, export, quantise or calibrate a model.

    A model is a .keras bundle, or the name of one: of a shipped model, one that was added, or one of another package.
    """
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


for _command in (model_registry.add, model_registry.remove, model_registry.registry):
    command.add_command(_command)


@command.command("show")
@_model
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    facts = _table(f"{card.name} {card.version}", "", "", header=False)
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
    for key, value in (rows | dict(flatten(without_recipe(card.provenance, model)))).items():
        facts.add_row(key, value)
    _print(facts, _legend(card.legend.to_json()["classes"]))


@command.command("card")
@_model
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
@_overwrite
def card(model: str, *, output: Path | None, overwrite: bool) -> None:
    """Print a model's card in Markdown."""
    from geoseg.models.bundle import read_card, read_summary
    from geoseg.models.export.markdown import card_text
    from geoseg.models.shipped import find_model

    path = find_model(model)
    text = card_text(read_card(path), read_summary(path))
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, overwrite=overwrite)


@command.command("export")
@_model
@click.option("--format", type=click.Choice(["onnx", "openvino", "savedmodel", "tflite"]), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="PATH", help="File to write.")
@options.tile
@click.option(
    "--check",
    "source",
    metavar="SCENE",
    shell_complete=complete_files,
    help="Compare on this raster.  [default: rendered scenes]",
)
@options.imagery
@_overwrite
def export(model: str, **choices: Any) -> None:  # noqa: ANN401
    """Export a model for ONNX Runtime, OpenVINO, TensorFlow or LiteRT.

    PATH ends in .onnx, .xml (OpenVINO) or .tflite; for savedmodel it is a folder. The export is compared with the Keras
    network on tiles of a scene, and written only if no probability differs by more than 0.0001. The card is stored
    inside an ONNX file, in assets.extra/ of a SavedModel, and next to the other formats as a .json file.

    To get these probabilities from OpenVINO, compile with INFERENCE_PRECISION_HINT set to f32. By default it computes
    in half precision on processors that support it.
    """
    from geoseg.prediction.export import export as run

    exported = run(model, choices.pop("output"), **choices)
    for path in exported.files:
        click.echo(path)
    click.echo(f"probabilities differ from the Keras network's by at most {exported.difference:.1g}", err=True)
    if exported.advice:
        click.echo(exported.advice, err=True)


@command.command("quantize")
@_model
@click.option(
    "--calibrate",
    multiple=True,
    required=True,
    metavar="IMAGES",
    help="Images like those to predict: a folder, pattern or file; repeatable.",
    shell_complete=complete_files,
)
@_bundle("int8")
@_tiles(100, help="Largest number of tiles to calibrate on.")
@options.imagery
@_overwrite
def quantize(model: str, **choices: Any) -> None:  # noqa: ANN401
    """Add an 8-bit form of its network to a copy of a model, for `geoseg predict --precision int8`.

    The copy also does what the model does. Every fifth image is held out: float32 and int8 are compared on it, and the
    figures stand in the model's card. Needs `pip install 'geoseg[quantize]'`.

    \b
    geoseg models quantize aerial --calibrate images -o aerial_int8.keras
    geoseg predict scene.tif -m aerial_int8.keras --precision int8
    """
    from geoseg.prediction.quantize import quantize as run

    from .console import status

    with status("calibrating") as show:
        made = run(
            model,
            progress=lambda done, most, item: show(f"{item} (tile {done + 1} of at most {most})", done, most),
            **choices,
        )
    click.echo(made.path)
    found = made.agreement
    click.echo(
        f"int8 gives {found.same_class:.2%} of {found.pixels:,} pixels the class that float32 gives; "
        f"probabilities differ by {found.probability_difference:.4f} on average",
        err=True,
    )
    for name, share in found.by_class.items():
        click.echo(f"  {name}: {share:.2%}", err=True)


@command.command("calibrate", cls=GroupedCommand)
@_model
@click.argument("images", type=click.Path(path_type=Path))
@click.argument("labels", type=click.Path(path_type=Path))
@_bundle("calibrated")
@_tiles(1000, help="Largest number of tiles to predict.")
@options.imagery
@options.gsd
@options.image_gsd
@options.ignore
@options.single
@options.coding
@_overwrite
def calibrate(model: str, images: Path, labels: Path, **choices: Any) -> None:  # noqa: ANN401
    """Calibrate the probabilities of a copy of a model on labelled images.

    Use images like those to predict, which the model was not trained on, and at least two. IMAGES and LABELS are files,
    folders or glob patterns, matched by name. The temperature that suits them divides the weights of the last
    convolution; the calibration error before and after stands in the model's card.

    \b
    geoseg models calibrate aerial images labels -o aerial_calibrated.keras
    geoseg predict scene.tif -m aerial_calibrated.keras --confidence
    """
    from geoseg.evaluation.calibrate_model import calibrate as run

    from .console import status

    with status("calibrating") as show:
        made = run(
            model,
            images,
            labels,
            progress=lambda done, most, item: show(
                f"predicting {item} (tile {done + 1} of at most {most})", done, most
            ),
            **choices,
        )
    click.echo(made.path)
    click.echo(made.fit.sentence(), err=True)


@command.command("stac")
@_model
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
    help="STAC item to write, with a relative link to the model.",
)  # fmt: skip
@_overwrite
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


def _list(*, as_json: bool) -> None:
    from geoseg.errors import BundleError
    from geoseg.models.bundle import Card, read_card
    from geoseg.models.export.markdown import describe_gsd
    from geoseg.models.networks.presets import PRESETS
    from geoseg.models.shipped import NamedModel, named_models

    def read(model: NamedModel) -> Card | str:
        """Return the card of a model, or why it cannot be used."""
        if model.path is None:
            return model.problem
        try:
            return read_card(model.path)
        except BundleError as error:
            return str(error)

    cards = [(model, read(model)) for model in named_models()]
    if as_json:
        click.echo(json.dumps([_entry(model, card) for model, card in cards], indent=2))
        return
    models = _table("models", "model", "GSD", "bands", "classes", "size", "from")
    models.columns[-1].overflow = "fold"  # a URL is copied from here
    for model, card in cards:
        if isinstance(card, str):
            models.add_row(model.name, "–", "–", "cannot be used", "–", model.origin)
            continue
        assert model.path is not None
        size = f"{model.path.stat().st_size / 1e6:.1f} MB"
        bands, classes = ", ".join(card.bands), ", ".join(card.legend.names)
        models.add_row(model.name, describe_gsd(card), bands, classes, size, model.origin)
    presets = _table("network presets", "preset", "depth", "block", "skip", "encoder", "paper")
    for name, preset in PRESETS.items():
        presets.add_row(name, str(preset.depth), preset.block, preset.skip, preset.encoder or "", preset.paper)
    _print(models, presets)
    for problem in dict.fromkeys(card for _, card in cards if isinstance(card, str)):
        click.echo(f"geoseg: {problem}", err=True)


def _entry(model: "NamedModel", card: "Card | str") -> dict[str, Any]:
    """Return a model of the list as JSON values."""
    place = {"name": model.name, "from": model.origin, "path": None if model.path is None else str(model.path)}
    if isinstance(card, str):
        return place | {"problem": card}
    gsd_range_m = None if card.gsd_range_m is None else list(card.gsd_range_m)
    return place | {
        "version": card.version,
        "gsd_m": card.gsd_m,
        "gsd_range_m": gsd_range_m,
        "bands": list(card.bands),
        "classes": list(card.legend.names),
        "license": card.provenance.get("license"),
    }


def _legend(classes: list[dict[str, str]]) -> "Table":
    from rich.text import Text

    table = _table("classes", "id", "class", "colour")
    for number, entry in enumerate(classes):
        colour = Text.assemble(("██ ", entry["colour"]), entry["colour"])
        table.add_row(str(number), entry["name"], colour)
    return table


def _table(title: str, *columns: str, header: bool = True) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        *columns,
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        show_header=header,
        padding=(0, 1, 0, 0),
    )


def _print(first: "Table", second: "Table") -> None:
    from .console import make_console

    console = make_console()
    if not console.is_terminal:
        console.width = 100  # rich would wrap the rows of a pipe at 80 columns
    console.print(first)
    console.print()
    console.print(second)
