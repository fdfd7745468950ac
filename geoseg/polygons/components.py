"""Label connected components, band by band."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geoseg.compiled import compiled

Values = npt.NDArray[np.uint16]
Labels = npt.NDArray[np.int32]
Ids = npt.NDArray[np.int64]

NOTHING = 65_535
"""Value of nodata pixels; never a class id."""


@compiled
def label(values: Values, labels: Labels) -> Ids:  # noqa: PLR0912 - two scans, compiled
    """Number the 4-connected components of equal values in the order of their first pixels.

    Parameters
    ----------
    values
        Class ids `(rows, columns)`.
    labels
        Output `(rows, columns)`: numbers from 0; -1 for nodata.

    Returns
    -------
    Ids
        Flat index of each component's first pixel `(components,)`.
    """
    rows, columns = values.shape
    count = 0
    for y in range(rows):
        for x in range(columns):
            value = values[y, x]
            if value != NOTHING and not (
                (x > 0 and values[y, x - 1] == value) or (y > 0 and values[y - 1, x] == value)
            ):
                count += 1
    parent = np.empty(count, np.int32)
    first = np.empty(count, np.int64)
    count = 0
    for y in range(rows):
        for x in range(columns):
            value = values[y, x]
            if value == NOTHING:
                labels[y, x] = -1
                continue
            beside = labels[y, x - 1] if x > 0 and values[y, x - 1] == value else -1
            above = labels[y - 1, x] if y > 0 and values[y - 1, x] == value else -1
            if beside < 0 and above < 0:
                parent[count] = count
                first[count] = y * columns + x
                labels[y, x] = count
                count += 1
                continue
            labels[y, x] = beside if beside >= 0 else above
            if beside >= 0 and above >= 0 and beside != above:
                while parent[beside] != beside:
                    parent[beside] = parent[parent[beside]]
                    beside = parent[beside]
                while parent[above] != above:
                    parent[above] = parent[parent[above]]
                    above = parent[above]
                parent[max(beside, above)] = min(beside, above)
    # Parents precede their children: one pass gives the final numbers.
    components = 0
    for each in range(count):
        if parent[each] == each:
            parent[each] = components
            first[components] = first[each]
            components += 1
        else:
            parent[each] = parent[parent[each]]
    relabel(labels, parent)
    return first[:components].copy()


@compiled
def relabel(labels: Labels, numbers: Labels) -> None:
    """Replace each label by `numbers[label]`, in place; -1 stays."""
    rows, columns = labels.shape
    for y in range(rows):
        for x in range(columns):
            if labels[y, x] >= 0:
                labels[y, x] = numbers[labels[y, x]]


def join(above: Labels, value: Values, top: Labels, top_values: Values, count: int) -> tuple[Labels, int]:
    """Merge the components of a band with those of the band above.

    Parameters
    ----------
    above
        Components in the row above the band `(columns,)`; -1 for nodata.
    value
        Class id of each component above.
    top, top_values
        Components and class ids in the band's first row `(columns,)`.
    count
        Number of components in the band.

    Returns
    -------
    tuple
        Merged component of each component above, then of each in the band, `(value.size + count,)`; and their number.
        They are in the order of their first pixels if those above are.
    """
    both = (above >= 0) & (top >= 0)
    both[both] = value[above[both]] == top_values[both]
    pairs = np.unique(np.column_stack([above[both], top[both] + value.size]), axis=0)
    size = value.size + count
    graph = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    number, united = connected_components(graph, directed=False)
    return united.astype(np.int32), int(number)


def renumbered(labels: Labels, numbers: Labels) -> Labels:
    """Return `numbers[label]` for each label `(columns,)`; -1 stays."""
    return np.append(numbers, np.int32(-1))[labels]
