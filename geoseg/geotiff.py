"""What rasterio leaves unsaid about GeoTIFFs that it has written."""

from pathlib import Path

import rasterio


def check_complete(path: Path, *, masked: bool = False) -> None:
    """Look for each tile in the file: what a full disk refuses while rasterio closes a raster is logged, not raised.

    `masked` files are those with an internal mask, whose tiles are looked for too.

    Raises
    ------
    OSError
        If a tile is missing or cut off.
    """
    length = path.stat().st_size
    for name in (str(path), f"GTIFF_DIR:2:{path}") if masked else (str(path),):
        with rasterio.open(name) as written:
            for (row, col), _ in written.block_windows(1):
                start, size = (
                    int(written.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=1) or length + 1)
                    for what in ("OFFSET", "SIZE")
                )
                if start + size > length:
                    raise OSError("the file is cut off; is the disk full?")
