"""Where classes meet: the pixels on either side, and those too near to it to be judged."""

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import NODATA

from .distance import dilate


def near_other_class(ids: npt.NDArray[np.uint8], radius: float) -> npt.NDArray[np.bool_]:
    """Pixels within `radius` of a pixel of another class, `(rows, columns)`.

    These are what an erosion of each class by a disc takes away. Neither the edge of the image nor pixels without a
    class are another class.

    Parameters
    ----------
    ids
        `(rows, columns)`: class ids; `NODATA` where there is none.
    radius
        In pixels.
    """
    known = ids != NODATA
    highest = dilate(np.where(known, ids + np.uint8(1), np.uint8(0)), radius, np.maximum) - np.uint8(1)
    lowest = NODATA - dilate(np.where(known, NODATA - ids, np.uint8(0)), radius, np.maximum)
    return np.asarray(known & (highest != lowest))


def boundaries(ids: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Class ids of the pixels that share a side with a pixel of another class; `NODATA` elsewhere."""
    other = np.zeros(ids.shape, bool)
    for one, next_one in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = (ids[one] != ids[next_one]) & (ids[one] != NODATA) & (ids[next_one] != NODATA)
        other[one] |= differ
        other[next_one] |= differ
    return np.where(other, ids, np.uint8(NODATA))
