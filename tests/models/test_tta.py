import numpy as np
import pytest

from geoseg.models.engine import ORIENTATIONS, oriented


@pytest.fixture
def tiles():
    """Two tiles of whole numbers without any symmetry."""
    return np.arange(2 * 6 * 6 * 3, dtype=np.float32).reshape(2, 6, 6, 3)


def shifted(tiles):
    """A network that looks to its right: it commutes with no orientation but the first."""
    return np.roll(tiles, 1, axis=2)[..., :2] * np.float32(2)


@pytest.mark.parametrize("tta", ORIENTATIONS)
def test_orientations_are_undone(tiles, tta):
    """A network that echoes its input gives the same with and without augmentation, to the bit."""
    np.testing.assert_array_equal(oriented(tta, tiles, lambda turned: turned), tiles)


@pytest.mark.parametrize("tta", ORIENTATIONS)
def test_orientations_are_distinct(tiles, tta):
    """A kind of augmentation shows the network each of its 1, 4 or 8 orientations once."""
    seen = []

    def score(turned):
        seen.append(turned.tobytes())
        return turned

    oriented(tta, tiles, score)
    assert len(set(seen)) == len(seen) == {"none": 1, "flips": 4, "d4": 8}[tta]


def test_flips_are_mirror_images(tiles):
    """Flips are the four mirror images, left and right or top and bottom: the mean agrees with a loop by hand."""
    axes = [(), (1,), (2,), (1, 2)]
    by_hand = sum(np.flip(shifted(np.flip(tiles, axis)), axis) for axis in axes) / 4
    np.testing.assert_array_equal(oriented("flips", tiles, shifted), by_hand)


def test_d4_is_the_symmetry_of_the_square(tiles):
    """D4 is the flips of the tile and of its transpose: the mean agrees with a loop by hand."""
    axes = [(), (1,), (2,), (1, 2)]
    upright = sum(np.flip(shifted(np.flip(tiles, axis)), axis) for axis in axes)
    across = tiles.transpose(0, 2, 1, 3)
    transposed = sum(np.flip(shifted(np.flip(across, axis)), axis) for axis in axes).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(oriented("d4", tiles, shifted), (upright + transposed) / 8)
    assert not np.array_equal(oriented("d4", tiles, shifted), shifted(tiles))


def test_scores_stay_float32(tiles):
    """The mean does not widen the scores."""
    assert oriented("d4", tiles, shifted).dtype == np.float32
