"""Turn chains into the edges of a network: near junctions merged, spurs pruned, what is left between two edges joined.

Chains arrive in the order in which the rows complete them. An edge leaves as soon as nothing that may still arrive can
change it, so the network holds no more than the unfinished edges and their neighbours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .chains import Chain
from .road import RoadSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeEnd:
    """Where an edge ends."""

    point: npt.NDArray[np.float64]
    """Column and row `(2,)`, whole numbers at pixel corners: the same for every edge that ends here."""

    half_width_m: float
    """Half-width of the road here, metres."""

    dead_end: bool
    """Whether no other edge ends here."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Edge:
    """A finished edge, still along pixels."""

    points: npt.NDArray[np.float64]
    """Pixel centres `(points, 2)` as column and row, whole numbers at pixel corners."""

    ends: tuple[NodeEnd, NodeEnd] | None
    """Nodes at the first and the last point; None for a closed ring."""

    half_width_m: float
    """Mean half-width along the edge, metres."""


@dataclass(slots=True, eq=False)
class _Node:
    awaited: int  # ends of chains still to come
    half_width_m: float
    pixels: list[int]
    junction: bool
    span_m: float = 0.0  # length of the chains that were merged into it
    edges: list["_Edge"] = field(default_factory=list)  # a loop is listed twice
    finished: int = 0  # edges already handed out
    settled: bool = False

    @property
    def complete(self) -> bool:
        return self.awaited == 0

    @property
    def dead_end(self) -> bool:
        return self.complete and len(self.edges) + self.finished == 1


@dataclass(slots=True, eq=False)
class _Edge:
    ends: tuple[_Node, _Node] | None
    pixels: npt.NDArray[np.int64]
    half_width_m: npt.NDArray[np.float32]
    length_m: float

    def other(self, node: _Node) -> _Node:
        assert self.ends is not None
        return self.ends[1] if self.ends[0] is node else self.ends[0]

    def reversed(self) -> "_Edge":
        assert self.ends is not None
        return _Edge(self.ends[::-1], self.pixels[::-1], self.half_width_m[::-1], self.length_m)


