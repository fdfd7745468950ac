"""Join map tiles of OpenAerialMap, with building labels, into one image for each part of the ground.

    python recipes/nepal_mosaics.py DATA/oam_buildings DATA/nepal

The tiles, named by source, column, row and zoom, are smaller than a training window. Each source is divided at columns
that keep its parts apart: what is held out is never beside what is trained on.
"""

import argparse
from pathlib import Path

from rasterio.merge import merge

PARTS = {
    "banepa_west": ("banepa", 0, 386_693),
    "banepa_east": ("banepa", 386_694, 10**6),
    "d3_west": ("d3", 0, 386_699),
    "d3_east": ("d3", 386_701, 10**6),
    "d4_west": ("d4", 0, 443_117),
    "d4_east": ("d4", 443_119, 10**6),
}
"""Source, and its first and last column of tiles."""


def main() -> None:
    """Write an image and a label raster for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tiles", type=Path, help="folder with images/ and labels/")
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    for kind, colours in (("images", "rgb"), ("labels", "minisblack")):
        (options.output / kind).mkdir(parents=True, exist_ok=True)
        for name, (source, first, last) in PARTS.items():
            paths = sorted((options.tiles / kind).glob(f"{source}_*.tif"))
            tiles = [path for path in paths if first <= int(path.stem.split("_")[1]) <= last]
            # The tiles of a part fill a rectangle.
            profile = {"compress": "deflate", "photometric": colours}
            merge(tiles, dst_path=options.output / kind / f"{name}.tif", dst_kwds=profile)


if __name__ == "__main__":
    main()
