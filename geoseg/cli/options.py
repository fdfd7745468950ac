"""Options shared by commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from geoseg.vectors.targets import VECTOR_ENDINGS

from .completion import complete_engines, complete_files, complete_models
from .grouped import RESULTS, SCENE, SCORES, SPEED, TILES, option
from .values import parse_area, parse_bands, parse_nodata, parse_size

_Command = TypeVar("_Command", bound=Callable[..., Any])

model = click.option(
    "-m",
    "--model",
    default="aerial",
    show_default=True,
    metavar="MODEL",
    help="Name of a model, as listed by `geoseg models`, or a .keras bundle.",
    shell_complete=complete_models,
)
named_model = click.argument("model", metavar="NAME|FILE", shell_complete=complete_models)
overwrite_file = click.option("--overwrite", is_flag=True, help="Replace an existing file.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Show only warnings and errors.")
_bands = option(
    SCENE, "--bands", type=parse_bands, metavar="1,2,3", help="Bands of the scene to use, in the model's order."
)
_nodata = option(
    SCENE, "--nodata", type=parse_nodata, default=(), metavar="V|V,V,V",
    help="Nodata value that the scene does not declare: one for all bands, or one per band of the model.",
)  # fmt: skip
_stretch = option(
    SCENE, "--stretch", default="auto", show_default=True, metavar="auto|none|joint|LOW,HIGH;…|pLOW,pHIGH",
    help="Stretch these values or percentiles to the model's 0–255. auto: the model's own scaling, else p2,p98; "
    "none: its own scaling only; joint: p2,p98 of all scenes together.",
)  # fmt: skip
_stretch_from = option(
    SCENE, "--stretch-from", metavar="SCENE", shell_complete=complete_files,
    help="Take the percentiles of the stretch from this other scene.",
)  # fmt: skip


def together(*decorators: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Apply options in the order in which the help lists them."""

    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def imagery(command: _Command) -> _Command:
    """Add the options for how a scene is read: fields of `prediction.settings.ImageryOptions`."""
    return together(_bands, _nodata, _stretch, _stretch_from)(command)


tile = option(
    TILES, "--tile", type=click.IntRange(min=1), metavar="PX", help="Tile size, in pixels.  [default: the model's]"
)
overlap = option(
    TILES, "--overlap", type=click.FloatRange(0, 0.5), metavar="F",
    help="Overlap of neighbouring tiles, as a fraction of the tile.  [default: the model's]",
)  # fmt: skip
overviews = option(
    TILES, "--overviews", is_flag=True,
    help="Read the coarsest overview that is at least as fine as the GSD: reads less, changes the result.",
)  # fmt: skip
gsd = option(
    TILES, "--gsd", "gsd_m", type=click.FloatRange(min=0, min_open=True), metavar="M",
    help="Ground sample distance of the prediction, in metres.  [default: the model's]",
)  # fmt: skip
aoi = option(
    SCENE, "--aoi", type=parse_area, metavar="FILE|W,S,E,N", shell_complete=complete_files,
    help="Area of interest: a file of polygons, or bounds in degrees.",
)  # fmt: skip
_FORMATS = click.Choice([*VECTOR_ENDINGS])
formats = option(
    RESULTS, "--format", "formats", type=_FORMATS, multiple=True,
    default=["geojson"], show_default=True, help="Format of the road network; repeatable.",
)  # fmt: skip
vector_output = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT",
    help="File to write: .geojson, .gpkg, .fgb or .parquet.",
)  # fmt: skip
more_formats = click.option(
    "--format", "formats", type=_FORMATS, multiple=True, help="Also write this format; repeatable."
)
engine = option(
    SPEED, "--engine", default="auto", show_default=True, metavar="auto|openvino|onnxruntime|keras",
    help="Inference engine; auto: Keras on GPUs, OpenVINO on a CPU.", shell_complete=complete_engines,
)  # fmt: skip
batch_size = option(
    SPEED, "--batch-size", type=click.IntRange(min=1), metavar="N",
    help="Tiles per batch on GPUs; tiles in parallel in OpenVINO.  [default: as many as suit the device]",
)  # fmt: skip
precision = option(
    SPEED, "--precision", type=click.Choice(["auto", "float32", "bfloat16", "float16", "int8"]), default="auto",
    show_default=True, help="Numeric precision of the network; auto: 16 bits on GPUs, float32 on a CPU.",
)  # fmt: skip
devices = option(
    SPEED, "--devices", default="auto", show_default=True, metavar="auto|cpu|all|gpu:0,1",
    help="Devices that run the network; auto: all GPUs, or else the CPU.",
)  # fmt: skip
asset = option(
    SCENE, "--asset", metavar="KEY",
    help="Predict this asset of STAC items; inputs are then items, item collections or search results.",
)  # fmt: skip
stac = option(RESULTS, "--stac", is_flag=True, help="Also write a STAC item of the results, with checksums.")
_report = option(RESULTS, "--report", is_flag=True, help="Also write a report: one HTML page with pictures and tables.")
_scheduler = option(
    SPEED, "--scheduler", metavar="ADDRESS", shell_complete=complete_files,
    help="Predict on the Dask cluster with this scheduler: HOST:PORT, or a scheduler file.",
)  # fmt: skip
_workers = option(
    SPEED, "--workers", type=click.IntRange(min=1), metavar="N",
    help="Predict in N processes on this machine, which share its cores.",
)  # fmt: skip
_parts = option(
    SPEED, "--parts", metavar="URL",
    help="With --scheduler, if workers share no folder: object store for finished parts, s3://BUCKET/FOLDER.",
)  # fmt: skip


