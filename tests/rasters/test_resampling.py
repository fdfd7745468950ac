import cv2
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.transform import Affine

from geoseg.rasters.resampling import Resampler
from geoseg.tiling import nearest_exact


def gdal(image, shape, resampling):
    """GDAL's read of the whole image at another size."""
    profile = {"driver": "GTiff", "height": image.shape[0], "width": image.shape[1], "count": 1, "dtype": image.dtype}
    profile["transform"] = Affine(1, 0, 0, 0, -2, 0)
    with rasterio.MemoryFile() as file:
        with file.open(**profile) as written:
            written.write(image, 1)
        with file.open() as scene:
            return scene.read(1, out_shape=shape, resampling=resampling)


def whole(shape):
    return slice(0, shape[0]), slice(0, shape[1])


def lanczos(image, shape, valid=None, nodata=None):
    resampler = Resampler(source_shape=image.shape, target_shape=shape)
    valid = np.ones(image.shape, bool) if valid is None else valid
    return resampler.lanczos(image, valid, whole(shape), nodata=nodata)


sides = st.integers(1, 60)
shapes = st.tuples(sides, sides)


@st.composite
def images(draw, dtypes=(np.uint8, np.uint16, np.int16, np.float32)):
    dtype, shape = draw(st.sampled_from(dtypes)), draw(shapes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return (rng.random(shape) * 255).astype(dtype)


@given(st.data(), images(), shapes, st.booleans())
def test_blocks_join_to_the_whole(data, image, shape, masked):
    """Any division into blocks, each read from its own source window, gives the bits of the whole, masked or not."""
    resampler = Resampler(source_shape=image.shape, target_shape=shape)
    valid = np.random.default_rng(0).random(image.shape) < (0.8 if masked else 2)
    expected = resampler.lanczos(image, valid, whole(shape))
    height, width = data.draw(st.integers(9, 60)), data.draw(st.integers(9, 60))
    for top in range(0, shape[0], height):
        for left in range(0, shape[1], width):
            block = slice(top, min(top + height, shape[0])), slice(left, min(left + width, shape[1]))
            window = resampler.source(block)
            found = resampler.lanczos(image[window], valid[window], block)
            np.testing.assert_array_equal(found, expected[block])
            np.testing.assert_array_equal(
                resampler.nearest(image[window], block), resampler.nearest(image, whole(shape))[block]
            )


@given(images((np.uint8, np.uint16, np.float32)), shapes)
def test_lanczos_is_gdals(image, shape):
    """Lanczos is that of GDAL's whole-scene read, enlarging and reducing.

    Difference: integers may differ by one where the filtered value lies within float32 rounding of a half, because
    GDAL sums in another order; floats differ by that rounding alone.
    """
    found, expected = lanczos(image, shape), gdal(image, shape, Resampling.lanczos)
    if image.dtype == np.float32:
        np.testing.assert_allclose(found, expected, atol=1e-3)
    else:
        difference = np.abs(found.astype(int) - expected)
        assert difference.max() <= 1
        assert (difference > 0).sum() <= 2 + 0.002 * difference.size


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_lanczos_enlarging_follows_opencv(factor):
    """Enlarging agrees with OpenCV's INTER_LANCZOS4 on a smooth scene away from its border.

    Differences: OpenCV's kernel has four lobes, not three, and repeats the border pixel, where ours is cut off and
    rescaled.
    """
    y, x = np.mgrid[:48, :64].astype(np.float32)
    image = 100 + 50 * np.sin(x / 5) * np.cos(y / 7)
    shape = 48 * factor, 64 * factor
    expected = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LANCZOS4)
    inside = (slice(5 * factor, -5 * factor),) * 2
    np.testing.assert_allclose(lanczos(image, shape)[inside], expected[inside], atol=0.6)


def test_lanczos_reducing_does_not_alias_where_opencv_does():
    """Stripes finer than the target's pixels fade to their mean; OpenCV's INTER_LANCZOS4 aliases.

    Difference: OpenCV's kernel stays eight source pixels wide however much it reduces.
    """
    image = np.tile(np.array([0, 0, 255], np.uint8), (60, 40))
    shape = 20, 39
    ours = lanczos(image, shape)[:, 3:-3].astype(float)
    theirs = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LANCZOS4)[:, 3:-3].astype(float)
    assert np.abs(ours - 85).max() <= 3
    assert np.abs(theirs - 85).max() > 50


@given(shapes, shapes)
def test_nearest_is_gdals(source_shape, target_shape):
    """Nearest-exact equals GDAL's nearest-neighbour read of the whole scene, at any ratio."""
    image = np.arange(source_shape[0] * source_shape[1], dtype=np.uint16).reshape(source_shape)
    resampler = Resampler(source_shape=source_shape, target_shape=target_shape)
    found = resampler.nearest(image, whole(target_shape))
    np.testing.assert_array_equal(found, gdal(image, target_shape, Resampling.nearest))


