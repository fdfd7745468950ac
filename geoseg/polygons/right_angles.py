"""Fit right-angled rings to traced rings."""

import math

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .arcs import Starts

Metres = npt.NDArray[np.float64]


@compiled
def find_corners(ring: Metres, tolerance: float) -> Starts:
    """Return the indices of the corners of a ring `(points, 2)`, ascending, by Douglas and Peucker's method.

    It starts from the point that is farthest from the middle and the one farthest from that: both are corners, wherever
    the ring begins.
    """
    size = len(ring) - 1
    first = _farthest(ring, ring[:-1, 0].mean(), ring[:-1, 1].mean())
    second = _farthest(ring, ring[first, 0], ring[first, 1])
    keep = np.zeros(size, np.bool_)
    keep[first], keep[second] = True, True
    low, high = min(first, second), max(first, second)
    waiting = [(low, high), (high, low + size)]
    while waiting:
        a, c = waiting.pop()
        ux, uy = ring[c % size, 0] - ring[a, 0], ring[c % size, 1] - ring[a, 1]
        length = ux * ux + uy * uy
        most, at = tolerance, -1
        for k in range(a + 1, c):
            vx, vy = ring[k % size, 0] - ring[a, 0], ring[k % size, 1] - ring[a, 1]
            share = min(max((ux * vx + uy * vy) / length, 0.0), 1.0) if length > 0 else 0.0
            distance = math.hypot(vx - share * ux, vy - share * uy)
            if distance > most:
                most, at = distance, k
        if at >= 0:
            keep[at % size] = True
            # Indices beyond the end of the ring are those of its second round.
            waiting.append((a, at))
            waiting.append((at, c) if at < size else (at - size, c - size))
    return np.flatnonzero(keep)


@compiled
def _farthest(ring: Metres, x: float, y: float) -> int:
    """Return the index of the point of a ring that is farthest from `(x, y)`, the first of equals."""
    most, at = -1.0, 0
    for k in range(len(ring) - 1):
        distance = (ring[k, 0] - x) ** 2 + (ring[k, 1] - y) ** 2
        if distance > most:
            most, at = distance, k
    return at


@compiled
def main_direction(ring: Metres, corners: Starts) -> float:
    """Return the angle in radians of the axes that a ring follows, modulo a right angle.

    Edges between corners give it first, averaged at four times their angle and weighted by their squared lengths. The
    traced sides between those corners then refine it by least squares, all edges at once.
    """
    cosine, sine = 0.0, 0.0
    for edge in range(len(corners)):
        a, c = ring[corners[edge]], ring[corners[(edge + 1) % len(corners)]]
        length, angle = math.hypot(c[0] - a[0], c[1] - a[1]), 4 * math.atan2(c[1] - a[1], c[0] - a[0])
        cosine += length * length * math.cos(angle)
        sine += length * length * math.sin(angle)
    angle = math.atan2(sine, cosine) / 4
    for _ in range(2):
        angle = _refine(ring, corners, angle)
    return angle


@compiled
def _refine(ring: Metres, corners: Starts, angle: float) -> float:
    size = len(ring) - 1
    along, across, mixed = 0.0, 0.0, 0.0  # second moments of edges about their middles, crosswise edges turned
    for edge in range(len(corners)):
        a, c = corners[edge], corners[(edge + 1) % len(corners)]
        c += size if c <= a else 0
        slant = math.atan2(ring[c % size, 1] - ring[a, 1], ring[c % size, 0] - ring[a, 0]) - angle
        quarters = round(slant / (math.pi / 2))
        if abs(slant - quarters * math.pi / 2) > math.pi / 8:
            continue  # nearer to a diagonal
        length, x, y = 0.0, 0.0, 0.0
        for k in range(a, c):
            p, q = ring[k % size], ring[(k + 1) % size]
            step = math.hypot(q[0] - p[0], q[1] - p[1])
            length += step
            x += step * (p[0] + q[0]) / 2
            y += step * (p[1] + q[1]) / 2
        x, y = x / length, y / length
        xx, yy, xy = 0.0, 0.0, 0.0
        for k in range(a, c):
            px, py = ring[k % size, 0] - x, ring[k % size, 1] - y
            qx, qy = ring[(k + 1) % size, 0] - x, ring[(k + 1) % size, 1] - y
            step = math.hypot(qx - px, qy - py) / 6
            xx += step * (px * px + qx * qx + (px + qx) * (px + qx))
            yy += step * (py * py + qy * qy + (py + qy) * (py + qy))
            xy += step * (px * py + qx * qy + (px + qx) * (py + qy))
        if quarters % 2:
            xx, yy, xy = yy, xx, -xy
        along, across, mixed = along + xx, across + yy, mixed + xy
    return math.atan2(2 * mixed, along - across) / 2 if along + across > 0 else angle


