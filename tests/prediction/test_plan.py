"""Plans cost nothing that grows with the scene."""

import tracemalloc

import pytest

from geoseg.prediction.info import describe

SIDE = 2**31 - 1
"""Most pixels along a side that GDAL knows."""


@pytest.fixture
def endless(tmp_path):
    """A VRT of a few hundred bytes that declares 4 × 10¹⁸ pixels and has none."""
    path = tmp_path / "endless.vrt"
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{number}"><NoDataValue>0</NoDataValue>'
        f"<ColorInterp>{colour}</ColorInterp></VRTRasterBand>"
        for number, colour in enumerate(("Red", "Green", "Blue"), 1)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000, 0.0005, 0, 5400000, 0, -0.0005</GeoTransform>{bands}</VRTDataset>"
    )
    return path


@pytest.mark.parametrize("gsd_m", [0.0005, 0.1])
def test_a_scene_of_any_size_is_described_at_once(endless, write_bundle, gsd_m):
    """Neither the pixels nor the tiles of a scene are listed, whole or in part."""
    for options in ({"memory": 10**15}, {"aoi": (15.001, 48.7515, 15.0012, 48.7516), "match_input": True}):
        tracemalloc.start()
        found = describe(endless, model=write_bundle(), gsd_m=gsd_m, devices="cpu", **options)
        assert tracemalloc.get_traced_memory()[1] < 5e7
        tracemalloc.stop()
        assert found["grid_size"][0] == pytest.approx(SIDE * 0.0005 / gsd_m, rel=1e-2)
        width, height = found["output_size"]
        assert found["tiles"] == pytest.approx((width / 48 + 1) * (height / 48 + 1), rel=0.3)
