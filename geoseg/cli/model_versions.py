"""`geoseg models export`, `quantize` and `calibrate`: make other versions of a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from . import options
from .completion import complete_files
from .grouped import GroupedCommand

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _bundle(ending: str) -> _Decorator:
    """Option for the bundle to write, by default `<model>_<ending>.keras`."""
    path, text = click.Path(dir_okay=False, path_type=Path), f"Bundle to write.  [default: <model>_{ending}.keras]"
    return click.option("-o", "--output", type=path, metavar="FILE", help=text)


def _tiles(most: int, *, help: str) -> _Decorator:
    """Option for the maximum number of tiles."""
    return click.option("--tiles", type=click.IntRange(min=1), default=most, show_default=True, metavar="N", help=help)


@click.command("export")
@options.named_model
@click.option(
    "--format",
    type=click.Choice(["onnx", "openvino", "savedmodel", "tflite"]),
    required=True,
    help="Format of the export.",
)
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
@options.overwrite_file
def export(model: str, **choices: Any) -> None:  # noqa: ANN401
    """Export a model for ONNX Runtime, OpenVINO, TensorFlow or LiteRT.

    PATH ends in .onnx, .xml (OpenVINO) or .tflite; for savedmodel it is a folder. The export is compared with the Keras
    network on tiles of a scene, and written only if no probability differs by more than 0.0001. The card is stored
    inside an ONNX file, in assets.extra/ of a SavedModel, and next to the other formats as a .json file.

    To get these probabilities from OpenVINO, compile with INFERENCE_PRECISION_HINT set to f32. By default it computes
    in half precision on processors that support it.
    """
    from geoseg.prediction.conversion.export import export as run

    exported = run(model, choices.pop("output"), **choices)
    for path in exported.files:
        click.echo(path)
    click.echo(f"probabilities differ from the Keras network's by at most {exported.difference:.1g}", err=True)
    if exported.advice:
        click.echo(exported.advice, err=True)


@click.command("quantize")
@options.named_model
@click.option(
    "--calibrate",
    multiple=True,
    required=True,
    metavar="IMAGES",
    help="Images similar to those you will predict: a folder, pattern or file; repeatable.",
    shell_complete=complete_files,
)
@_bundle("int8")
@_tiles(100, help="Maximum number of tiles to calibrate on.")
@options.imagery
@options.overwrite_file
def quantize(model: str, **choices: Any) -> None:  # noqa: ANN401
    """Write a copy of a model that also has an 8-bit network, for `geoseg predict --precision int8`.

    The copy still runs in other precisions, too. Every fifth image is held out to compare float32 with int8; the
    figures are recorded in the copy's card. Needs `pip install 'geoseg[quantize]'`.

    \b
    geoseg models quantize aerial --calibrate images -o aerial_int8.keras
    geoseg predict scene.tif -m aerial_int8.keras --precision int8
    """
    from geoseg.prediction.conversion.quantize import quantize as run

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


@click.command("calibrate", cls=GroupedCommand)
@options.named_model
@click.argument("images", type=click.Path(path_type=Path))
@click.argument("labels", type=click.Path(path_type=Path))
@_bundle("calibrated")
@_tiles(1000, help="Maximum number of tiles to predict.")
@options.imagery
@options.gsd
@options.image_gsd
@options.ignore
@options.single
@options.coding
@options.overwrite_file
def calibrate(model: str, images: Path, labels: Path, **choices: Any) -> None:  # noqa: ANN401
    """Write a copy of a model whose probabilities are calibrated on labelled images.

    Use at least two images that are similar to those you will predict, and that the model was not trained on. IMAGES
    and LABELS are files, folders or glob patterns, matched by name. A temperature is fitted to them, by which the
    weights of the last convolution are divided; the copy's card records the calibration error before and after.

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
