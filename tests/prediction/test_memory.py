"""Peak resident memory does not grow with the height of the scene."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.windows import Window

TESTS = Path(__file__).parents[1]


def tall_scene(path, rows, width=512):
    """A scene of random bytes with a road down its middle and one across it every 500 rows, written strip by strip."""
    random = np.random.default_rng(0)
    place = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    shape = {"count": 3, "height": rows, "width": width, "dtype": "uint8"}
    with rasterio.open(
        path, "w", driver="GTiff", crs="EPSG:32633", transform=place, tiled=True, compress="deflate", zlevel=1, **shape
    ) as dataset:
        for top in range(0, rows, 1000):
            strip = random.integers(0, 200, (3, 1000, width), dtype=np.uint8)
            # Echo's class 2, the road, is the third band. It is darker off the roads: the network of roads is held in
            # memory, some bytes for each pixel of centreline, and noise as bright as the rest is nothing but roads.
            strip[2] //= 4
            strip[2, :, width // 2 - 4 : width // 2 + 4] = 250
            strip[2, 250:258] = strip[2, 750:758] = 250
            dataset.write(strip, window=Window(0, top, width, 1000))


def peak_bytes(scene, model, folder):
    """Peak resident memory of a process that predicts a scene."""
    script = f"""
import geoseg
from standins import load_echo
geoseg.predict({str(scene)!r}, model={str(model)!r}, folder={str(folder)!r}, load=load_echo, confidence=True)
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(int(line.split()[1]) * 1024)
"""
    environment = os.environ | {"PYTHONPATH": str(TESTS), "MALLOC_ARENA_MAX": "2"}  # fewer heaps, less chance
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_is_flat(write_bundle, tmp_path):
    """A scene four times as tall takes hardly more memory, all stages and files included.

    Caches that are not full at 4,000 rows and the allocator account for some 10 %; holding one float32 score of the
    whole scene would add over 30 %.
    """
    model = write_bundle(tile=256, overlap=64)
    peaks = []
    for rows in (4_000, 16_000):
        tall_scene(tmp_path / f"{rows}.tif", rows)
        # Threads meet differently each time: the lower of two peaks is what the work needs.
        peaks.append(min(peak_bytes(tmp_path / f"{rows}.tif", model, tmp_path / f"{rows}-{run}") for run in range(2)))
    assert peaks[1] <= 1.25 * peaks[0], peaks
