"""Turn digitised lines into a graph without duplicates, whose edges run from junction to junction.

Lines meet at shared vertices, and where one ends on another. Lines that cross without a shared vertex do not meet: one
is a bridge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Points = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

GRID_M = 1e-3
"""Vertices in the same cell of this size are identical: projections differ by rounding."""
TOUCH_M = 0.05
"""An end this near to another line is on it: files hold seven decimals of a degree, about a centimetre."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LineGraph:
    """Lines connected at shared end points."""

    lines: npt.NDArray[np.object_]
    """LineStrings `(edges,)`."""
    place: Points
    """x and y of the nodes `(nodes, 2)`, metres."""
    ends: Ids
    """First and last node of each line `(edges, 2)`."""

    @property
    def degree(self) -> Ids:
        """Line ends at each node `(nodes,)`."""
        return np.bincount(self.ends.ravel(), minlength=len(self.place))

    @property
    def length_m(self) -> npt.NDArray[np.float64]:
        """Length of each line `(edges,)`."""
        lengths: npt.NDArray[np.float64] = shapely.length(self.lines)
        return lengths


def line_graph(lines: Sequence[Points], *, grid_m: float = 0.01) -> LineGraph:
    """Build a graph of lines, each `(points, 2)` in metres; ends within `grid_m` of each other are one node."""
    points = np.concatenate([*lines, np.zeros((0, 2))])
    owner = np.repeat(np.arange(len(lines)), [len(points) for points in lines])
    whole = np.asarray(shapely.linestrings(points, indices=owner))
    corners = np.array([point for line in lines for point in (line[0], line[-1])]).reshape(-1, 2)
    _, first, index = np.unique(np.rint(corners / grid_m), axis=0, return_index=True, return_inverse=True)
    return LineGraph(lines=whole, place=corners[first], ends=index.reshape(-1, 2))


def road_graph(lines: npt.NDArray[np.object_]) -> LineGraph:
    """Build a graph of LineStrings `(lines,)` in a plane, in metres.

    Duplicates count once. The graph does not depend on how roads are cut into lines, nor on their order or direction.
    """
    place, ends, steps = _vertices(lines)
    one = _joined_ends(place, ends)
    steps = _cut_where_touched(place, np.unique(one[ends]), _distinct(one[steps]))
    if not len(steps):
        return line_graph([])
    # Steps are sorted by place, which makes the result canonical.
    whole = shapely.line_merge(shapely.multilinestrings(np.asarray(shapely.linestrings(place[steps]))))
    return line_graph([shapely.get_coordinates(line) for line in shapely.get_parts(whole)], grid_m=GRID_M)


def _vertices(lines: npt.NDArray[np.object_]) -> tuple[Points, Ids, Ids]:
    """Return distinct vertices `(vertices, 2)`, ids of the line ends, and steps between vertices `(steps, 2)`."""
    points, owner = shapely.get_coordinates(lines, return_index=True)
    _, first, vertex = np.unique(np.rint(points / GRID_M), axis=0, return_index=True, return_inverse=True)
    vertex = vertex.ravel()
    same = owner[1:] == owner[:-1]
    last = np.r_[~same, True] if len(owner) else np.zeros(0, np.bool_)
    steps = np.column_stack([vertex[:-1], vertex[1:]])[same]
    return points[first], np.unique(vertex[last | np.roll(last, 1)]), _distinct(steps)


def _distinct(steps: Ids) -> Ids:
    """Remove duplicate steps, in either direction, and steps from a vertex to itself."""
    steps = np.sort(steps, axis=1)
    distinct: Ids = np.unique(steps[steps[:, 0] != steps[:, 1]], axis=0)
    return distinct


def _joined_ends(place: Points, ends: Ids) -> Ids:
    """Map each vertex to its representative `(vertices,)`: an end and the vertices it touches share one."""
    if not len(ends):
        return np.arange(len(place))
    near = cKDTree(place[ends]).sparse_distance_matrix(cKDTree(place), TOUCH_M, output_type="coo_matrix")
    pairs = coo_array((np.ones(near.nnz), (ends[near.row], near.col)), shape=(len(place),) * 2)
    _, group = connected_components(pairs, directed=False)
    order = np.lexsort((~np.isin(np.arange(len(place)), ends), group))  # an end represents its group
    _, first = np.unique(group[order], return_index=True)
    representative: Ids = order[first][group]
    return representative


def _cut_where_touched(place: Points, ends: Ids, steps: Ids) -> Ids:
    """Cut steps at the ends that touch them."""
    if not len(steps):
        return steps
    tree = shapely.STRtree(np.asarray(shapely.linestrings(place[steps])))
    end, step = tree.query(np.asarray(shapely.points(place[ends])), predicate="dwithin", distance=TOUCH_M)
    vertex = ends[end]
    apart = (steps[step] != vertex[:, None]).all(axis=1)
    vertex, step = vertex[apart], step[apart]
    along = shapely.line_locate_point(tree.geometries[step], np.asarray(shapely.points(place[vertex])))
    order = np.lexsort((along, step))
    vertex, step = vertex[order], step[order]
    cut, count = np.unique(step, return_counts=True)
    whole = np.ones(len(steps), np.bool_)
    whole[cut] = False
    last = np.cumsum(count) - 1
    tails = np.insert(vertex, last - count + 1, steps[cut, 0])
    heads = np.insert(vertex, last + 1, steps[cut, 1])
    return _distinct(np.concatenate([steps[whole], np.column_stack([tails, heads])]))
