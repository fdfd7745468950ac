"""Make images and labels for training from tiles of GeoNRW, whose near-infrared tells plants from bare ground.

    python recipes/geonrw_tiles.py GEONRW DATA/geonrw

GEONRW holds a folder for each town, as published: E_N_rgb.jp2 (red, green, blue and near-infrared) next to E_N_seg.tif.
Fields may be green or ploughed, and housing areas hold lawns, yards and car parks, so a pixel's label depends on its
class and on its NDVI, (near-infrared - red) / (near-infrared + red). What these leave in doubt has a label of several
classes, or none.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio

FOREST, WATER_BODY, FIELD, BUILT_UP, GRASS, RAILWAY, SQUARE, AIRPORT, STREET, HOUSE = range(1, 11)
"""Classes of GeoNRW; `SQUARE` includes motorways and car parks, `BUILT_UP` everything between houses and streets."""
BUILDING, LAND, ROAD, VEGETATION, WATER = range(5)
LAND_OR_VEGETATION, SEALED, ROAD_OR_LAND, ROAD_OR_VEGETATION, UNKNOWN = 10, 11, 12, 13, 255
"""Labels, after those of the legend `aerial`: `SEALED` is building, land or road."""


TILES = {
    "aachen": "296_5625 299_5619 299_5629",
    "bergisch": "372_5650",
    "bielefeld": "460_5755 464_5756 464_5761 471_5764",
    "bochum": "376_5696 379_5707 381_5705",
    "bottrop": "353_5720 356_5712 359_5709 360_5719",
    "coesfeld": "376_5749",
    "dortmund": "385_5709 388_5714 394_5704",
    "dueren": "316_5635 317_5627 322_5625 325_5628",
    "duesseldorf": "342_5682 351_5668",
    "duisburg": "337_5700 339_5692 339_5701 346_5696",
    "ennepetal": "384_5685 385_5677 385_5679 387_5678 389_5682",
    "erftstadt": "341_5632 343_5630 345_5635 347_5633",
    "essen": "360_5693 363_5703 368_5700",
    "euskirchen": "340_5613 341_5616 341_5617 346_5613 349_5612",
    "gelsenkirchen": "365_5717 366_5713 367_5707 368_5705",
    "guetersloh": "455_5755 459_5746 460_5755 463_5752",
    "hagen": "399_5687 399_5688 399_5691",
    "hamm": "413_5719 419_5715 421_5719 424_5722 428_5727",
    "heinsberg": "294_5659 295_5666 296_5663 299_5660",
    "herford": "472_5774 475_5774 479_5776 482_5778",
    "herne": "373_5711",
    "koeln": "351_5648 353_5652 361_5634",
    "krefeld": "327_5685 330_5695",
    "leverkusen": "364_5654",
    "lippetal": "428_5727 431_5724 437_5721 438_5719 440_5725",
    "lippstadt": "460_5725",
    "lotte": "425_5790",
    "moers": "331_5700 333_5698 337_5698 337_5700 338_5700",
    "muelheim": "349_5694 351_5692 355_5697",
    "muenster": "401_5763 405_5746",
    "oberhausen": "347_5705 349_5713",
    "paderborn": "476_5737 480_5726 483_5734",
    "solingen": "361_5666 367_5672 368_5666 368_5668",
    "wuppertal": "366_5679 367_5672 369_5673 372_5675 373_5682",
}
"""Eastings and northings of the tiles that `aerial` has seen or is scored on, in km, by town."""

Band = npt.NDArray[np.uint8]


def label(cover: Band, red: Band, near: Band) -> Band:
    """Return the labels of a tile, given its classes and two bands, each `(rows, columns)`."""
    sum_of_both = np.maximum(near.astype(np.float32) + red, 1)
    ndvi = (near.astype(np.float32) - red) / sum_of_both
    green = ndvi > 0.18
    bare = (ndvi < 0.02) & (near >= 50)  # not a shadow
    mixed = np.isin(cover, (BUILT_UP, RAILWAY, AIRPORT))
    # Of a pixel's rules, the first that holds.
    rules = [
        ((cover == FOREST) & (ndvi > -0.05), VEGETATION),
        ((cover == WATER_BODY) & (near < 110), WATER),  # not a tree over it
        ((cover == FIELD) & green, VEGETATION),
        ((cover == FIELD) & bare, LAND),
        (cover == FIELD, LAND_OR_VEGETATION),
        ((cover == GRASS) & (ndvi > 0.12), VEGETATION),
        (cover == GRASS, LAND_OR_VEGETATION),
        (mixed & green, VEGETATION),
        (mixed & bare, SEALED),
        ((cover == SQUARE) & green, VEGETATION),
        ((cover == SQUARE) & (ndvi < 0.08), ROAD_OR_LAND),
        ((cover == STREET) & (ndvi < 0.12), ROAD),
        ((cover == STREET) & (ndvi > 0.2), ROAD_OR_VEGETATION),
        ((cover == HOUSE) & (ndvi < 0.15), BUILDING),
    ]
    return np.select(*zip(*rules, strict=True), default=UNKNOWN).astype(np.uint8)


def main() -> None:
    """Write an image and a label raster for each tile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("towns", type=Path, help="folder of a folder for each town")
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    images, labels = options.output / "images", options.output / "labels"
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    for town, place in [(town, place) for town, places in TILES.items() for place in places.split()]:
        tile = options.towns / town / place
        with rasterio.open(f"{tile}_rgb.jp2") as raster, rasterio.open(f"{tile}_seg.tif") as cover:
            bands = raster.read()
            values = label(cover.read(1), red=bands[0], near=bands[3])
            grid = {"crs": raster.crs, "transform": raster.transform, "height": raster.height, "width": raster.width}
        profile = {"driver": "GTiff", "dtype": "uint8", "tiled": True, **grid}
        colours = {"count": 3, "compress": "jpeg", "jpeg_quality": 95, "photometric": "ycbcr"}
        with rasterio.open(images / f"{town}_{place}.tif", "w", **profile, **colours) as image:
            image.write(bands[:3])
        ids = {"count": 1, "compress": "deflate", "nodata": UNKNOWN}
        with rasterio.open(labels / f"{town}_{place}.tif", "w", **profile, **ids) as image:
            image.write(values, 1)


if __name__ == "__main__":
    main()
