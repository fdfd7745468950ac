import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.measure import label as skimage_label

from geoseg.polygons.components import NODATA
from geoseg.polygons.sieve import MIN_AREA, MeasuredBand, sieve

RASTERS = arrays(
    np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=10), elements=st.sampled_from([0, 1, 2, NODATA])
)
SIDES = (3, 2)  # lengths of a pixel's lower and left side


def sieved(values, least, rows):
    """Sieve a raster in bands, with a minimum of `least` pixels."""

    def read():
        for top in range(0, len(values), rows):
            band = values[top : top + rows]
            pixel_area = np.full(len(band), -(-MIN_AREA // least))
            yield MeasuredBand(values=band, pixel_area=pixel_area, last=top + rows >= len(values))

    return np.concatenate(list(sieve(read, values.shape[1], SIDES)))


def components(values):
    return skimage_label(np.where(values == NODATA, -1, values.astype(int)), background=-1, connectivity=1)


def one_by_one(values, least):
    """Sieve a whole raster region by region, as the docstring of `sieve` says."""
    labels = components(values)
    numbers = range(1, labels.max() + 1)
    area = {number: int((labels == number).sum()) for number in numbers}
    value = {number: int(values[labels == number][0]) for number in numbers}
    border = {number: {} for number in numbers}
    for here, there, length in (
        (labels[1:], labels[:-1], SIDES[0]),
        (labels[:, 1:], labels[:, :-1], SIDES[1]),
    ):
        for one, other in zip(here.ravel().tolist(), there.ravel().tolist(), strict=True):
            if one and other and one != other:
                border[one][other] = border[one].get(other, 0) + length
                border[other][one] = border[other].get(one, 0) + length
    settled = {number for number in numbers if area[number] >= least}
    todo = set(numbers) - settled
    while True:
        taken = {}
        for number in todo:
            total = {}
            for other, length in border[number].items():
                if other in settled:
                    total[value[other]] = total.get(value[other], 0) + length
            if total:
                taken[number] = min(total, key=lambda each, total=total: (-total[each], each))
        if not taken:
            break
        value |= taken
        settled |= taken.keys()
        todo -= taken.keys()
    while todo:
        group, waiting = set(), {todo.pop()}
        while waiting:
            number = waiting.pop()
            group.add(number)
            waiting |= border[number].keys() & todo
            todo -= border[number].keys()
        total = {}
        for number in group:
            total[value[number]] = total.get(value[number], 0) + area[number]
        covering = min(total, key=lambda each, total=total: (-total[each], each))
        value |= dict.fromkeys(group, covering if sum(total.values()) >= least else NODATA)
    return np.array([NODATA, *value.values()], np.uint16)[labels]


@given(RASTERS, st.integers(1, 8), st.integers(1, 10))
@settings(deadline=None, max_examples=300)
def test_bands_give_the_sieve_of_the_whole(values, least, rows):
    """At any band height, the result equals the rule applied to the whole raster."""
    np.testing.assert_array_equal(sieved(values, least, rows), one_by_one(values, least))


@given(RASTERS, st.integers(1, 8))
@settings(deadline=None)
def test_no_component_is_too_small(values, least):
    """All components are large enough, large ones keep their pixels, and a second pass changes nothing."""
    after = sieved(values, least, 4)
    assert (np.bincount(components(after).ravel())[1:] >= least).all()
    before = components(values)
    large = np.bincount(before.ravel()) >= least
    large[0] = False
    np.testing.assert_array_equal(after[large[before]], values[large[before]])
    np.testing.assert_array_equal(sieved(after, least, 4), after)


@pytest.mark.parametrize("rows", [1, 5, 64])
def test_speck_goes_to_the_longest_border(rows):
    """A small component joins the neighbour with the longer shared border."""
    values = np.zeros((8, 8), np.uint16)
    values[:, 4:] = 1
    values[3:5, 3] = 2
    values[0, 7] = NODATA
    expected = np.where(values == 2, 0, values)
    np.testing.assert_array_equal(sieved(values, 3, rows), expected)


def test_islands_in_no_data():
    """A group of small components takes the class that covers most of it, or nodata if the whole group is too small."""
    values = np.full((4, 9), NODATA, np.uint16)
    values[0, :4] = [0, 1, 1, 2]
    values[3, 7:] = [0, 1]
    after = sieved(values, 4, 2)
    assert after[0].tolist() == [1, 1, 1, 1] + [NODATA] * 5
    assert (after[1:] == NODATA).all()