@compiled
def fit_right_angles(ring: Metres, corners: Starts, angle: float, shortest: float) -> Metres:
    """Return a ring of right angles whose sides follow the axes at `angle`, closed; empty where none fits.

    Each edge between corners becomes a side on the axis nearer to it, at the mean position of its traced sides, which
    keeps the area. Sides shorter than `shortest` are removed in ascending order: the sides before and after become one.
    """
    size = len(ring) - 1
    turned = np.empty_like(ring)
    turned[:, 0] = ring[:, 0] * math.cos(angle) + ring[:, 1] * math.sin(angle)
    turned[:, 1] = ring[:, 1] * math.cos(angle) - ring[:, 0] * math.sin(angle)
    # Sides: the axis each follows, its position on the other axis, its weight, and its sense.
    most = 2 * len(corners) + 1
    axis, position, weight, sense = np.empty(most, np.int64), np.empty(most), np.empty(most), np.empty(most)
    count = 0
    for edge in range(len(corners)):
        a, c = corners[edge], corners[(edge + 1) % len(corners)]
        c += size if c <= a else 0
        dx, dy = turned[c % size, 0] - turned[a, 0], turned[c % size, 1] - turned[a, 1]
        own = 0 if abs(dx) >= abs(dy) else 1
        span = dx if own == 0 else dy
        area = 0.0
        for k in range(a, c):
            p, q = turned[k % size], turned[(k + 1) % size]
            area += (q[own] - p[own]) * (p[1 - own] + q[1 - own]) / 2
        middle = area / span
        if count and axis[count - 1] == own:
            axis[count], position[count], weight[count] = 1 - own, turned[a, own], 0.0
            sense[count] = 1.0 if middle >= position[count - 1] else -1.0
            count += 1
        axis[count], position[count], weight[count], sense[count] = own, middle, abs(span), np.sign(span)
        count += 1
    if axis[0] == axis[count - 1]:
        own = axis[0]
        axis[count], position[count], weight[count] = 1 - own, turned[corners[0], own], 0.0
        sense[count] = 1.0 if position[0] >= position[count - 1] else -1.0
        count += 1
    count = _drop_short(axis, position, weight, sense, count, shortest)
    fitted = np.empty((count + 1 if count else 0, 2))
    for k in range(count):
        x, y = position[k - 1 if k else count - 1], position[k]
        if axis[k] == 1:
            x, y = y, x
        fitted[k, 0] = x * math.cos(angle) - y * math.sin(angle)
        fitted[k, 1] = x * math.sin(angle) + y * math.cos(angle)
    if count:
        fitted[count] = fitted[0]
    return fitted


@compiled
def _drop_short(  # noqa: PLR0917 - compiled
    axis: Starts, position: Metres, weight: Metres, sense: Metres, count: int, shortest: float
) -> int:
    """Remove short sides in place; return the number left, 0 if fewer than four would be."""
    while count >= 4:
        least, at = math.inf, 0
        for k in range(count):
            length = sense[k] * (position[(k + 1) % count] - position[k - 1 if k else count - 1])
            if length < least:
                least, at = length, k
        if least >= shortest:
            return count
        before, after = at - 1 if at else count - 1, (at + 1) % count
        if sense[before] == sense[after]:
            total = weight[before] + weight[after]
            share = weight[after] / total if total > 0 else 0.5
            position[before] += share * (position[after] - position[before])
            weight[before] = total
        else:  # the end of something narrow, which goes with the shorter of its two sides
            ahead = sense[after] * (position[(after + 1) % count] - position[at])
            behind = sense[before] * (position[at] - position[before - 1 if before else count - 1])
            if ahead > behind:
                position[before], weight[before], sense[before] = position[after], weight[after], sense[after]
        left = 0
        for k in range(count):
            if k not in {at, after}:
                axis[left], position[left], weight[left], sense[left] = axis[k], position[k], weight[k], sense[k]
                left += 1
        count = left
    return 0
