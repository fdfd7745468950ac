"""`geoseg info`: describe a scene and the plan of its prediction, or a model."""

import json
from typing import Any

import click

from . import options


@click.command("info")
@click.argument("source", metavar="SCENE|MODEL")
@options.model
@options.bands
@options.tile
@options.overlap
@options.gsd
@options.aoi
@options.memory
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(source: str, model: str, *, as_json: bool, **settings: Any) -> None:  # noqa: ANN401
    """Describe a SCENE and the plan of its prediction, or a MODEL and its card. Nothing is predicted."""
    from geoseg.prediction.info import describe

    description = describe(source, model=model, **settings)
    if as_json:
        click.echo(json.dumps(description, indent=2))
        return
    width = max(map(len, description))
    for key, value in description.items():
        click.echo(f"{key.replace('_', ' '):<{width}}  {_text(value)}")


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    match value:
        case dict():
            return "; ".join(f"{key} {_text(part)}" for key, part in value.items())
        case list():
            return ", ".join(map(_text, value))
        case float():
            return f"{value:,.6g}"
        case _:
            return str(value)
