"""Write label rasters whose "not road" is replaced by classes that earlier models predict with confidence.

    python recipes/taught_labels.py DATA OUT aerial-0.1.0.keras aerial-0.2.0.keras

DATA holds massachusetts_roads/. Each teacher in turn names the pixels that are still "not road", where it is
confident and predicts no road. Held-out tiles keep their labels. Label ids: those of the legend, then "not road", 255.
"""

import argparse
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import rasterio

import geoseg
from geoseg.models.legend import AERIAL

SURE = 0.7
"""Least probability of a class that a teacher names."""
NOT_ROAD, IGNORED = len(AERIAL), 255


def main() -> None:
    """Write a label raster for every image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with massachusetts_roads/")
    parser.add_argument("output", type=Path)
    parser.add_argument("teachers", type=Path, nargs="+")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    recipe = tomllib.loads(Path(__file__).with_name("aerial.toml").read_text())
    (roads,) = (each for each in recipe["data"] if each["name"] == "massachusetts")
    for labels in sorted((options.data / "massachusetts_roads/labels").glob("*.tif")):
        with rasterio.open(labels) as source:
            profile, road = source.profile, source.read(1)
        taught = np.select([road == 0, road == 1], [NOT_ROAD, AERIAL.road], IGNORED).astype(np.uint8)
        if labels.stem not in roads["split"]["validation"]:
            for teacher in options.teachers:
                _teach(taught, labels.parents[1] / "images" / labels.name, teacher)
        with rasterio.open(options.output / labels.name, "w", **profile) as target:
            target.write(taught, 1)


def _teach(taught: np.ndarray, image: Path, teacher: Path) -> None:
    """Name pixels that are only "not road", in place."""
    with tempfile.TemporaryDirectory() as folder:
        files = geoseg.predict(image, model=teacher, folder=folder, roads=False, confidence=True).outputs
        with rasterio.open(files.classes) as classes, rasterio.open(files.confidence) as confidence:
            found = classes.read(1)
            sure = confidence.read(1) * confidence.scales[0] >= SURE
    named = (taught == NOT_ROAD) & (found < len(AERIAL)) & (found != AERIAL.road) & sure
    taught[named] = found[named]


if __name__ == "__main__":
    main()