def cluster(command: _Command) -> _Command:
    """Add the options for `cli.cluster.chosen_executor`."""
    return together(_scheduler, _workers, _parts)(command)


scheduler_of_tasks = click.option(
    "--scheduler", metavar="ADDRESS", shell_complete=complete_files,
    help="Trace on the Dask cluster with this scheduler: HOST:PORT, or a scheduler file.",
)  # fmt: skip
memory = option(
    SPEED, "--memory", type=parse_size, metavar="SIZE",
    help="Memory limit.  [default: 2GB, more for wide scenes if needed]",
)  # fmt: skip
max_pixels = option(
    SCENE, "--max-pixels", type=click.IntRange(min=1), metavar="N",
    help="Refuse scenes with more pixels than this.  [default: 1000000000000]",
)  # fmt: skip
ignore = option(
    SCORES, "--ignore", multiple=True, metavar="CLASS", help="Reference class to exclude, by id or name; repeatable."
)
single = option(
    SCORES, "--class", "single", metavar="NAME[=VALUE]",
    help="Score one class against all others; VALUE: that class in the reference, if it differs.",
)  # fmt: skip
coding = option(SCORES, "--coding", metavar="NAME", help="Coding of the reference, as in recipes: mbrsc, potsdam …")
image_gsd = option(
    TILES, "--image-gsd", "image_gsd_m", type=click.FloatRange(min=0, min_open=True), metavar="M",
    help="Ground sample distance of images without a georeference, in metres.  [default: the model's]",
)  # fmt: skip
name = option(
    RESULTS, "--name", default="{stem}", show_default=True, metavar="TEMPLATE",
    help="Template for the names of results: {stem} (name of the scene), {parent} (its folder), {n} (its number).",
)  # fmt: skip
_window = option(
    TILES, "--window", type=click.Choice(["hann", "linear", "spline", "flat"]),
    help="Window that weights a tile in the blend.  [default: the model's]",
)  # fmt: skip
_match_input = option(
    RESULTS, "--match-input", is_flag=True, help="Write rasters on the scene's pixel grid, not the model's."
)
tta = option(
    TILES, "--tta", type=click.Choice(["none", "flips", "d4"]), default="none", show_default=True,
    help="Test-time augmentation: average over 4 flips, or 8 flips and rotations.",
)  # fmt: skip
_confidence = option(RESULTS, "--confidence", is_flag=True, help="Also write the probability of the winning class.")
_disagreement = option(RESULTS, "--disagreement", is_flag=True, help="Also write how far overlapping tiles disagree.")
_probabilities = option(RESULTS, "--probabilities", is_flag=True, help="Also write the probability of every class.")
_min_confidence = option(
    RESULTS, "--min-confidence", type=click.FloatRange(0, 1), metavar="P",
    help="Mark pixels as unknown where the class probability is below P.  [default: off]",
)  # fmt: skip
_roads = option(RESULTS, "--roads/--no-roads", default=True, show_default=True, help="Trace the road network.")


def prediction(command: _Command) -> _Command:
    """Add the options for how scenes are predicted: fields of `prediction.settings.Settings`."""
    engines = engine, precision, devices, batch_size, memory
    tiles = gsd, overviews, tile, overlap, _window, tta
    layers = _confidence, _disagreement, _probabilities, _min_confidence, _match_input
    return together(_report, _roads, formats, *layers, stac, aoi, imagery, max_pixels, *tiles, *engines)(command)
