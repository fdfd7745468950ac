"""Compare the road tracer with the usual chain of libraries, on synthetic streets whose network is known.

`python benchmarks/roads.py quality` scores both on random streets, segmented well and badly; `speed` times both from a
tiled GeoTIFF to files; `memory` takes the peak on a mosaic of any size. The usual chain is threshold, small objects
removed, skeletonize, sknw, simplification.
"""

from requirements import require

# isort: split
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as Xml

import geopandas
import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from rasterio import Affine
from rasterio.windows import Window
from road_accuracy import accuracy
from scenes import peak_bytes
from skimage.measure import label
from skimage.morphology import skeletonize
from synthetic_roads import SyntheticRoads, clean, occluded, random_streets, rough

from geoseg.evaluation.roads.apls import apls
from geoseg.evaluation.roads.noding import LineGraph, line_graph
from geoseg.roads import trace_network, trace_roads
from geoseg.roads.network import FRACTIONS

Levels = npt.NDArray[np.uint8]
Lines = list[npt.NDArray[np.float64]]

GSD = 0.5
PLACE = Affine(GSD, 0, 500_000, 0, -GSD, 5_400_000)
CRS = "EPSG:32633"
TILE = 4096
PART = 8192


def ours(levels: Levels) -> Lines:
    """Trace with geoseg; lines in pixels."""
    network = trace_network(lambda rows, cols: levels[rows, cols], levels.shape, PLACE, CRS)
    return [network.vertices[first:last] / FRACTIONS for first, last in zip(network.start, network.start[1:])]  # noqa: B905


def usual(levels: Levels) -> Lines:
    """Trace the usual way; lines in pixels. Sknw counts nodes in 16 bits, so that large rasters are cut into parts."""
    lines = []
    for top in range(0, levels.shape[0], PART):
        for left in range(0, levels.shape[1], PART):
            lines += [line + (left, top) for line in _usual(levels[top : top + PART, left : left + PART])]  # noqa: RUF005
    return lines


def _usual(levels: Levels) -> Lines:
    import sknw

    components = label(levels > 127, connectivity=2)
    area = np.bincount(components.ravel())
    area[0] = 0
    graph = sknw.build_sknw(skeletonize((area >= 160)[components]).astype(np.uint16), multi=True)
    lines = []
    for one, other, key in graph.edges(keys=True):
        points = graph[one][other][key]["pts"][:, ::-1] + 0.5
        first, last = (graph.nodes[node]["o"][::-1] + 0.5 for node in (one, other))
        if np.hypot(*(points[0] - first)) > np.hypot(*(points[-1] - first)):
            points = points[::-1]
        line = shapely.simplify(shapely.LineString(np.vstack([first, points, last])), 2)
        lines.append(shapely.get_coordinates(line))
    return lines


WAYS: dict[str, Callable[[Levels], Lines]] = {"ours": ours, "usual": usual}


def quality(seeds: int, size_m: float, ways: list[str]) -> None:
    """Print scores of each way for each rendering, means over the seeds."""
    names = ("APLS", "complete", "correct", "offset px", "p95 px", "length", "junctions", "spurs/km")
    print(f"{'':18}" + "".join(f"{name:>11}" for name in names))
    scores: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for seed in range(seeds):
        streets = random_streets(seed, size_m, gsd_m=GSD)
        for name, levels in renderings(streets, seed, size_m).items():
            for way in ways:
                graph = line_graph([line * GSD for line in WAYS[way](levels)])
                scores.setdefault((name, way), []).append(_scores(streets.truth, graph))
    for (name, way), rows in scores.items():
        print(f"{name:>10} {way:<7}" + "".join(f"{value:>11.4f}" for value in np.mean(rows, axis=0)))


def renderings(streets: SyntheticRoads, seed: int, size_m: float) -> dict[str, Levels]:
    """Return what a network might make of the streets; 400 places are hidden on 2,048 m × 2,048 m."""
    coverage = streets.coverage()
    count = round(400 * (size_m / 2048) ** 2)
    return {
        "clean": clean(coverage),
        "rough": rough(coverage, seed),
        "occluded": occluded(coverage, seed, count=count, gsd_m=GSD),
    }


def _scores(truth: LineGraph, found: LineGraph) -> tuple[float, ...]:
    score = asdict(accuracy(truth, found))
    return (
        apls(truth, found).harmonic,
        score["completeness"],
        score["correctness"],
        score["offset_mean_m"] / GSD,
        score["offset_p95_m"] / GSD,
        score["length_error"],
        score["junctions"],
        score["spurs_per_km"],
    )