@given(st.integers(1, 300), st.integers(1, 300))
def test_nearest_is_opencvs_away_from_ties(n_out, n_in):
    """Nearest-exact equals OpenCV's INTER_NEAREST_EXACT except at ties.

    Difference: OpenCV steps from the first pixel's centre with a ratio rounded to 1/65536 of a pixel, so centres on the
    border of two source pixels, or within that error of it, may go to either.
    """
    image = np.arange(n_in, dtype=np.float32)[None]
    theirs = cv2.resize(image, (n_out, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0].astype(int)
    ours = nearest_exact(n_out, n_in)
    centre = (np.arange(n_out) + 0.5) * n_in / n_out
    tie = np.abs(centre - np.rint(centre)) <= (n_out + 1) / 65536
    np.testing.assert_array_equal(ours[~tie], theirs[~tie])
    assert np.abs(ours - theirs).max() <= 1


@given(st.data(), images((np.uint8, np.float32)), shapes, st.sampled_from([0, 255]))
def test_masked_pixels_do_not_bleed(data, image, shape, other):
    """Values of masked pixels do not influence valid ones."""
    valid = np.random.default_rng(data.draw(st.integers(0, 99))).random(image.shape) < 0.7
    kept = Resampler(source_shape=image.shape, target_shape=shape).nearest(valid, whole(shape))
    changed = np.where(valid, image, other).astype(image.dtype)
    np.testing.assert_array_equal(lanczos(image, shape, valid)[kept], lanczos(changed, shape, valid)[kept])


@given(images((np.float32,)), shapes)
def test_a_constant_stays_constant_beside_masked_pixels(image, shape):
    """Weights of masked pixels are shared among the others: a constant stays constant at the edge of the mask."""
    valid = image < 128
    resampled = lanczos(np.where(valid, np.float32(90), np.float32(-9999)), shape, valid)
    kept = Resampler(source_shape=image.shape, target_shape=shape).nearest(valid, whole(shape))
    np.testing.assert_allclose(resampled[kept], 90, rtol=1e-4)
    assert (resampled[~kept] == -9999).all()


def test_scattered_valid_pixels_are_not_amplified():
    """Few valid pixels under the kernel, on lobes of both signs, are not amplified."""
    rng = np.random.default_rng(0)
    image = rng.integers(100, 111, (200, 200)).astype(np.float32)
    for share in (0.02, 0.05, 0.1, 0.3):
        valid = rng.random(image.shape) < share
        for shape in ((31, 47), (90, 70), (333, 287)):
            kept = Resampler(source_shape=image.shape, target_shape=shape).nearest(valid, whole(shape))
            resampled = lanczos(image, shape, valid)[kept]
            assert resampled.min() >= 50
            assert resampled.max() <= 160


def test_not_a_number_stays_where_it_is():
    """NaN and infinity are treated as masked, although no nodata value declares them."""
    image = np.full((9, 9), 7, np.float32)
    image[4, 4], image[0, 8] = np.nan, np.inf
    resampled = lanczos(image, (27, 27))
    assert np.isnan(resampled[12:15, 12:15]).all()
    assert np.isposinf(resampled[:3, -3:]).all()
    assert np.isfinite(resampled).sum() == 27 * 27 - 18
    np.testing.assert_allclose(resampled[np.isfinite(resampled)], 7, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32])
def test_overshoot_is_clipped(dtype):
    """Ringing at an edge between a data type's extremes is clipped, not wrapped."""
    info = np.iinfo(dtype)
    image = np.full((10, 20), info.min, dtype)
    image[:, 10:] = info.max
    resampled = lanczos(image, (20, 40))
    assert (resampled[:, :18] < 0.1 * info.max + 0.9 * info.min).all()
    assert (resampled[:, 22:] > 0.9 * info.max + 0.1 * info.min).all()


@pytest.mark.parametrize(("nodata", "dtype", "beside"), [(0, np.uint8, 1), (255, np.uint8, 254), (-5, np.int16, -4)])
def test_a_valid_pixel_never_becomes_nodata(nodata, dtype, beside):
    """A filtered value that equals nodata moves to the next value."""
    image = np.full((6, 6), nodata, dtype)
    assert (lanczos(image, (12, 12), np.ones((6, 6), bool), nodata=nodata) == beside).all()


def test_a_valid_real_number_never_becomes_nodata():
    """A filtered float that equals nodata moves to the next float."""
    found = lanczos(np.zeros((6, 6), np.float32), (12, 12), np.ones((6, 6), bool), nodata=0.0)
    assert ((found > 0) & (found < 1e-40)).all()
