"""Formats, archives and mosaics that GDAL opens give the map of the same pixels in a GeoTIFF."""

import json
import os
import tarfile
import zipfile

import geopandas
import h5py
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
from rasterio.crs import CRS
from scipy.io import netcdf_file
from standins import warned

import geoseg
from geoseg.errors import SceneError
from geoseg.models.legend import NODATA
from geoseg.rasters.opening.open import unplaced
from geoseg.rasters.scene import open_scene
from geoseg.rasters.sources.identity import check_unchanged

HEIGHT, WIDTH = 90, 70
GUESSED = "are taken as red, green, blue"
LOSSLESS = {"QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}


@pytest.fixture
def scene(write_scene, noise):
    """Path of a GeoTIFF."""
    return write_scene(noise(HEIGHT, WIDTH))


@pytest.fixture
def mapped(write_bundle, echo, tmp_path):
    """Predict a scene; returns pixels, geotransform and CRS of its class raster, which has a name of its own."""
    model = write_bundle()

    def run(source, name):
        made = geoseg.predict(source, model=model, folder=tmp_path / "maps", load=echo, roads=False, overwrite=True)
        assert made.outputs.classes.name == f"{name}_classes.tif"
        with rasterio.open(made.outputs.classes) as raster:
            return raster.read(1).tolist(), raster.transform, raster.crs

    return run


def needs(driver):
    """Skip a test by the name of the driver that this build of GDAL lacks."""
    with rasterio.Env() as env:
        if driver not in env.drivers():
            pytest.skip(f"GDAL is built without {driver}")


@pytest.mark.parametrize(
    ("driver", "name", "options", "says"),
    [
        ("JP2OpenJPEG", "copy.jp2", LOSSLESS, []),
        ("HFA", "copy.img", {}, [GUESSED]),
        ("ENVI", "copy.dat", {}, []),
        ("ENVI", "copy.bip", {"INTERLEAVE": "BIP"}, []),
        ("GPKG", "copy.gpkg", {"TILE_FORMAT": "PNG"}, []),
    ],
)
def test_formats(scene, mapped, tmp_path, driver, name, options, says):
    """A lossless copy in another format is mapped alike; a warning says if its bands have no names."""
    needs(driver)
    rasterio.shutil.copy(scene, tmp_path / name, driver=driver, **options)
    with warned(*says):
        assert mapped(tmp_path / name, "copy") == mapped(scene, "scene")


def test_mbtiles(write_scene, noise, mapped, tmp_path):
    """Tiles in Web Mercator are mapped on their grid, without what is transparent."""
    needs("MBTiles")
    pixels = noise(HEIGHT, WIDTH, bands=4)
    pixels[3] = np.where(np.arange(WIDTH) < 30, 0, 255)
    place = rasterio.Affine(1.2, 0, 0, 0, -1.2, 99)
    scene = write_scene(pixels, crs="EPSG:3857", transform=place, photometric="rgb", alpha="yes")
    rasterio.shutil.copy(scene, tmp_path / "tiles.mbtiles", driver="MBTiles")
    rasterio.shutil.copy(tmp_path / "tiles.mbtiles", tmp_path / "same.tif", driver="GTiff")
    found = mapped(tmp_path / "tiles.mbtiles", "tiles")
    assert found == mapped(tmp_path / "same.tif", "same")
    assert np.unique(found[0]).tolist() == [0, 1, 2, NODATA]


@pytest.mark.parametrize("source", ["/vsizip/{}/lyon/visual.tif", "zip://{}!lyon/visual.tif"])
def test_zip(scene, mapped, tmp_path, source):
    """A raster in a zip file is mapped without unpacking it, as GDAL or rasterio name it."""
    with zipfile.ZipFile(tmp_path / "scenes.zip", "w") as archive:
        archive.write(scene, "lyon/visual.tif")
    found = mapped(source.format(tmp_path / "scenes.zip"), "visual")
    assert found == mapped(scene, "scene")


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz"])
def test_tar(scene, mapped, tmp_path, ending):
    """A raster in a tar file is mapped without unpacking it."""
    with tarfile.open(tmp_path / f"scenes.{ending}", "w" if ending == "tar" else "w:gz") as archive:
        archive.add(scene, "lyon/visual.tif")
    assert mapped(f"/vsitar/{tmp_path}/scenes.{ending}/lyon/visual.tif", "visual") == mapped(scene, "scene")


@pytest.mark.parametrize(("ending", "prefix"), [("zip", "/vsizip/"), ("tar", "/vsitar/"), ("tar.gz", "/vsitar/")])
def test_archives_themselves(mapped, tmp_path, ending, prefix):
    """An archive is refused with what to write instead."""
    path = tmp_path / f"scenes.{ending}"
    if ending == "zip":
        zipfile.ZipFile(path, "w").close()
    else:
        tarfile.open(path, "w" if ending == "tar" else "w:gz").close()
    with pytest.raises(SceneError) as caught:
        mapped(path, "never")
    assert str(caught.value).endswith(f"name one in the archive: {prefix}{path}/FOLDER/NAME.tif.")


@pytest.fixture
def halves(write_scene, noise):
    """Paths of the left and right half of the scene, and their footprints."""
    pixels, place = noise(HEIGHT, WIDTH), rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
    paths = [
        write_scene(pixels[:, :, :40], "left.tif"),
        write_scene(pixels[:, :, 40:], "right.tif", transform=place @ rasterio.Affine.translation(40, 0)),
    ]
    boxes = []
    for path in paths:
        with rasterio.open(path) as half:
            boxes.append(shapely.box(*half.bounds))
    return paths, boxes


def test_vrt(scene, halves, mapped, tmp_path):
    """A VRT that lists rasters is mapped as one scene."""
    bands = ""
    for band, colour in enumerate(("Red", "Green", "Blue"), 1):
        parts = "".join(
            f'<SimpleSource><SourceFilename relativeToVRT="1">{path.name}</SourceFilename>'
            f"<SourceBand>{band}</SourceBand><SrcRect xOff='0' yOff='0' xSize='{width}' ySize='{HEIGHT}'/>"
            f"<DstRect xOff='{left}' yOff='0' xSize='{width}' ySize='{HEIGHT}'/></SimpleSource>"
            for path, left, width in zip(halves[0], (0, 40), (40, 30), strict=True)
        )
        bands += (
            f'<VRTRasterBand dataType="Byte" band="{band}"><ColorInterp>{colour}</ColorInterp>{parts}</VRTRasterBand>'
        )
    (tmp_path / "mosaic.vrt").write_text(
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000, 1, 0, 5400000, 0, -1</GeoTransform>{bands}</VRTDataset>"
    )
    assert mapped(tmp_path / "mosaic.vrt", "mosaic") == mapped(scene, "scene")


@pytest.mark.parametrize("source", ["{}/index.gti.gpkg", "GTI:{}/index.gti.gpkg"])
def test_gti(scene, halves, mapped, tmp_path, source, monkeypatch):
    """A GDAL tile index is mapped as one scene, if its folder is trusted."""
    needs("GTI")
    monkeypatch.setenv("GEOSEG_TRUSTED_FOLDERS", str(tmp_path))
    paths, boxes = halves
    index = geopandas.GeoDataFrame({"location": list(map(str, paths))}, geometry=boxes, crs="EPSG:32633")
    index.to_file(tmp_path / "index.gti.gpkg")
    assert mapped(source.format(tmp_path), "index.gti") == mapped(scene, "scene")


@pytest.mark.parametrize("source", ["{}/items.json", 'STACIT:"{}/items.json":asset=visual'])
def test_stacit(scene, halves, mapped, tmp_path, source, monkeypatch):
    """A STAC collection that GDAL opens is mapped as one scene, if its folder is trusted."""
    needs("STACIT")
    monkeypatch.setenv("GEOSEG_TRUSTED_FOLDERS", str(tmp_path))
    items = []
    for path, box in zip(*halves, strict=True):
        west, south, east, north = box.bounds
        asset = {
            "href": str(path),
            "proj:transform": [1, 0, west, 0, -1, north],
            "proj:shape": [int(north - south), int(east - west)],
        }
        items.append(
            {
                "type": "Feature",
                "stac_version": "1.0.0",
                "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
                "id": path.stem,
                "geometry": None,
                "bbox": [15, 48, 15.1, 49],
                "properties": {"datetime": "2020-01-01T00:00:00Z", "proj:epsg": 32633},
                "links": [],
                "assets": {"visual": asset},
            }
        )
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    assert mapped(source.format(tmp_path), "items") == mapped(scene, "scene")


def write_netcdf(path, pixels, names):
    """Write variables `(band, y, x)` with a grid as the CF conventions describe it."""
    with netcdf_file(path, "w") as file:
        for name, size in zip(("band", "y", "x"), pixels.shape, strict=True):
            file.createDimension(name, size)
        for name, values in (("y", 5_399_999.5 - np.arange(HEIGHT)), ("x", 500_000.5 + np.arange(WIDTH))):
            axis = file.createVariable(name, "d", (name,))
            axis[:], axis.standard_name, axis.units = values, f"projection_{name}_coordinate", "m"
        grid = file.createVariable("crs", "i", ())
        grid.spatial_ref, grid.grid_mapping_name = CRS.from_epsg(32633).to_wkt(), "transverse_mercator"
        for name in names:
            variable = file.createVariable(name, "h", ("band", "y", "x"))
            variable[:], variable.grid_mapping = pixels, "crs"


@pytest.mark.filterwarnings("ignore::geoseg.errors.GeosegWarning")  # of the stretch
@pytest.mark.parametrize("source", ["{}", 'NETCDF:"{}":rgb', "NETCDF:{}:rgb"])
def test_netcdf(write_scene, noise, mapped, tmp_path, source):
    """A netCDF variable of three bands is mapped, as a file of its own or by its name."""
    needs("netCDF")
    pixels = noise(HEIGHT, WIDTH).astype(np.int16)
    path = tmp_path / "cube.nc"
    write_netcdf(path, pixels, ["rgb"] if source == "{}" else ["rgb", "other"])
    found = mapped(source.format(path), "cube")
    pixels_of, transform, crs = mapped(write_scene(pixels), "scene")
    assert (found[0], found[1]) == (pixels_of, transform)
    assert found[2].to_epsg() == crs.to_epsg()


def test_several_netcdf_variables(noise, mapped, tmp_path):
    """A netCDF file of several variables is refused with the name of one."""
    needs("netCDF")
    path = tmp_path / "cube.nc"
    write_netcdf(path, noise(HEIGHT, WIDTH).astype(np.int16), ["rgb", "other"])
    with pytest.raises(SceneError, match=r"name one of its 2 subdatasets, such as netcdf:.*cube\.nc:rgb\.$"):
        mapped(path, "never")


def test_hdf5(noise, mapped, tmp_path):
    """A plain HDF5 array has no georeference, which the sentence says with the way out."""
    needs("HDF5")
    path = tmp_path / "cube.h5"
    with h5py.File(path, "w") as file:
        file["rgb"] = file["other"] = noise(HEIGHT, WIDTH)
    with pytest.raises(SceneError, match=r"name one of its 2 subdatasets, such as HDF5:"):
        mapped(path, "never")
    with unplaced(), pytest.raises(SceneError, match=r"has no georeference, .* assign both"):
        mapped(f'HDF5:"{path}"://rgb', "never")


def test_untrusted_index(scene, mapped, tmp_path):
    """A GDAL tile index in a folder that is not trusted is refused with the remedy."""
    needs("GTI")
    index = geopandas.GeoDataFrame(
        {"location": [str(scene)]}, geometry=[shapely.box(500_000, 5_399_910, 500_070, 5_400_000)], crs="EPSG:32633"
    )
    index.to_file(tmp_path / "index.gti.gpkg")
    with pytest.raises(SceneError, match=r"is a GTI file, .* add its folder to .* GEOSEG_TRUSTED_FOLDERS"):
        mapped(tmp_path / "index.gti.gpkg", "never")


@pytest.mark.parametrize("source", ['NETCDF:"{}/cube.nc":rgb', "{}/above.vrt", "GTI:{}/index.gti.gpkg"])
def test_replaced(scene, noise, tmp_path, source, monkeypatch):
    """A file that is named with its driver is noticed when it is replaced, also behind a VRT."""
    needs("netCDF")
    needs("GTI")
    monkeypatch.setenv("GEOSEG_TRUSTED_FOLDERS", str(tmp_path))
    write_netcdf(tmp_path / "cube.nc", noise(HEIGHT, WIDTH).astype(np.int16), ["rgb", "other"])
    rasterio.shutil.copy(f"NETCDF:{tmp_path}/cube.nc:rgb", tmp_path / "above.vrt", driver="VRT")
    index = geopandas.GeoDataFrame(
        {"location": [str(scene)]}, geometry=[shapely.box(500_000, 5_399_910, 500_070, 5_400_000)], crs="EPSG:32633"
    )
    index.to_file(tmp_path / "index.gti.gpkg")
    source = source.format(tmp_path)
    before = open_scene(source).identity
    assert open_scene(source).identity == before
    for name in ("cube.nc", "index.gti.gpkg"):
        os.utime(tmp_path / name, (0, 0))
    with pytest.raises(SceneError, match="has changed since the run began"):
        check_unchanged(source, before)
