"""Likely mistakes in labels are reported."""

import warnings

import geopandas
import pytest
import shapely

from geoseg.errors import GeosegWarning


@pytest.mark.parametrize(
    ("shape", "width_m", "reported"),
    [
        (shapely.LineString([(10, 20), (70, 75)]), 0.8, True),
        (shapely.LineString([(10, 20), (70, 75)]), 1.0, False),
        (shapely.box(10, 10, 60, 50), 0.8, False),
    ],
)
def test_lines_narrower_than_pixels(write_raster, coordinates, open_recipe, tmp_path, shape, width_m, reported):
    """Lines that cover some of the pixels that they cross, and not others, are reported."""
    write_raster("image.tif", coordinates(100, 120))
    placed = shapely.transform([shape], lambda points: points * (1, -1) + (500_000, 5_400_000))
    geopandas.GeoSeries(placed, crs="EPSG:32633").to_file(tmp_path / "labels.gpkg")
    values = {"*": "road", "background": "land"}
    entry = {"name": "set", "images": "image.tif", "labels": "labels.gpkg", "coding": "vector", "values": values}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        open_recipe(entry | {"width_m": width_m}).check()
    texts = [str(each.message) for each in caught if "width_m" in str(each.message)]
    assert len(texts) == reported
    assert all("lines of data set set are 0.8 m wide, and its pixels 1 m" in text for text in texts)
