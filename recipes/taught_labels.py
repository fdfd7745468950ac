"""Write label rasters in which earlier models name what labels leave open, where they are confident.

    python recipes/taught_labels.py DATA OUT aerial-0.5.0.keras

DATA holds folders of images/ and labels/, each of which knows one class: massachusetts_roads/ and so on, or those of
them that --set names. Each model in turn names the pixels that no other has, where it is confident and predicts another
class than the known one. Label ids: those of the legend, then any class but the known one, then 255, unlabelled.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio

import geoseg
from geoseg.models.legend import AERIAL

KNOWN = {
    "massachusetts_roads": "road",
    "massachusetts_roads_more": "road",
    "naip_california": "vegetation",
    "nepal": "building",
}
"""The class that a folder's labels know, as 1 beside 0, by folder."""
SURE = 0.7
"""Least probability of a class that a model names."""
OPEN, IGNORED = len(AERIAL), 255


def main() -> None:
    """Write a label raster for every image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("models", type=Path, nargs="+", help="bundles of the legend aerial")
    parser.add_argument("--set", choices=KNOWN, action="append", dest="sets", help="a folder of DATA; repeatable")
    parser.add_argument("--keep", metavar="NAME", nargs="*", default=[], help="images whose labels stay as they are")
    options = parser.parse_args()
    for folder in options.sets or KNOWN:
        known = AERIAL.names.index(KNOWN[folder])
        (options.output / folder).mkdir(parents=True, exist_ok=True)
        for path in sorted((options.data / folder / "labels").glob("*.tif")):
            with rasterio.open(path) as source:
                profile, given = source.profile, source.read(1)
            taught = np.select([given == 0, given == 1], [OPEN, known], IGNORED).astype(np.uint8)
            if path.stem not in options.keep:
                for model in options.models:
                    _teach(taught, known, options.data / folder / "images" / path.name, model)
            with rasterio.open(options.output / folder / path.name, "w", **profile | {"nodata": IGNORED}) as target:
                target.write(taught, 1)


def _teach(taught: np.ndarray, known: int, image: Path, model: Path) -> None:
    """Name open pixels, in place."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"bands": (1, 2, 3), "roads": False, "confidence": True, "match_input": True}
        files = geoseg.predict(image, model=model, folder=folder, **options).outputs
        with rasterio.open(files.classes) as classes, rasterio.open(files.confidence) as confidence:
            found = classes.read(1)
            sure = confidence.read(1) * confidence.scales[0] >= SURE
    named = (taught == OPEN) & (found < len(AERIAL)) & (found != known) & sure
    taught[named] = found[named]


if __name__ == "__main__":
    main()
