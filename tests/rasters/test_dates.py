"""When a raster was taken, as its tags say."""

import pytest
import rasterio

from geoseg.rasters.dates import dates_of


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024:05:01 10:20:30", "2024-05-01T10:20:30Z"),
        ("2024:05:01T10:20:30", "2024-05-01T10:20:30Z"),
        ("2024:05:01 10:20:30+02:00", "2024-05-01T08:20:30Z"),
        ("2024-05-01 10:20:30", "2024-05-01T10:20:30Z"),
        ("2024-05-01T10:20:30Z", "2024-05-01T10:20:30Z"),
        ("2024-05-01T10:20:30+02:00", "2024-05-01T08:20:30Z"),
        ("2024:05:01", "2024-05-01T00:00:00Z"),
        ("2024:13:01 10:20:30", None),
        ("in May", None),
    ],
)
def test_date_of_a_tiff(write_scene, noise, text, moment):
    """The date of a TIFF is read as the standard has it, and as programs write it in ISO 8601; others are none."""
    path = write_scene(noise(8, 8))
    with rasterio.open(path, "r+") as raster:
        raster.update_tags(TIFFTAG_DATETIME=text)
    with rasterio.open(path) as raster:
        found = dates_of(raster)
    assert (None if found is None else found.moment) == moment
