"""`geoseg doctor`: check whether this machine can predict."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from geoseg.prediction.doctor.findings import Finding

_TOPICS = ("versions", "packages", "devices", "engines", "drivers", "limits", "caches", "models")


@click.command("doctor")
@click.option("--devices", is_flag=True, help="Also start Keras and list the devices of its backend; takes seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, devices: bool, as_json: bool) -> None:
    """Show versions, devices, engines, GDAL drivers, limits, caches and models, and any faults.

    The exit code is 0 if `geoseg predict` can run, else 1. Faults that prevent it are marked x, others !.
    """
    from geoseg.prediction.doctor.examine import examine

    found = examine(devices=devices)
    blocked = [each for each in found if each.blocks]
    if as_json:
        click.echo(json.dumps({"predict": not blocked, "findings": [asdict(each) for each in found]}, indent=2))
    else:
        _show(found)
        count = sum(bool(each.problem) for each in found)
        click.echo()
        click.echo(f"geoseg predict {'cannot' if blocked else 'can'} run; {count or 'no'} fault{'s' * (count != 1)}.")
    if blocked:
        click.get_current_context().exit(1)


def _show(found: Sequence["Finding"]) -> None:
    """List findings by topic, each with its fault below."""
    width = max(len(each.name) for each in found)
    for topic in _TOPICS:
        listed = [each for each in found if each.topic == topic]
        if listed:
            click.echo(topic)
        for each in listed:
            mark = "x" if each.blocks else "!" if each.problem else " "
            click.echo(f"{mark} {each.name:<{width}}  {each.value}")
            if each.problem:
                click.echo(f"  {'':<{width}}  {each.problem}")
