"""Road networks as graphs of lines in a plane, in metres."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

Points = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LineGraph:
    """Lines that meet where they share an end point."""

    lines: npt.NDArray[np.object_]
    """Shapely LineStrings `(edges,)`."""

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
    """Make a graph of lines, each `(points, 2)` in metres; ends within `grid_m` of each other are one node."""
    points = np.concatenate([*lines, np.zeros((0, 2))])
    owner = np.repeat(np.arange(len(lines)), [len(points) for points in lines])
    whole = np.asarray(shapely.linestrings(points, indices=owner))
    corners = np.array([point for line in lines for point in (line[0], line[-1])]).reshape(-1, 2)
    _, first, index = np.unique(np.rint(corners / grid_m), axis=0, return_index=True, return_inverse=True)
    return LineGraph(lines=whole, place=corners[first], ends=index.reshape(-1, 2))
