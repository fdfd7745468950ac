"""Merge small components into their neighbours, band by band."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from geoseg.compiled import compiled

from .components import NODATA, Flags, Ids, Labels, Values, connect, label, label_below, renumbered

MIN_AREA = 1 << 40
"""Areas are integers, relative to the minimum area, so that the order of summation does not matter."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredBand:
    """Rows of a class raster with the area of their pixels."""

    values: Values
    """Class ids `(rows, columns)`; `NODATA` for nodata."""
    pixel_area: Ids
    """Area of a pixel in each row `(rows,)`, relative to `MIN_AREA`."""
    last: bool
    """Whether this is the last band."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Regions:
    """Components that continue in the next band, small ones not yet assigned, and their neighbours."""

    value: Values
    area: Ids
    """At most `MIN_AREA`."""
    pairs: Labels
    """Adjacent regions `(pairs, 2)`, at least one of them small."""
    length: Ids
    """Length of the shared border `(pairs,)`."""
    slot: Ids
    """Components of the bands in small regions, numbered through all bands `(slots,)`."""
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

    The raster is read twice; the height of its bands does not change the result. Memory holds one band, and two bytes
    for each component in each band. `side_lengths` are the width and height of a pixel, as integers in any unit.
    """
    decisions = _decide(read(), columns, side_lengths)
    for band, decision in zip(read(), decisions, strict=True):
        labels = np.empty(band.values.shape, np.int32)
        label(band.values, labels)
        yield np.append(decision, np.uint16(NODATA))[labels]


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
        regions, own = _add_band(regions, band, offsets[-1], side_lengths)
        decisions.append(own)
        offsets.append(offsets[-1] + len(own))
        continues = np.zeros(len(regions.value), np.bool_)
        if not band.last:
            continues[regions.bottom[regions.bottom >= 0]] = True
        small = regions.area < MIN_AREA
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


def _add_band(
    regions: _Regions, band: MeasuredBand, offset: int, side_lengths: tuple[int, int]
) -> tuple[_Regions, Values]:
    """Merge regions with the components of a band; return them, and the class of each component of the band."""
    framed = np.full((len(band.values) + 1, band.values.shape[1]), -1, np.int32)
    labels = framed[1:]
    known = len(regions.value)
    merged, value = label_below(regions.bottom, regions.value, band.values, labels)
    framed[0] = renumbered(regions.bottom, merged)
    new = merged[known:]
    area = _areas(labels, band.pixel_area, len(value))
    np.add.at(area, merged[:known], regions.area)
    area = np.minimum(area, MIN_AREA)
    small = area < MIN_AREA
    new_pairs, new_length = _borders(framed, small, *side_lengths)
    both = np.concatenate([merged[regions.pairs], new_pairs])
    keys, length = _totals(both[:, 0].astype(np.int64) << 32 | both[:, 1], np.concatenate([regions.length, new_length]))
    pairs = np.column_stack([keys >> 32, keys & 0xFFFFFFFF]).astype(np.int32)
    needed = small[pairs].any(axis=1)
    slot = np.concatenate([regions.slot, offset + np.arange(len(new))])
    slot_region = np.concatenate([merged[regions.slot_region], new])
    undecided = small[slot_region]
    return _Regions(
        value=value,
        area=area,
        pairs=pairs[needed],
        length=length[needed],
        slot=slot[undecided],
        slot_region=slot_region[undecided],
        bottom=framed[-1].copy(),
    ), value[new]


@compiled
def _areas(labels: Labels, pixel_area: Ids, count: int) -> Ids:
    area = np.zeros(count, np.int64)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            if labels[y, x] >= 0:
                area[labels[y, x]] = min(area[labels[y, x]] + pixel_area[y], MIN_AREA)
    return area


@compiled
def _borders(framed: Labels, small: Flags, along: int, down: int) -> tuple[Labels, Ids]:
    """List the pixel sides between two regions, at least one of them small: pairs `(sides, 2)` and lengths `(sides,)`.

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


def _clusters(regions: _Regions, small: Flags) -> Labels:
    """Number the connected groups of small regions `(regions,)`."""
    return connect(regions.pairs[small[regions.pairs].all(axis=1)], len(regions.value))[1]


def _assign(regions: _Regions, ready: Flags, cluster: Labels) -> Values:
    """Return the classes `(regions,)` once the ready regions have taken those of their neighbours."""
    value = regions.value.copy()
    settled = regions.area >= MIN_AREA
    todo = ready.copy()
    one, other = np.concatenate([regions.pairs, regions.pairs[:, ::-1]]).T
    length = np.concatenate([regions.length, regions.length])
    while (reached := todo[one] & settled[other]).any():
        taking, taken = _main_classes(one[reached], value[other[reached]], length[reached])
        value[taking] = taken
        settled[taking], todo[taking] = True, False
    # Groups without a large region take one class, or nodata.
    islands, area = cluster[todo], regions.area[todo]
    groups, covering = _main_classes(islands, value[todo], area)
    _, total = _totals(islands, area)
    value[todo] = np.where(total >= MIN_AREA, covering, NODATA)[np.searchsorted(groups, islands)]
    return value


def _main_classes(keys: Labels, classes: Values, amounts: Ids) -> tuple[Ids, Ids]:
    """Return each key once, ascending, with the class of the largest total amount, the lowest of equals."""
    pairs, total = _totals(keys.astype(np.int64) * (NODATA + 1) + classes, amounts)
    key, value = np.divmod(pairs, NODATA + 1)
    order = np.lexsort((value, -total, key))
    found, first = np.unique(key[order], return_index=True)
    return found, value[order][first]


def _totals(keys: Labels | Ids, amounts: Ids) -> tuple[Ids, Ids]:
    """Return each key once, ascending, with the sum of its amounts."""
    found, which = np.unique(keys.astype(np.int64), return_inverse=True)
    total = np.zeros(len(found), np.int64)
    np.add.at(total, which, amounts)
    return found, total


def _still_needed(regions: _Regions, undecided: Flags, continues: Flags) -> _Regions:
    """Drop the regions no longer needed and renumber the others."""
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
