"""Roundabouts: a junction replaced by a ring that its roads end on."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import shapely

from .roads import Line, Node, Road, cut, length, stations

_CLEARANCE_M = 8.0
_LEAST_ARM_ANGLE = 0.5


def build_roundabouts(rng: np.random.Generator, roads: list[Road], share: float) -> tuple[list[Road], Line]:
    """Turn a share of the junctions that have room for it into roundabouts; lines are in metres and stay noded.

    Returns
    -------
    The roads, and the roundabouts' centres (n, 2).
    """
    arms: defaultdict[Node, list[int]] = defaultdict(list)
    for key, road in enumerate(roads):
        for end in road.ends:
            arms[end].append(key)
    current: dict[int, Road] = dict(enumerate(roads))
    rings: list[Road] = []
    centres = [np.empty((0, 2))]
    for node, keys in arms.items():
        if len(keys) < 3 or rng.random() >= share:
            continue
        radius = float(rng.uniform(11.0, 20.0))
        if len(set(keys)) < len(keys) or not _has_room(node, keys, current, radius):
            continue
        trimmed = {key: _trim(current[key], node, radius) for key in keys}
        widest = max((current[key] for key in keys), key=lambda road: road.width_m)
        ring = _ring(node, radius, [line for line, _ in trimmed.values()])
        if ring is None:
            continue
        for key, (_, road) in trimmed.items():
            current[key] = road
        centres.append(np.array([node]))
        width_m = float(np.clip(widest.width_m, 5.0, 9.0))
        rings += [Road(line=line, width_m=width_m, surface=widest.surface) for line in ring]
    return [*current.values(), *rings], np.concatenate(centres)


def _has_room(node: Node, keys: list[int], roads: dict[int, Road], radius: float) -> bool:
    centre = shapely.Point(node)
    for key, road in roads.items():
        if key in keys:
            if road.bridge or road.width_m < 4.0 or length(road.line) < 3.0 * radius + _CLEARANCE_M:
                return False
        elif shapely.LineString(road.line).distance(centre) < radius + _CLEARANCE_M + road.width_m:
            return False
    return True


def _trim(road: Road, node: Node, radius: float) -> tuple[Line, Road]:
    """End a road on the circle around its node; also return that end point."""
    starts_here = road.ends[0] == node
    line = road.line if starts_here else road.line[::-1]
    away = np.hypot(*(line - np.array(node)).T)
    # the last crossing, should the road swing back into the circle
    last = int(np.flatnonzero(away <= radius)[-1])
    share = (radius - away[last]) / (away[last + 1] - away[last])
    run = stations(line)
    rest = cut(line, np.array([run[last] + share * (run[last + 1] - run[last])]))[1]
    return rest[0], replace(road, line=rest if starts_here else rest[::-1])


def _ring(node: Node, radius: float, ends: list[Line]) -> list[Line] | None:
    """Arcs between neighbouring arms; None where two arms enter too close to each other."""
    centre = np.array(node)
    angles = np.array([np.arctan2(*(end - centre)[::-1]) for end in ends])
    order = np.argsort(angles)
    following = np.roll(order, -1)
    gaps = np.mod(angles[following] - angles[order], 2.0 * np.pi)
    if gaps.min() < _LEAST_ARM_ANGLE:
        return None
    arcs = []
    for here, there, gap in zip(order, following, gaps, strict=True):
        turn = angles[here] + np.linspace(0.0, gap, max(3, int(gap / 0.15)))[1:-1]
        arc = centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        arcs.append(np.concatenate([ends[here][None], arc, ends[there][None]]))
    return arcs
