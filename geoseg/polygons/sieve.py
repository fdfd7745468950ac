"""Merge small components into their neighbours, band by band."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geoseg.compiled import compiled

from .components import NOTHING, Ids, Labels, Values, join, label, relabel, renumbered

Flags = npt.NDArray[np.bool_]

ENOUGH = 1 << 40
"""The minimum area. Areas are integers relative to it, so that the order of summation does not matter."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredBand:
    """Rows of a class raster with the area of their pixels."""

    values: Values
    """Class ids `(rows, columns)`; `NOTHING` for nodata."""
    pixel_area: Ids
    """Area of a pixel in each row `(rows,)`; `ENOUGH` is the minimum area."""
    last: bool
    """Whether this is the last band."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Regions:
    """Components that continue in the next band, small ones not yet assigned, and their neighbours."""

    value: Values
    area: Ids
    """At most `ENOUGH`."""
    pairs: Labels
    """Adjacent regions `(pairs, 2)`, at least one of them small."""
    length: Ids
    """Length of the shared border `(pairs,)`."""
    slot: Ids
    """Labels in small regions, numbered through all bands `(slots,)`."""
    slot_region: Labels
    """Region of each slot."""
    bottom: Labels
    """Regions in the last row `(columns,)`; -1 for nodata."""


def sieve(read: Callable[[], Iterable[MeasuredBand]], columns: int, side_lengths: tuple[int, int]) -> Iterator[Values]:
    """Yield the bands of a raster without components smaller than the minimum area.

    A small component takes the class of the large neighbours with which it shares the longest border, the lowest class
    id of equals. One without large neighbours waits until its own neighbours have taken a class. A group of small
    components surrounded by nodata becomes one component of the class that covers most of it, or nodata if the group is
    small too.

    Memory holds one band, and two bytes for each component in each band.

    Parameters
    ----------
    read
        Read the raster from top to bottom; called twice. The height of the bands does not change the result.
    columns
        Width of the raster.
    side_lengths
        Width and height of a pixel, as integers in any unit.
    """
    decisions = _decide(read(), columns, side_lengths)
    for band, decision in zip(read(), decisions, strict=True):
        yield _decided(band.values, decision)


def _decided(values: Values, decision: Values) -> Values:
    """Replace each component by its class."""
    labels = np.empty(values.shape, np.int32)
    label(values, labels)
    decided: Values = np.append(decision, np.uint16(NOTHING))[labels]
    return decided


def _decide(bands: Iterable[MeasuredBand], columns: int, side_lengths: tuple[int, int]) -> list[Values]:
    """Return the class of each component, by band."""
    decisions: list[Values] = []
    offsets = [0]
    regions = _Regions(
        value=np.zeros(0, np.uint16),
        area=np.zeros(0, np.int64),
        pairs=np.zeros((0, 2), np.int32),
        length=np.zeros(0, np.int64),
        slot=np.zeros(0, np.int64),
        slot_region=np.zeros(0, np.int32),
        bottom=np.full(columns, -1, np.int32),
    )
    for band in bands:
        regions, own = _add(regions, band, offsets[-1], side_lengths)
        decisions.append(own)
        offsets.append(offsets[-1] + len(own))
        continues = np.zeros(len(regions.value), np.bool_)
        if not band.last:
            continues[regions.bottom[regions.bottom >= 0]] = True
        small = regions.area < ENOUGH
        cluster = _clusters(regions, small)
        ready = small & ~np.isin(cluster, cluster[small & continues])
        value = _assign(regions, ready, cluster)
        settled = ready[regions.slot_region]
        slots, values = regions.slot[settled], value[regions.slot_region[settled]]
        bands_of = np.searchsorted(offsets, slots, side="right") - 1
        for number in np.unique(bands_of).tolist():
            chosen = bands_of == number
            decisions[number][slots[chosen] - offsets[number]] = values[chosen]
        regions = _still_needed(regions, small & ~ready, continues)
    return decisions


def _add(regions: _Regions, band: MeasuredBand, offset: int, side_lengths: tuple[int, int]) -> tuple[_Regions, Values]:
    """Merge regions with the components of a band; return them, and the class of each component of the band."""
    framed = np.full((len(band.values) + 1, band.values.shape[1]), -1, np.int32)
    labels = framed[1:]
    first = label(band.values, labels)
    own = band.values.ravel()[first]
    united, count = join(regions.bottom, regions.value, labels[0], band.values[0], len(first))
    area = np.zeros(count, np.int64)
    np.add.at(area, united, np.concatenate([regions.area, _areas(labels, band.pixel_area, len(first))]))
    area = np.minimum(area, ENOUGH)
    small = area < ENOUGH
    value = np.empty(count, np.uint16)
    value[united] = np.concatenate([regions.value, own])
    new = united[len(regions.value) :]
    relabel(labels, new)
    framed[0] = renumbered(regions.bottom, united)
    new_pairs, new_length = _borders(framed, small, *side_lengths)
    pairs, length = _summed(
        np.concatenate([united[regions.pairs], new_pairs]), np.concatenate([regions.length, new_length])
    )
    needed = small[pairs].any(axis=1)
    slot = np.concatenate([regions.slot, offset + np.arange(len(first))])
    slot_region = np.concatenate([united[regions.slot_region], new])
    undecided = small[slot_region]
    return _Regions(
        value=value,
        area=area,
        pairs=pairs[needed],
        length=length[needed],
        slot=slot[undecided],
        slot_region=slot_region[undecided],
        bottom=framed[-1].copy(),
    ), own


@compiled
def _areas(labels: Labels, pixel_area: Ids, count: int) -> Ids:
    area = np.zeros(count, np.int64)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            if labels[y, x] >= 0:
                area[labels[y, x]] = min(area[labels[y, x]] + pixel_area[y], ENOUGH)
    return area


@compiled
def _borders(framed: Labels, small: Flags, along: int, down: int) -> tuple[Labels, Ids]:
    """List pixel sides between two regions, one of them small, by regions and length.

    The first row is the last of the band above; only the sides below it count.
    """
    rows, columns = framed.shape
    pairs, length = np.empty((0, 2), np.int32), np.empty(0, np.int64)
    count = 0
    for fill in (False, True):
        if fill:
            pairs, length = np.empty((count, 2), np.int32), np.empty(count, np.int64)
        count = 0
        for y in range(1, rows):
            for x in range(columns):
                here = framed[y, x]
                if here < 0:
                    continue
                for above in (True, False):
                    beside = framed[y - 1, x] if above else framed[y, x - 1] if x > 0 else np.int32(-1)
                    if beside >= 0 and beside != here and (small[here] or small[beside]):
                        if fill:
                            pairs[count, 0], pairs[count, 1] = min(here, beside), max(here, beside)
                            length[count] = along if above else down
                        count += 1
    return pairs, length


def _summed(pairs: Labels, length: Ids) -> tuple[Labels, Ids]:
    """Sum the lengths of equal pairs."""
    keys, which = np.unique(pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1], return_inverse=True)
    total = np.zeros(len(keys), np.int64)
    np.add.at(total, which, length)
    return np.column_stack([keys >> 32, keys & 0xFFFFFFFF]).astype(np.int32), total


def _clusters(regions: _Regions, small: Flags) -> Labels:
    """Number the connected groups of small regions `(regions,)`."""
    pairs = regions.pairs[small[regions.pairs].all(axis=1)]
    count = len(regions.value)
    graph = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    clusters: Labels = connected_components(graph, directed=False)[1]
    return clusters


def _assign(regions: _Regions, ready: Flags, cluster: Labels) -> Values:
    """Return the classes `(regions,)` once the ready regions have taken those of their neighbours."""
    value = regions.value.copy()
    settled = regions.area >= ENOUGH
    todo = ready.copy()
    one, other = np.concatenate([regions.pairs, regions.pairs[:, ::-1]]).T
    length = np.concatenate([regions.length, regions.length])
    while (reached := todo[one] & settled[other]).any():
        keys, which = np.unique(
            one[reached].astype(np.int64) * (NOTHING + 1) + value[other[reached]], return_inverse=True
        )
        total = np.zeros(len(keys), np.int64)
        np.add.at(total, which, length[reached])
        taking, taken = _largest(keys // (NOTHING + 1), keys % (NOTHING + 1), total)
        value[taking] = taken
        settled[taking], todo[taking] = True, False
    _fill_islands(regions, todo, cluster, value)
    return value


def _fill_islands(regions: _Regions, todo: Flags, cluster: Labels, value: Values) -> None:
    """Give each group without a large region one class, or nodata."""
    keys, which = np.unique(cluster[todo].astype(np.int64) * (NOTHING + 1) + value[todo], return_inverse=True)
    area = np.zeros(len(keys), np.int64)
    np.add.at(area, which, regions.area[todo])
    groups, covering = _largest(keys // (NOTHING + 1), keys % (NOTHING + 1), area)
    group = np.searchsorted(groups, cluster[todo])
    total = np.zeros(len(groups), np.int64)
    np.add.at(total, group, regions.area[todo])
    value[todo] = np.where(total >= ENOUGH, covering, NOTHING)[group]


def _largest(keys: Ids, classes: Ids, amounts: Ids) -> tuple[Ids, Ids]:
    """Return each key once, with the class of its largest amount, the lowest of equals."""
    order = np.lexsort((classes, -amounts, keys))
    found, first = np.unique(keys[order], return_index=True)
    return found, classes[order][first]


def _still_needed(regions: _Regions, undecided: Flags, continues: Flags) -> _Regions:
    """Drop regions that are no longer needed, and renumber the others."""
    beside = undecided[regions.pairs].any(axis=1)
    kept = undecided | continues
    kept[regions.pairs[beside].ravel()] = True
    numbers = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    waiting = undecided[regions.slot_region]
    return _Regions(
        value=regions.value[kept],
        area=regions.area[kept],
        pairs=numbers[regions.pairs[beside]],
        length=regions.length[beside],
        slot=regions.slot[waiting],
        slot_region=numbers[regions.slot_region[waiting]],
        bottom=renumbered(regions.bottom, numbers),
    )
