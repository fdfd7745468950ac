"""A sparse GeoTIFF reads as the same file written in full."""

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from geoseg.rasters.missing_data.unwritten import columns_to_read, share_written
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.read import read_pixels

SIDE, BLOCK = 500, 128
BANDS = (1, 2, 3)
WHOLE = slice(0, SIDE), slice(0, SIDE)
WRITTEN = [(0, 1), (1, 1), (1, 3), (3, 0)]
"""Row and column of the blocks that hold data."""


@pytest.fixture
def sparse(tmp_path):
    """Write a sparse file, open it, and return it with all of its bands as they were written."""
    opened = []

    def write(*, count=3, mask=False, fill=None, dtype="uint8", **profile):
        path = tmp_path / f"{len(opened)}.tif"
        pixels = np.full((count, SIDE, SIDE), profile.get("nodata") or 0, dtype)
        shape = {"count": count, "height": SIDE, "width": SIDE, "dtype": dtype, "crs": "EPSG:32633"}
        shape |= {"transform": rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)}
        blocks = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "SPARSE_OK": True}
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", driver="GTiff", **shape, **(blocks | profile)) as file,
        ):
            for row, col in WRITTEN:
                window = Window(
                    col * BLOCK, row * BLOCK, min(BLOCK, SIDE - col * BLOCK), min(BLOCK, SIDE - row * BLOCK)
                )
                part = np.random.default_rng(row * 9 + col).integers(1, 200, (count, window.height, window.width))
                part[:, ::7] = profile.get("nodata") or 0
                file.write(part.astype(dtype), window=window)
                pixels[(slice(None), *window.toslices())] = part
            if mask:
                file.write_mask(True)
        opened.append(rasterio.open(path))
        return opened[-1], pixels

    yield write
    for file in opened:
        file.close()


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize(
    ("profile", "validity"),
    [
        ({"nodata": 0}, Validity()),
        ({"nodata": 200}, Validity()),
        ({"nodata": -9999, "dtype": "float32"}, Validity()),
        ({"count": 4}, Validity(alpha=4)),
        ({"count": 4, "nodata": 7}, Validity(alpha=4)),
        ({}, Validity(nodata=(0, 0, 0))),
        ({}, Validity()),
        ({"mask": True}, Validity()),
        ({"nodata": 0, "BLOCKXSIZE": 16, "BLOCKYSIZE": 16}, Validity()),
    ],
    ids=["nodata", "nodata 200", "float", "alpha", "alpha and nodata", "given", "none", "mask", "small blocks"],
)
def test_as_written(sparse, interleave, profile, validity):
    """Pixels, and their validity, are those of the arrays that were written, by every way to tell it."""
    file, written = sparse(interleave=interleave, **profile)
    match profile:
        case {"count": 4}:
            valid = written[3] > 0
        case {"nodata": nodata}:
            valid = (written[:3] != nodata).any(axis=0)
        case _:
            valid = (written != 0).any(axis=0) if validity.nodata else np.ones((SIDE, SIDE), bool)
    for roi in (WHOLE, (slice(3, 140), slice(100, 499)), (slice(200, 201), slice(0, 500)), (slice(260, 380),) * 2):
        pixels, found = read_pixels(file, BANDS, validity, roi)
        np.testing.assert_array_equal(found, valid[roi])
        np.testing.assert_array_equal(pixels, np.moveaxis(np.where(valid, written[:3], 0)[(slice(None), *roi)], 0, -1))
        assert pixels.dtype == written.dtype


def test_unwritten_columns_are_not_read(sparse):
    """Of a row of blocks, only those are read that the file holds."""
    file, _ = sparse(nodata=0)
    spans = [
        columns_to_read(file, BANDS, Validity(), (slice(row * 128, row * 128 + 100), WHOLE[1])) for row in range(4)
    ]
    assert spans == [[slice(128, 256)], [slice(128, 256), slice(384, 500)], [], [slice(0, 128)]]
    across = columns_to_read(file, BANDS, Validity(), WHOLE)
    assert across == [slice(0, 256), slice(384, 500)]


def test_unwritten_pixels_that_have_data_are_read(sparse):
    """Where nothing declares nodata, black blocks that are not in the file are as valid as all others."""
    file, _ = sparse()
    assert columns_to_read(file, BANDS, Validity(), WHOLE) == (WHOLE[1],)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("roi", [WHOLE, (slice(3, 140), slice(100, 499)), (slice(390, 391), slice(140, 160))])
def test_share_written(sparse, interleave, roi):
    """The share of a region that the file holds is that of the pixels of its blocks."""
    file, _ = sparse(nodata=0, interleave=interleave)
    held = np.zeros((SIDE, SIDE), bool)
    for row, col in WRITTEN:
        held[row * BLOCK : (row + 1) * BLOCK, col * BLOCK : (col + 1) * BLOCK] = True
    assert share_written(file, BANDS, Validity(), roi) == pytest.approx(held[roi].mean())


@pytest.mark.parametrize(
    "profile", [{}, {"nodata": 0, "BLOCKXSIZE": 16, "BLOCKYSIZE": 16}, {"nodata": 0, "mask": True}]
)
def test_share_of_files_that_do_not_tell(sparse, profile):
    """All may have data where missing blocks are valid, too small to ask for them, or a mask says where there is."""
    assert share_written(sparse(**profile)[0], BANDS, Validity(), WHOLE) == 1