def write_raster(path: Path, size: int) -> Path:
    """Write a tiled GeoTIFF of rough roads, `size` pixels a side: one rendering laid out side by side."""
    levels = rough(random_streets(3, TILE * GSD, gsd_m=GSD, spacing_m=150).coverage(), 3)
    profile = {"count": 1, "height": size, "width": size, "dtype": "uint8", "crs": CRS, "transform": PLACE}
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1}
    with rasterio.open(path, "w", driver="GTiff", **profile, **layout, bigtiff="if_safer") as target:
        for top in range(0, size, TILE):
            for left in range(0, size, TILE):
                rows, cols = min(TILE, size - top), min(TILE, size - left)
                target.write(levels[:rows, :cols], 1, window=Window(left, top, cols, rows))
    return path


def write_mosaic(path: Path, raster: Path, times: int) -> Path:
    """Write a VRT that shows a raster so many times across and down."""
    with rasterio.open(raster) as source:
        size, wkt = source.width, source.crs.to_wkt()
    root = Xml.Element("VRTDataset", rasterXSize=str(size * times), rasterYSize=str(size * times))
    Xml.SubElement(root, "SRS").text = wkt
    Xml.SubElement(root, "GeoTransform").text = ", ".join(map(str, PLACE.to_gdal()))
    band = Xml.SubElement(root, "VRTRasterBand", dataType="Byte", band="1")
    for number in range(times**2):
        part = Xml.SubElement(band, "SimpleSource")
        Xml.SubElement(part, "SourceFilename", relativeToVRT="1").text = raster.name
        Xml.SubElement(part, "SourceBand").text = "1"
        across, down = number % times * size, number // times * size
        for tag, left, top in (("SrcRect", 0, 0), ("DstRect", across, down)):
            Xml.SubElement(part, tag, xOff=str(left), yOff=str(top), xSize=str(size), ySize=str(size))
    Xml.ElementTree(root).write(path)
    return path


def child(way: str, raster: Path) -> dict[str, float]:
    """Go from a raster to GeoJSON and GeoPackage; everything is compiled and warm."""
    WAYS[way](np.pad(np.full((8, 200), 254, np.uint8), 40))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        if way == "ours":
            count = len(trace_roads(raster, Path(folder) / "roads.gpkg", formats=["geojson"], threshold=0.3))
        else:
            with rasterio.open(raster) as source:
                lines = usual(source.read(1))
            placed = [shapely.LineString(np.column_stack(PLACE @ tuple(line.T))) for line in lines]
            frame = geopandas.GeoDataFrame(geometry=placed, crs=CRS)
            frame["length_m"] = frame.length
            frame.to_file(Path(folder) / "roads.gpkg", layer="edges")
            frame.to_file(Path(folder) / "roads.geojson", RFC7946="YES")
            count = len(frame)
        return {"seconds": time.perf_counter() - started, "peak": peak_bytes(), "edges": count}


def in_process(way: str, raster: Path) -> dict[str, float]:
    """Run a way in a process of its own."""
    command = [sys.executable, __file__, "child", way, str(raster)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def speed(size: int, rounds: int, ways: list[str]) -> None:
    """Print medians of alternating rounds, and the ratio to ours round by round."""
    with tempfile.TemporaryDirectory() as folder:
        raster = write_raster(Path(folder) / "roads.tif", size)
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                runs[way].append(in_process(way, raster))
    for way in ways:
        seconds = statistics.median(run["seconds"] for run in runs[way])
        ratio = statistics.median(
            run["seconds"] / base["seconds"] for run, base in zip(runs[way], runs[ways[0]], strict=True)
        )
        peak = max(run["peak"] for run in runs[way]) / 1e6
        print(
            f"{way:<6} {seconds:7.2f} s  {size**2 / seconds / 1e6:6.1f} Mpx/s  {ratio:5.2f} × {ways[0]}"
            f"  {peak:6.0f} MB  {runs[way][0]['edges']:.0f} edges"
        )


def memory(size: int, times: int) -> None:
    """Print the peak on a mosaic."""
    with tempfile.TemporaryDirectory() as folder:
        raster = write_raster(Path(folder) / "roads.tif", size)
        mosaic = write_mosaic(Path(folder) / "mosaic.vrt", raster, times)
        run = in_process("ours", mosaic)
    side = size * times
    print(
        f"{side} × {side}: {run['seconds']:.0f} s, {side**2 / run['seconds'] / 1e6:.1f} Mpx/s, "
        f"{run['peak'] / 1e6:.0f} MB, {run['edges']:.0f} edges"
    )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["quality", "speed", "memory", "child"])
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--size", type=int, default=16_384, help="side of the raster, in pixels")
    parser.add_argument("--times", type=int, default=6, help="how often the mosaic repeats it, across and down")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.what in ("quality", "speed") and "usual" in options.ways:
        require("sknw")
    if options.what == "child":
        way, raster = options.arguments
        print(json.dumps(child(way, Path(raster))))
    elif options.what == "quality":
        quality(options.seeds, 2048.0, options.ways)
    elif options.what == "speed":
        speed(options.size, options.rounds, options.ways)
    else:
        memory(options.size, options.times)


if __name__ == "__main__":
    main()
