"""Pictures of a prediction, each of at most `LARGEST` pixels a side and a budget of bytes."""

import io
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import Window

from geoseg.models.legend import LEVELS, NODATA
from geoseg.pages.pictures import indexed_png, scaled_size
from geoseg.prediction.journal import Journal
from geoseg.prediction.layers import result_grid
from geoseg.prediction.plan import Plan
from geoseg.rasters.grid import Shape
from geoseg.rasters.opening.open import opened
from geoseg.rasters.read import in_strips, scaled
from geoseg.roads.network import FRACTIONS, RoadNetwork

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 1000
"""Pixels of the longer side."""
_IMAGE_BYTES, _CLASSES_BYTES, _CONFIDENCE_BYTES, _ROADS_BYTES = 270_000, 170_000, 110_000, 90_000
"""Most bytes of each picture. As base64 they are a third more, and leave 0.1 MB to the rest of a page."""
_SHRINK = 0.8
_QUALITY = 82
"""Of the JPEG."""
_AVERAGED_PIXELS = 2**25
"""Without overviews, a larger scene is not averaged: only the pixels shown are read where its format allows it."""
_CACHE_BYTES = 64 * 2**20
"""GDAL's block cache. A reduced read goes row by row, and would decode blocks that do not fit for each row."""
_STEPS = 16
"""Shades of confidence."""
RAMP = ((0x44, 0x01, 0x54), (0x3B, 0x52, 0x8B), (0x21, 0x91, 0x8C), (0x5E, 0xC9, 0x62), (0xFD, 0xE7, 0x25))
"""Colours of confidence from 0 to 1: viridis, which grows lighter for every eye."""
_ROAD_COLOURS = {0: (0, 0, 0, 0), 1: (0x1F, 0x29, 0x33, 255), 2: (0xFF, 0xC2, 0x33, 255)}
"""Of the ground, casings and lines."""
_ROAD_WIDTHS = {1: 7, 2: 4}
"""Pixels of casings and of lines."""


def draw_image(plan: Plan) -> bytes:
    """Return the scene as a JPEG of the ground that the results show, with the values that the network saw.

    Overviews are read if the scene has any. SceneError if the scene cannot be read.
    """
    from PIL import Image

    picture = Image.fromarray(_read_image(plan, scaled_size(result_grid(plan).shape.yx, LARGEST)))
    return _fitted(picture, _to_jpeg, _IMAGE_BYTES)


def draw_classes(plan: Plan, classes: Path) -> bytes:
    """Return a class raster as a PNG in the colours of the legend, transparent without data."""
    return _draw_ids(_read_result(classes, Resampling.nearest), plan.legend.colormap, _CLASSES_BYTES)


