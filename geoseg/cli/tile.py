"""`geoseg tile`: cut labelled images into chips on disk."""

from pathlib import Path
from typing import Any

import click

from geoseg.sentences import counted

from .completion import complete_files
from .values import FOLDER


@click.command("tile")
@click.argument("source", metavar="IMAGES|RECIPE.toml", type=click.Path(path_type=Path))
@click.argument("labels", required=False, metavar="[LABELS]", shell_complete=complete_files)
@click.option(
    "-o", "--output", "folder", type=FOLDER, required=True, metavar="DIR",
    help="Folder for the chips; must be new or empty.",
)  # fmt: skip
@click.option(
    "--size", type=click.IntRange(min=1), default=512, show_default=True, metavar="PX", help="Side of a chip."
)
@click.option(
    "--overlap", type=click.FloatRange(0, 0.5), default=0.25, show_default=True, metavar="F",
    help="Overlap of neighbouring chips, as a fraction of a chip.",
)  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value of the recipe.")
def command(*, folder: Path, **choices: Any) -> None:  # noqa: ANN401
    """Cut labelled images into georeferenced GeoTIFF chips.

    IMAGES and LABELS are folders, patterns or files; LABELS is optional if the folder has a standard layout. Chips
    are written to DIR/images and DIR/labels with unchanged values.

    With a recipe, chips are written to DIR/training and DIR/validation as in training: at the model's GSD, with labels
    as class ids.

    Training does not need chips: it samples windows from the rasters directly.
    """
    from geoseg.training.data.chips import tile

    from .console import status

    with status("reading labels") as show:
        written = tile(
            folder=folder,
            progress=lambda done, images, name: show(f"cutting {name} ({done} of {images} done)", done, images),
            **choices,
        )
    click.echo(f"{counted(written, 'chip')} in {folder}")
