"""Reads that GDAL fails to do without a word are noticed."""

import numpy as np
import pytest
import rasterio

from geoseg.errors import SceneError
from geoseg.rasters.opening.open import opened


@pytest.fixture
def write_vrt(write_scene, noise, tmp_path):
    """Write a VRT whose band 2 is computed by a pixel function from so many sources."""
    write_scene(noise(40, 50))

    def source(band):
        return (
            f'<SimpleSource><SourceFilename relativeToVRT="1">scene.tif</SourceFilename><SourceBand>{band}</SourceBand>'
            "</SimpleSource>"
        )

    def write(function, sources, name="computed.vrt"):
        path = tmp_path / name
        path.write_text(
            '<VRTDataset rasterXSize="50" rasterYSize="40"><SRS>EPSG:32633</SRS><GeoTransform>5e5, 1, 0, 5.4e6, 0, -1'
            f'</GeoTransform><VRTRasterBand dataType="Byte" band="1">{source(1)}</VRTRasterBand>'
            f'<VRTRasterBand dataType="Byte" band="2" subClass="VRTDerivedRasterBand">'
            f"<PixelFunctionType>{function}</PixelFunctionType>{''.join(map(source, range(1, sources + 1)))}"
            "</VRTRasterBand></VRTDataset>"
        )
        return path

    return write


@pytest.mark.parametrize(("function", "sources"), [("diff", 1), ("diff", 3), ("cmul", 1)])
def test_bands_that_are_not_computed(write_vrt, tmp_path, function, sources):
    """A pixel function with the wrong number of sources fails in silence: its band would be black, or random."""
    computed = write_vrt(function, sources)
    outer = tmp_path / "outer.vrt"
    outer.write_text(
        '<VRTDataset rasterXSize="50" rasterYSize="40"><SRS>EPSG:32633</SRS><GeoTransform>5e5, 1, 0, 5.4e6, 0, -1'
        '</GeoTransform><VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">'
        f"{computed.name}</SourceFilename><SourceBand>2</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    for path in (computed, outer):
        with (
            pytest.raises(SceneError, match=r"computed\.vrt has a band that GDAL cannot compute, 2: check"),
            opened(str(path), overviews=True),
        ):
            pass


def test_bands_that_are_computed(write_vrt):
    """With the right number, a band is the function of its sources."""
    path = write_vrt("diff", 2)
    with rasterio.open(path.with_name("scene.tif")) as scene:
        one, other = scene.read((1, 2)).astype(int)
    with opened(str(path), overviews=True) as computed:
        np.testing.assert_array_equal(computed.read(2), np.maximum(one - other, 0))