def draw_confidence(confidence: Path) -> bytes:
    """Return a raster of confidence as a PNG in `RAMP`, transparent without data."""
    values = _read_result(confidence, Resampling.average)
    shades = np.where(values == NODATA, NODATA, values.astype(np.uint16) * _STEPS // (LEVELS + 1)).astype(np.uint8)
    stops = np.linspace(0, 1, len(RAMP))
    shown = np.linspace(0, 1, _STEPS)
    parts = [np.interp(shown, stops, part).round().astype(int).tolist() for part in zip(*RAMP, strict=True)]
    colours = {shade: (*each, 255) for shade, each in enumerate(zip(*parts, strict=True))}
    return _draw_ids(shades, colours, _CONFIDENCE_BYTES)


def road_picture(journal: Journal, report: Path) -> Path:
    """Work file of the picture of roads, which the task that traces them writes for the report."""
    return journal.work_file(report.with_suffix(".png"))


def write_road_picture(plan: Plan, network: RoadNetwork, factor: int, target: Path) -> None:
    """Write the lines of a road network as a PNG of the ground that the results show, transparent elsewhere.

    `factor` is the number of pixels of the plan's grid along a side of those that were averaged to trace roads in.
    """
    from PIL import Image, ImageDraw

    ground = result_grid(plan).shape
    height, width = (max(1, round(LARGEST * length / max(ground))) for length in ground)
    picture = Image.new("L", (width, height))
    draw = ImageDraw.Draw(picture)
    points = network.vertices / FRACTIONS * factor
    for axis, (size, part, shown) in enumerate(zip((width, height), plan.roi[::-1], _window(plan)[::-1], strict=True)):
        native, worked = plan.scene.grid.shape[1 - axis], plan.grid.shape[1 - axis]
        points[:, axis] = ((points[:, axis] + part.start) * native / worked - shown[0]) * size / shown[1]
    for shade, thick in _ROAD_WIDTHS.items():
        for first, end in zip(network.start[:-1].tolist(), network.start[1:].tolist(), strict=True):
            draw.line(points[first:end].ravel().tolist(), fill=shade, width=thick, joint="curve")
    target.write_bytes(_draw_ids(np.asarray(picture), _ROAD_COLOURS, _ROADS_BYTES))


def _window(plan: Plan) -> tuple[tuple[float, float], tuple[float, float]]:
    """First row and rows, then first column and columns, of the scene that the results show."""
    if plan.settings.match_input:
        rows, cols = plan.scene_roi
        return (rows.start, rows.stop - rows.start), (cols.start, cols.stop - cols.start)
    down, along = (
        (part.start * native / worked, (part.stop - part.start) * native / worked)
        for part, native, worked in zip(plan.roi, plan.scene.grid.shape, plan.grid.shape, strict=True)
    )
    return down, along


def _read_image(plan: Plan, shape: Shape) -> npt.NDArray[np.uint8]:
    """Read the scene's red, green and blue `(rows, columns, 3)`, or what the model has in their place."""
    positions = shown_bands(plan)
    bands, scaling = [plan.bands[each] for each in positions], tuple(plan.scaling[each] for each in positions)
    (top, height), (left, width) = _window(plan)
    identity = plan.scene.identity
    with (
        rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES),
        opened(plan.scene.source, overviews=True, identity=identity) as dataset,
    ):
        averaged = bool(dataset.overviews(bands[0])) or height * width <= _AVERAGED_PIXELS
        resampling = Resampling.average if averaged else Resampling.nearest
        parts = [
            dataset.read(
                bands,
                window=Window(left + width * first / shape[1], top, width * (end - first) / shape[1], height),
                out_shape=(len(bands), shape[0], end - first),
                resampling=resampling,
            )
            for first, end in _columns(dataset, shape[1])
        ]
    values = np.concatenate(parts, axis=2)
    pixels = np.nan_to_num(scaled(np.moveaxis(values, 0, -1), scaling)).round().astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if len(bands) == 1 else pixels


def shown_bands(plan: Plan) -> list[int]:
    """Positions among the model's bands of those that the picture of the scene shows.

    Red, green and blue; without these, the first three, or the first in grey.
    """
    names = [name.lower() for name in plan.card.bands]
    colours = ["red", "green", "blue"]
    if set(colours) <= set(names):
        return [names.index(colour) for colour in colours]
    return [0, 1, 2] if len(names) >= len(colours) else [0]


def _columns(dataset: rasterio.DatasetReader, width: int) -> list[tuple[int, int]]:
    """Cut the columns of a picture so that a row of the file's blocks below each part fits the cache."""
    block_rows, _ = dataset.block_shapes[0]
    pixel = sum(np.dtype(name).itemsize for name in dataset.dtypes)
    needed = dataset.width * block_rows * pixel / (_CACHE_BYTES / 2)
    count = 1 if in_strips(dataset) else min(width, max(1, math.ceil(needed)))
    edges = [round(width * part / count) for part in range(count + 1)]
    return list(pairwise(edges))


def _read_result(path: Path, resampling: Resampling) -> npt.NDArray[np.uint8]:
    with opened(str(path), overviews=True, max_pixels=math.inf) as dataset:
        shape = scaled_size(dataset.shape, LARGEST)
        values: npt.NDArray[np.uint8] = dataset.read(1, out_shape=shape, resampling=resampling)
    return values


def _draw_ids(ids: npt.NDArray[np.uint8], colours: dict[int, tuple[int, int, int, int]], budget: int) -> bytes:
    from PIL import Image

    return _fitted(Image.fromarray(ids), lambda picture: indexed_png(np.asarray(picture), colours), budget)


def _fitted(picture: "Image.Image", encode: "Callable[[Image.Image], bytes]", budget: int) -> bytes:
    """Encode a picture, made smaller until it fits a budget of bytes."""
    content = encode(picture)
    while len(content) > budget:
        width, height = (max(1, int(length * _SHRINK)) for length in picture.size)
        # Ids cannot be averaged.
        picture = picture.resize((width, height)) if picture.mode == "RGB" else picture.resize((width, height), 0)
        content = encode(picture)
    return content


def _to_jpeg(picture: "Image.Image") -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=_QUALITY, optimize=True)
    return target.getvalue()
