"""`geoseg models`: list models. The subcommands are in the modules `model_…`."""

import json
from typing import TYPE_CHECKING, Any

import click

from . import model_cards, model_registry, model_versions
from .group import RecordingGroup
from .tables import make_table, print_tables

if TYPE_CHECKING:
    from geoseg.models.bundle import Card
    from geoseg.models.shipped import NamedModel


@click.group("models", cls=RecordingGroup, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list of models as JSON.")
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> None:
    """List models and network presets; add, show, export, quantize or calibrate a model.

    A model is a .keras bundle, or the name of one: shipped with geoseg, added by you, or provided by another package.
    """
    if context.invoked_subcommand is None:
        _list(as_json=as_json)
    elif as_json:
        context.fail(f"--json lists models; type it after {context.invoked_subcommand}, if that has such an option.")


for _command in (
    model_registry.add,
    model_registry.remove,
    model_registry.registry,
    model_cards.show,
    model_cards.card,
    model_cards.stac,
    model_versions.export,
    model_versions.quantize,
    model_versions.calibrate,
):
    command.add_command(_command)


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
    models = make_table("models", "model", "GSD", "bands", "classes", "size", "from")
    models.columns[-1].overflow = "fold"  # a URL is copied from here
    for model, card in cards:
        if isinstance(card, str):
            models.add_row(model.name, "–", "–", "cannot be used", "–", model.origin)
            continue
        assert model.path is not None
        size = f"{model.path.stat().st_size / 1e6:.1f} MB"
        bands, classes = ", ".join(card.bands), ", ".join(card.legend.names)
        models.add_row(model.name, describe_gsd(card), bands, classes, size, model.origin)
    presets = make_table("network presets", "preset", "depth", "block", "skip", "encoder", "paper")
    for name, preset in PRESETS.items():
        presets.add_row(name, str(preset.depth), preset.block, preset.skip, preset.encoder or "", preset.paper)
    print_tables(models, presets)
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
