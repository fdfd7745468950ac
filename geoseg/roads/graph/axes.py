"""Fit the axes of roads near their junctions, and intersect them."""

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Floats, Ids, Points
from geoseg.roads.settings import AXIS_FIT_M, CURVE_PX, OLD_PLACE_WEIGHT
from geoseg.roads.skeleton.grid_settings import GridSettings

from .chains import Chains
from .graph import Graph
from .walking import flatten, walk


def intersect_axes(graph: Graph, chains: Chains, grid: GridSettings, bends: Floats, furthest: Floats) -> Points:
    """Return the point closest to the axes of each node's roads, by least squares; all in pixels.

    Axes are fitted beyond the bent skeleton at each end of an edge, `bends` `(edges, 2)`. A node stays in its place if
    that point is further than `furthest` `(nodes,)`.
    """
    axes = np.zeros((len(graph.ends), 2, 4))
    flat, fit = flatten(graph, chains), AXIS_FIT_M / grid.pixel_m
    _fit_axes(*flat, grid.shape[1], graph.ends, graph.place, bends, fit, CURVE_PX, np.empty((512, 2)), axes)
    fitted = axes[:, :, 3].ravel() > 0
    node = graph.ends.ravel()[fitted]
    x, y, offset, count = axes.reshape(-1, 4)[fitted].T

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(node, values, len(graph.place)), np.float64)

    weight = total(count)
    nodes = np.flatnonzero(weight)
    old = graph.place[nodes]
    # If all roads are parallel, the node keeps its position along them.
    held = OLD_PLACE_WEIGHT * weight[nodes]
    a, b, d = total(count * x * x)[nodes] + held, total(count * x * y)[nodes], total(count * y * y)[nodes] + held
    right, down = (
        total(count * x * offset)[nodes] + held * old[:, 0],
        total(count * y * offset)[nodes] + held * old[:, 1],
    )
    determinant = a * d - b * b
    new = np.column_stack([(d * right - b * down) / determinant, (a * down - b * right) / determinant])
    near = np.hypot(*(new - old).T) <= furthest[nodes]
    place = graph.place.copy()
    place[nodes[near]] = new[near]
    return place


@compiled_as(
    "(int64[::1], int64[:,::1], uint8[::1], int64, int64[:,::1], float64[:,::1], float64[:,::1], float64, float64,"
    " float64[:,::1], float64[:,:,::1])"
)
def _fit_axes(  # noqa: PLR0917 - compiled: one loop, plain arguments
    start: Ids,
    parts: Ids,
    code: Bytes,
    columns: int,
    ends: Ids,
    place: Points,
    bends: Floats,
    fit: float,
    curve: float,
    points: Points,
    axes: Floats,
) -> None:
    """Write the axis of each road near its junctions; all in pixels.

    It is given as its normal, the normal's scalar product with its points, and the number of pixels it is fitted to. It
    is the least-squares line, or, if the road is curved, the tangent of a parabola at the point nearest the junction.
    """
    for edge in range(len(ends)):
        for side in range(2):
            node = ends[edge, side]
            if bends[edge, side] == 0:
                continue
            # The second half of an edge belongs to its other node.
            found = min((walk(start, parts, code, columns, edge, side, points) + 1) // 2, len(points) // 2)
            near = bends[edge, side] + 1
            count = 0
            mean_x = mean_y = 0.0
            for k in range(found):
                reach = np.hypot(points[k, 0] - place[node, 0], points[k, 1] - place[node, 1])
                if reach > near + fit:
                    break
                if reach > near:
                    points[count, 0], points[count, 1] = points[k, 0], points[k, 1]
                    mean_x, mean_y = mean_x + points[k, 0], mean_y + points[k, 1]
                    count += 1
            if count < 4:
                continue
            mean_x, mean_y = mean_x / count, mean_y / count
            xx = xy = yy = 0.0
            for k in range(count):
                x, y = points[k, 0] - mean_x, points[k, 1] - mean_y
                xx, xy, yy = xx + x * x, xy + x * y, yy + y * y
            angle = 0.5 * np.arctan2(2 * xy, xx - yy)
            east, south = np.cos(angle), np.sin(angle)
            # The parabola is across = a + b · t + c · t²; across and t have zero mean and zero covariance.
            second = third = fourth = bend = 0.0
            for k in range(count):
                x, y = points[k, 0] - mean_x, points[k, 1] - mean_y
                t = x * east + y * south
                second, third, fourth = second + t * t, third + t**3, fourth + t**4
                bend += t * t * (x * -south + y * east)
            spread = fourth - second * second / count - third * third / max(second, 1e-9)
            c = bend / spread if spread > 1e-6 else 0.0
            nearest = (points[0, 0] - mean_x) * east + (points[0, 1] - mean_y) * south
            normal_x, normal_y = -south, east
            if abs(c) * nearest * nearest >= curve:
                b = -c * third / second
                rise = -c * second / count + b * nearest + c * nearest * nearest
                slope = b + 2 * c * nearest
                mean_x = mean_x + nearest * east + rise * normal_x
                mean_y = mean_y + nearest * south + rise * normal_y
                norm = np.sqrt(1 + slope * slope)
                normal_x, normal_y = (normal_x - slope * east) / norm, (normal_y - slope * south) / norm
            axes[edge, side, 0], axes[edge, side, 1] = normal_x, normal_y
            axes[edge, side, 2], axes[edge, side, 3] = normal_x * mean_x + normal_y * mean_y, count
