"""Scenes for benchmarks: mosaics of a few rendered scenes, written strip by strip. Linux only."""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio import Affine
from rasterio.windows import Window

from geoseg.models.legend import AERIAL
from geoseg.rendering import render_scene

if sys.platform != "linux":
    raise SystemExit("Benchmarks read their peak memory from /proc: run them on Linux.")

SIDE = 1000
"""Side of a rendered scene, in pixels of 1 m."""

COLOURS = np.array([list(bytes.fromhex(each.colour[1:])) for each in AERIAL.classes], np.uint8)
"""Red, green, blue of each class of the legend."""


def write_scene(path: Path, *, height: int, width: int, seeds: int = 4, painted: bool = False) -> Path:
    """Write a tiled deflate GeoTIFF of `height` × `width` pixels that repeats `seeds` rendered scenes.

    Painted scenes show the colour of each pixel's class, with some noise.
    """
    rendered = [np.moveaxis(_picture(seed, painted=painted), -1, 0) for seed in range(seeds)]
    profile = {"count": 3, "height": height, "width": width, "dtype": "uint8", "crs": "EPSG:32633"}
    place = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    with rasterio.open(
        path, "w", driver="GTiff", transform=place, tiled=True, compress="deflate", zlevel=1, **profile
    ) as target:
        for row in range(-(-height // SIDE)):
            columns = -(-width // SIDE)
            strip = np.concatenate([rendered[(row + column) % seeds] for column in range(columns)], axis=2)
            rows = min(SIDE, height - row * SIDE)
            target.write(strip[:, :rows, :width], window=Window(0, row * SIDE, width, rows))
    return path


def _picture(seed: int, *, painted: bool) -> npt.NDArray[np.uint8]:
    scene = render_scene(seed, (SIDE, SIDE))
    if not painted:
        return scene.image[..., :3]
    noise = np.random.default_rng(seed).normal(0, 12, (SIDE, SIDE, 3))
    return np.clip(COLOURS[np.minimum(scene.classes, len(AERIAL) - 1)] + noise, 0, 255).astype(np.uint8)


def peak_bytes(process: int | str = "self") -> int:
    """Return the peak resident memory of a process; the resource module would include its parent's."""
    status = Path(f"/proc/{process}/status")
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{status} has no VmHWM: run this on Linux.")
