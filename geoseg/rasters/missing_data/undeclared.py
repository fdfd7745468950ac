"""Find values that look like missing data although the raster does not declare them: collars, gaps, negative fill."""

from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.messages import warn

from .validity import Mask, is_fill

LEAST_SHARE = 0.01
"""Smallest share of a sample that a collar or gap takes up in one piece."""
_FEWEST = 32
"""Pixels of the sample in such a piece, at least."""
_LEAST_FILL = 0.001
"""Smallest share of a negative value that is filled in."""
_CORNERS = np.ix_((0, -1), (0, -1))
_LOSSY = 3
"""Levels of 0–255 by which lossy compression changes black and white."""
_SHARP = 1.25
"""Most by which a collar grows where twice as many levels count."""
_MOST = 0.95
"""Largest share of a collar: an image that is nearly black or white all over is something else."""


def find_undeclared(values: npt.NDArray[Any], valid: Mask) -> tuple[float, float] | None:
    """Find the value of most pixels that seem to have no data, and its share of a sample `(bands, rows, columns)`.

    It is the same in all bands, and is the lowest of all values, negative and repeated; or else it is in one piece: 0
    anywhere, or the lowest or highest of all values in a corner of the sample. None if there is no such value.
    """
    same = valid & (values == values[0]).all(axis=0)
    if not same.any():
        return None
    found, counts = np.unique(values[0][same], return_counts=True)
    lowest, highest = values[:, valid].min(), values[:, valid].max()
    for value, count in sorted(zip(found, counts, strict=True), key=lambda each: -each[1]):
        share = float(count / valid.size)
        if share >= _LEAST_FILL and value == lowest and is_fill(float(value)):
            return float(value), share
        if share < LEAST_SHARE or value not in (0, lowest, highest):
            continue
        from scipy import ndimage  # a quarter of a second, and few scenes get here

        pieces, _ = ndimage.label(same & (values[0] == value))
        sizes = np.bincount(pieces.ravel())
        large = np.flatnonzero(sizes >= max(LEAST_SHARE * valid.size, _FEWEST))
        large = large[large > 0] if value == 0 else np.intersect1d(large, pieces[_CORNERS][pieces[_CORNERS] > 0])
        if large.size:
            return float(value), float(sizes[large].sum() / valid.size)
    return None


def is_like_mask(values: npt.NDArray[Any]) -> bool:
    """Whether the values of a band are 0 and the largest of their integer type, both of them, and no others."""
    if values.dtype.kind != "u":
        return False
    opaque = values == np.iinfo(values.dtype).max
    return bool((opaque | (values == 0)).all() and opaque.any() and not opaque.all())


def report_far_fill(name: str, values: npt.NDArray[Any], valid: Mask) -> None:
    """Warn of fill as `find_undeclared`, in a sample of the raster `name`, that resampling would mix with other values.

    It is further from other values than these are from each other, such as -9999.
    """
    found = find_undeclared(values, valid)
    if found is None or not is_fill(found[0]):
        return
    value, share = found
    others = values[:, valid & (values != value).all(axis=0)]
    if others.size and float(others.min()) - value > float(others.max()) - float(others.min()):
        warn(
            f"{share:.1%} of the pixels of {name} are {value:g}, and the file does not declare it as nodata, so "
            "that resampling mixes it with the values beside it; if they hold no data, declare it first "
            f"(`gdal_translate -a_nodata {value:g} IN OUT.tif`)."
        )


def find_lossy(values: npt.NDArray[Any], valid: Mask) -> float | None:
    """Find the share of a sample of bytes `(bands, rows, columns)` that is nearly black, or white, from a corner on.

    None without such a collar. Lossy compression has changed its values, so that no nodata value masks all of it. A
    collar has a sharp edge: ground that grows darker or brighter towards a corner is not a collar.
    """
    if values.dtype != np.uint8:
        return None
    for levels in (values, 255 - values):
        share = _from_corners(valid & (levels <= _LOSSY).all(axis=0))
        if share and share <= _from_corners(valid & (levels <= 2 * _LOSSY).all(axis=0)) <= _SHARP * share:
            return share
    return None


def _from_corners(same: Mask) -> float:
    """Return the share of pixels in pieces that reach a corner; 0 if they are too few or too many for a collar."""
    if not LEAST_SHARE <= same.mean() <= _MOST:
        return 0.0
    from scipy import ndimage  # a quarter of a second, and few scenes get here

    pieces, _ = ndimage.label(same)
    corners = np.unique(pieces[_CORNERS])
    found = np.isin(pieces, corners[corners > 0]).sum()
    return float(found / same.size) if found >= max(LEAST_SHARE * same.size, _FEWEST) else 0.0


def describe_lossy(name: str, share: float) -> str:
    """Say in a sentence what `find_lossy` found in the raster `name`."""
    return (
        f"{share * 100:.0f} % of the pixels of {name} are nearly black or white in all bands, as in a collar that "
        "lossy compression has changed, or in very dark or bright ground, and the file calls them valid; if they hold "
        "no data, mask them first (`nearblack -setmask -o OUT.tif IN`)."
    )


def describe_like_mask(name: str, number: int) -> str:
    """Say in a sentence that a band of the raster `name` is as `is_like_mask`."""
    return (
        f"band {number} of {name} has two values, like a mask or an alpha band, and the file does not declare it as "
        "one, so its zeros mask nothing; if these pixels hold no data, declare it first "
        f"(`gdal_translate -colorinterp_{number} alpha IN OUT.tif`)."
    )


def describe_undeclared(name: str, value: float, share: float, opaque: bool) -> str:
    """Say in a sentence what `find_undeclared` found in the raster `name`.

    `opaque`: whether it declares the value as nodata, but its mask or alpha band says otherwise.
    """
    text = repr(int(value)) if value.is_integer() else repr(value)
    percent = f"{share * 100:.{0 if share >= LEAST_SHARE else 1}f}"
    other = "" if is_fill(value) else ", or in black water" if value == 0 else ", or in over- or underexposed ground"
    declared = "declares it as nodata, but its mask or alpha band calls them valid"
    return (
        f"{percent} % of the pixels of {name} are {text} in all bands, as in a collar or a gap{other}, and the file "
        f"{declared if opaque else 'does not declare it as nodata'}; if they hold no data, add `nodata={text}`."
    )
