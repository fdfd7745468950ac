"""`geoseg info`: what would be done with a scene, or what a model is, without doing it."""

import json
from pathlib import Path
from typing import Any

import click

from . import options


@click.command("info")
@click.argument("subject", metavar="SCENE|MODEL")
@options.model
@options.bands
@options.tile
@options.overlap
@options.gsd
@options.aoi
@options.memory
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(subject: str, model: str, *, as_json: bool, **choices: Any) -> None:  # noqa: ANN401
    """Describe a SCENE with the plan of its prediction, or a MODEL with its card. Nothing is predicted."""
    from geoseg.models.shipped import shipped_models
    from geoseg.prediction.info import describe_model, describe_scene

    if subject in shipped_models() or Path(subject).suffix == ".keras":
        description = describe_model(subject)
    else:
        description = describe_scene(subject, model=model, **choices)
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
