"""CRS and ground sample distances of rasters."""

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from pyproj import CRS, Geod, Transformer
from rasterio import Affine

from geoseg.errors import SceneError
from geoseg.rasters.ground import Geodesy, checked_gsd, crs_of, ground_area, ground_steps, place
from geoseg.rasters.opening.open import opened


def test_lengths_are_geodesic():
    """Steps between points are as long as pyproj's geodesics, in whatever unit the CRS counts."""
    points = np.array([[980_000, 200_000], [980_100, 200_050], [981_000, 199_000]], np.float64)
    geodesy = Geodesy(crs=crs_of(GeoBox((1, 1), Affine.identity(), "EPSG:2263")))
    lon, lat = geodesy.lonlat(*points.T)
    expected = Geod(ellps="GRS80").line_lengths(lon, lat)[: len(points) - 1]
    np.testing.assert_allclose(geodesy.step_lengths(points), expected)


def test_lengths_with_a_rotated_pole():
    """Degrees about a rotated pole, as of weather models, are no latitudes: lengths are those between true ones."""
    rotated = CRS("+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 +datum=WGS84")
    lon, lat = [12, 12.001, 12.001], [50, 50, 50.001]
    points = np.column_stack(Transformer.from_crs("OGC:CRS84", rotated, always_xy=True).transform(lon, lat))
    expected = Geod(ellps="WGS84").line_lengths(lon, lat)[:2]
    np.testing.assert_allclose(Geodesy(crs=rotated).step_lengths(points), expected, rtol=1e-6)


def test_points_are_transformed():
    """A transform takes points as it takes each of them."""
    transform, points = Affine(2, 0.5, 10, 0.25, -2, 20), np.array([[0, 0], [3, 4], [-1, 7]])
    np.testing.assert_array_equal(place(transform, points), [transform @ point for point in points.tolist()])


def test_steps_anywhere():
    """Steps of a turned grid in degrees have the lengths of pyproj's geodesics and the area of a pixel; else NaN."""
    geobox = GeoBox((40, 20), Affine(1e-5, 0, 15, 0, -1e-5, 60) @ Affine.rotation(30), "EPSG:4326")
    points = np.array([[10.0, 20.0], [3.0, 7.0]])
    steps = ground_steps(geobox, points)
    for k, offset in enumerate([(0, 1), (1, 0)]):
        here, there = place(geobox.transform, points), place(geobox.transform, points + np.array(offset))
        expected = Geod(ellps="WGS84").inv(*here.T, *there.T)[2]
        np.testing.assert_allclose(np.hypot(*steps[:, k].T), expected)
    assert abs(np.linalg.det(steps[0])) == pytest.approx(ground_area(geobox))
    partly = GeoBox((10, 10), Affine(1, 0, 5e5, 0, -1, 5e6), "EPSG:32633")
    assert np.isnan(ground_steps(partly, np.array([[0.0, 0.0], [1e9, 0.0]]))).all(axis=(1, 2)).tolist() == [False, True]


def test_gsd_of_a_raster_beyond_its_crs():
    """A raster whose centre is outside the domain of its CRS is refused by name."""
    far = GeoBox((10, 10), Affine(1, 0, 1e9, 0, -1, 1e9), "EPSG:32633")
    with pytest.raises(SceneError, match=r"far\.tif has its centre where its CRS is not defined"):
        checked_gsd("far.tif", far)


def test_degrees_in_a_projected_crs():
    """Longitudes and latitudes with a projected CRS are refused: a map would have a single pixel."""
    degrees = Affine(1e-5, 0, 11.5, 0, -1e-5, 48.1)
    with pytest.raises(SceneError, match=r"has pixels of 1e-05 m in its CRS, .* coordinates as in degrees; assign"):
        checked_gsd("degrees.tif", GeoBox((300, 200), degrees, "EPSG:32633"))
    checked_gsd("metres.tif", GeoBox((300, 200), Affine(1e-5, 0, 5e5, 0, -1e-5, 5e6), "EPSG:32633"))
    checked_gsd("degrees.tif", GeoBox((300, 200), degrees, "EPSG:4326"))


def test_unusable_crs(write_scene, noise):
    """A CRS that PROJ cannot use is refused by name when the raster is opened."""
    path = write_scene(noise(8, 8), crs="+proj=tmerc +lat_0=45 +lon_0=9 +k=0.9 +datum=WGS84")
    # GeoTIFF's key 3075 names the projection: from transverse Mercator to Mercator, which has no latitude of origin.
    before, after = (np.array([3075, 0, 1, code], "<u2").tobytes() for code in (1, 7))
    path.write_bytes(path.read_bytes().replace(before, after))
    with pytest.raises(SceneError, match=r"scene\.tif has a CRS that PROJ cannot use"), opened(str(path)):
        pass