class Network:
    """The unfinished part of a road network."""

    def __init__(self, width: int, settings: RoadSettings) -> None:
        self._width = width
        self._settings = settings
        self._node_at: dict[int, _Node] = {}  # by pixel, while chains are awaited there
        self._edges: dict[_Edge, None] = {}
        self._changed: dict[_Node, None] = {}

    def add(self, chains: Iterable[Chain], metric: npt.NDArray[np.float64]) -> Iterator[Edge]:
        """Take chains and yield the edges that are finished by them.

        Parameters
        ----------
        chains
            Chains in any order; each once.
        metric
            Matrix `(2, 2)` that takes a step (columns, rows) to metres where these chains end. Lengths decide only what
            is dropped and what is merged; that of a road is measured along its final line.

        Yields
        ------
        Edge
            Every chain is part of one edge, or dropped, once all chains were taken.
        """
        for chain in chains:
            edge = _Edge(None, chain.pixels, chain.half_width_m, self._length(chain.pixels, metric))
            if chain.degrees is None:
                self._edges[edge] = None
            else:
                pixel_m = float(np.sqrt(abs(np.linalg.det(metric))))
                self._attach(edge, chain.degrees, pixel_m)
        while self._changed:
            node = next(iter(self._changed))
            del self._changed[node]
            if node.complete and not node.settled:
                self._prune(node)
        for edge in [edge for edge in self._edges if self._final(edge)]:
            yield self._finish(edge)

    def _length(self, pixels: npt.NDArray[np.int64], metric: npt.NDArray[np.float64]) -> float:
        steps = np.diff(self._centres(pixels), axis=0)
        return float(np.hypot(*(metric @ steps.T)).sum())

    def _node(self, pixel: int, degree: int, half_width_m: float) -> _Node:
        node = self._node_at.get(pixel)
        if node is None:
            node = self._node_at[pixel] = _Node(degree, half_width_m, [pixel], degree > 2)
        return node

    def _attach(self, edge: _Edge, degrees: tuple[int, int], pixel_m: float) -> None:
        one = self._node(int(edge.pixels[0]), degrees[0], float(edge.half_width_m[0]))
        other = self._node(int(edge.pixels[-1]), degrees[1], float(edge.half_width_m[-1]))
        one.awaited -= 1
        other.awaited -= 1
        edge.ends = (one, other)
        reach_m = self._settings.merge_half_widths * max(one.half_width_m, other.half_width_m) + 2 * pixel_m
        if (
            one is not other
            and one.junction
            and other.junction
            and (edge.length_m < 1.5 * pixel_m or one.span_m + other.span_m + edge.length_m <= reach_m)
        ):
            self._merge(one, other, edge.length_m)
        elif one is not other or edge.length_m >= self._settings.min_road_m:
            self._edges[edge] = None
            one.edges.append(edge)
            other.edges.append(edge)
        for node in (one, other):
            self._touch(node)

    def _touch(self, node: _Node) -> None:
        if node.complete:
            for pixel in node.pixels:
                self._node_at.pop(pixel, None)
        self._changed[node] = None

    def _merge(self, one: _Node, other: _Node, length_m: float) -> None:
        """Make two junctions one; what was a short way around between them is no loop."""
        one.awaited += other.awaited
        one.span_m += other.span_m + length_m
        one.half_width_m = max(one.half_width_m, other.half_width_m)
        one.pixels += other.pixels
        for pixel in other.pixels:
            self._node_at[pixel] = one
        for edge in other.edges:
            assert edge.ends is not None
            edge.ends = (
                one if edge.ends[0] is other else edge.ends[0],
                one if edge.ends[1] is other else edge.ends[1],
            )
        one.edges += other.edges
        other.edges = []
        for edge in dict.fromkeys(one.edges):
            if edge.ends == (one, one) and edge.length_m < self._settings.min_road_m:
                self._drop(edge)

    def _drop(self, edge: _Edge) -> None:
        assert edge.ends is not None
        del self._edges[edge]
        for node in edge.ends:
            node.edges.remove(edge)
            self._touch(node)

    def _spur_m(self, node: _Node) -> float:
        return max(self._settings.min_spur_m, 2 * node.half_width_m)

    def _prune(self, node: _Node) -> None:
        """Drop the spurs of a node, but never so many that a road through it or to it would end short."""
        spurs = [
            edge
            for edge in node.edges
            if edge.other(node) is not node and edge.other(node).dead_end and edge.length_m < self._spur_m(node)
        ]
        kept = max(0, 2 - (len(node.edges) - len(spurs)))
        for edge in sorted(spurs, key=lambda edge: edge.length_m)[: max(0, len(spurs) - kept)]:
            self._drop(edge)
        if len(node.edges) == 2:
            self._join(node)
        elif len(node.edges) == 1 and node.junction:
            node.junction = False
            self._touch(node.edges[0].other(node))

    def _join(self, node: _Node) -> None:
        """Make one edge of the two that meet at a node, or a ring of a loop."""
        first, second = node.edges
        if first is second:
            first.ends = None
            node.edges = []
            return
        head = first if first.ends is not None and first.ends[1] is node else first.reversed()
        tail = second if second.ends is not None and second.ends[0] is node else second.reversed()
        assert head.ends is not None
        assert tail.ends is not None
        shared = int(head.pixels[-1] == tail.pixels[0])
        joined = _Edge(
            (head.ends[0], tail.ends[1]),
            np.concatenate([head.pixels, tail.pixels[shared:]]),
            np.concatenate([head.half_width_m, tail.half_width_m[shared:]]),
            head.length_m + tail.length_m,
        )
        for edge in (first, second):
            del self._edges[edge]
        self._edges[joined] = None
        node.edges = []
        for end, old in zip((head.ends[0], tail.ends[1]), (first, second), strict=True):
            end.edges[end.edges.index(old)] = joined
            self._touch(end)

    def _final(self, edge: _Edge) -> bool:
        return edge.ends is None or all(self._is_settled(node) for node in edge.ends)

    def _is_settled(self, node: _Node) -> bool:
        """Tell whether nothing to come can change which edges meet at a node: none of them may turn out a spur."""
        if not node.settled:
            node.settled = node.complete and all(
                edge.other(node).complete or edge.length_m >= self._spur_m(node) for edge in node.edges
            )
        return node.settled

    def _finish(self, edge: _Edge) -> Edge:
        del self._edges[edge]
        pixels = edge.pixels
        if edge.ends is None and pixels[0] != pixels[-1]:
            pixels = np.append(pixels, pixels[0])
        finished = Edge(
            points=self._centres(pixels),
            ends=None if edge.ends is None else (self._node_end(edge.ends[0]), self._node_end(edge.ends[1])),
            half_width_m=float(edge.half_width_m.mean(dtype=np.float64)),
        )
        for node in edge.ends or ():
            node.edges.remove(edge)
            node.finished += 1
        return finished

    def _node_end(self, node: _Node) -> NodeEnd:
        point = self._centres(np.array(node.pixels)).mean(axis=0)
        return NodeEnd(point=point, half_width_m=node.half_width_m, dead_end=node.dead_end)

    def _centres(self, pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.column_stack([pixels % self._width, pixels // self._width]).astype(np.float64) + np.float64(0.5)
