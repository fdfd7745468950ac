"""Label connected components, band by band."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geoseg.compiled import compiled

Values = npt.NDArray[np.uint16]
Labels = npt.NDArray[np.int32]
Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NODATA = 65_535
"""Value of nodata pixels; never a class id."""


@compiled
def label(values: Values, labels: Labels) -> Ids:  # noqa: PLR0912 - two scans, compiled
    """Number the 4-connected components of equal values in the order of their first pixels.

    The numbers, from 0, are written to `labels`, -1 for nodata; both arrays are `(rows, columns)`. Return the flat
    index of each component's first pixel `(components,)`.
    """
    rows, columns = values.shape
    count = 0
    for y in range(rows):
        for x in range(columns):
            value = values[y, x]
            if value != NODATA and not ((x > 0 and values[y, x - 1] == value) or (y > 0 and values[y - 1, x] == value)):
                count += 1
    parent = np.empty(count, np.int32)
    first = np.empty(count, np.int64)
    count = 0
    for y in range(rows):
        for x in range(columns):
            value = values[y, x]
            if value == NODATA:
                labels[y, x] = -1
                continue
            left = labels[y, x - 1] if x > 0 and values[y, x - 1] == value else -1
            above = labels[y - 1, x] if y > 0 and values[y - 1, x] == value else -1
            if left < 0 and above < 0:
                parent[count] = count
                first[count] = y * columns + x
                labels[y, x] = count
                count += 1
                continue
            labels[y, x] = left if left >= 0 else above
            if left >= 0 and above >= 0 and left != above:
                while parent[left] != left:
                    parent[left] = parent[parent[left]]
                    left = parent[left]
                while parent[above] != above:
                    parent[above] = parent[parent[above]]
                    above = parent[above]
                parent[max(left, above)] = min(left, above)
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


def label_below(above: Labels, value: Values, values: Values, labels: Labels) -> tuple[Labels, Values]:
    """Label the components of a band, merged with those of the band above.

    `above` holds the components in the row above the band `(columns,)`, -1 for nodata; `value` their class ids. The new
    labels are written to `labels`; it and `values`, the band's class ids, are `(rows, columns)`. Return the new number
    of each component above, then of each in the band; and class ids by new number. Numbers follow the order of first
    pixels if those above did.
    """
    first = label(values, labels)
    both = (above >= 0) & (labels[0] >= 0)
    both[both] = value[above[both]] == values[0][both]
    pairs = np.unique(np.column_stack([above[both], labels[0][both] + value.size]), axis=0)
    count, merged = connect(pairs, value.size + first.size)
    relabel(labels, merged[value.size :])
    merged_value = np.empty(count, np.uint16)
    merged_value[merged] = np.concatenate([value, values.ravel()[first]])
    return merged, merged_value


def connect(edges: Labels, size: int) -> tuple[int, Labels]:
    """Count and number the connected components of a graph of `size` nodes, given its edges `(edges, 2)`."""
    graph = coo_array((np.ones(len(edges), np.bool_), (edges[:, 0], edges[:, 1])), shape=(size, size))
    count, group = connected_components(graph, directed=False)
    return int(count), group.astype(np.int32)


def renumbered(labels: Labels, numbers: Labels) -> Labels:
    """Return `numbers[label]` for each label; -1 stays."""
    return np.append(numbers, np.int32(-1))[labels]
