"""Draw the pictures of the documentation from predictions of the sample rasters: `python docs/site/pictures.py`."""

from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp

import geopandas
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import rasterio
from matplotlib.axes import Axes
from rasterio.plot import plotting_extent

import geoseg

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SIDE = 440
"""Pixels of the scene in a picture, at its pixels' size."""


def read_image(path: Path) -> tuple[np.ndarray, list[float]]:
    """Read red, green and blue `(rows, columns, bands)` and the extent of the scene."""
    with rasterio.open(path) as scene:
        return np.moveaxis(scene.read([1, 2, 3]), 0, -1), plotting_extent(scene)


def read_colours(path: Path) -> np.ndarray:
    """Read a class raster in the colours of its palette, `(rows, columns, 4)`."""
    with rasterio.open(path) as raster:
        palette = np.zeros((256, 4), np.uint8)
        for value, colour in raster.colormap(1).items():
            palette[value] = colour
        return palette[raster.read(1)]


def show(axes: Axes, image: np.ndarray, extent: list[float], *, west: float, south: float) -> None:
    """Show a square of an image, `SIDE` metres wide, from its south-west corner."""
    axes.imshow(image, extent=extent, interpolation="nearest")
    axes.set(xlim=(west, west + SIDE), ylim=(south, south + SIDE))
    axes.set_axis_off()


def save(figure: plt.Figure, name: str) -> None:
    """Write a picture, small enough for a page."""
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / name, dpi=100, bbox_inches="tight", pad_inches=0, pil_kwargs={"quality": 82, "method": 6})
    plt.close(figure)


def draw_landing(scene: Path, result: geoseg.Prediction, roads: geopandas.GeoDataFrame) -> None:
    """Image, classes and roads of one square beside each other."""
    image, extent = read_image(scene)
    west, south = extent[0] + 230, extent[2] + 220
    figure, panels = plt.subplots(1, 3, figsize=(13.4, 4.4))
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.015)
    for axes, pixels in zip(panels, (image, read_colours(result.outputs.classes), image), strict=True):
        show(axes, pixels, extent, west=west, south=south)
    panels[2].images[0].set_alpha(0.45)
    roads.plot(ax=panels[2], color="#d9480f", linewidth=roads.width_m.fillna(6) / 3, capstyle="round")
    show(panels[2], image[:1, :1], [0, 0, 0, 0], west=west, south=south)
    save(figure, "suburb.webp")


def draw_path(scene: Path, roads: geopandas.GeoDataFrame, graph: nx.MultiGraph) -> None:
    """Draw the network with the path of the routing tutorial."""
    image, extent = read_image(scene)
    largest = max(nx.connected_components(graph), key=len)
    by_place = sorted(largest, key=lambda node: graph.nodes[node]["x"] + graph.nodes[node]["y"])
    path = nx.shortest_path(graph, by_place[0], by_place[-1], weight="length_m")
    steps = [min(graph[a][b].values(), key=lambda edge: edge["length_m"]) for a, b in pairwise(path)]
    figure, axes = plt.subplots(figsize=(7, 7))
    figure.subplots_adjust(0, 0, 1, 1)
    axes.imshow(image, extent=extent, alpha=0.55)
    roads.plot(ax=axes, color="#495057", linewidth=1.2)
    geopandas.GeoSeries([step["geometry"] for step in steps], crs=roads.crs).plot(ax=axes, color="#d9480f", linewidth=4)
    axes.set_axis_off()
    save(figure, "path.webp")


if __name__ == "__main__":
    suburb = ROOT / "sample_rasters" / "suburb.tif"
    prediction = geoseg.predict(suburb, folder=mkdtemp())
    with rasterio.open(suburb) as raster:
        edges = geopandas.read_file(prediction.outputs.roads["geojson"]).to_crs(raster.crs)
    draw_landing(suburb, prediction, edges)
    network = geoseg.trace_roads(prediction.outputs.classes)
    draw_path(suburb, network.to_geodataframe(), network.to_networkx())
