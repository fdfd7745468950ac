import importlib.util
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from pyproj import Geod, Transformer
from rasterio.enums import ColorInterp
from rasterio.transform import rowcol

from geoseg.rendering import CLASS_COLOURS

FOLDER = Path(__file__).parents[2] / "sample_rasters"
NAMES = ["suburb", "desert_city", "coast", "farmland", "satellite_16bit"]
CRS = {"suburb": 26986, "desert_city": 32640, "coast": 3857, "farmland": 4326, "satellite_16bit": 32630}
GSD_M = {"satellite_16bit": 2.0}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def features(name):
    collection = json.loads((FOLDER / f"{name}_roads.geojson").read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    return collection["features"]


def test_files_are_small():
    """Each file stays below 1.5 MB and the folder below 7 MB."""
    sizes = [path.stat().st_size for path in FOLDER.iterdir() if path.is_file()]
    assert max(sizes) < 1.5e6
    assert sum(sizes) < 7e6


def test_style(name):
    """QGIS shows the classes by name, in the colours of the raster."""
    entries = ElementTree.parse(FOLDER / f"{name}_classes.qml").findall(".//paletteEntry")
    named = {int(entry.get("value")): (entry.get("label"), entry.get("color")) for entry in entries}
    with rasterio.open(FOLDER / f"{name}_classes.tif") as classes:
        colours, tags = classes.colormap(1), classes.tags(1)
    assert named == {
        value: (tags[f"class_{value}"], "#{:02x}{:02x}{:02x}".format(*colours[value])) for value in range(5)
    }


def test_georeference(name):
    """Image and classes share one north-up grid in the stated CRS, about a metre (two for the satellite) a pixel."""
    with rasterio.open(FOLDER / f"{name}.tif") as image, rasterio.open(FOLDER / f"{name}_classes.tif") as classes:
        assert image.crs.to_epsg() == classes.crs.to_epsg() == CRS[name]
        assert image.transform == classes.transform
        assert image.shape == classes.shape
        assert image.transform.is_rectilinear
        corners = [image.xy(row, column) for row, column in ((0, 0), (0, 100), (100, 0))]
        degrees = [Transformer.from_crs(image.crs, 4326, always_xy=True).transform(*corner) for corner in corners]
    geod = Geod(ellps="WGS84")
    for place in degrees[1:]:
        metres = geod.inv(*degrees[0], *place)[2]
        assert metres / 100 == pytest.approx(GSD_M.get(name, 1.0), rel=0.01)


def test_bands():
    """RGB samples are uint8; the satellite sample is uint16 within 11 bits, blue first, with infrared last."""
    for name in NAMES[:-1]:
        with rasterio.open(FOLDER / f"{name}.tif") as image:
            assert image.dtypes == ("uint8",) * 3
            assert image.colorinterp[:3] == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    with rasterio.open(FOLDER / "satellite_16bit.tif") as image:
        numbers = image.read()
        assert image.dtypes == ("uint16",) * 4
        assert image.descriptions == ("blue", "green", "red", "near-infrared")
        assert image.colorinterp[:3] == (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    assert 1000 < numbers.max() <= 2047
    assert numbers.min() >= 1
    assert np.median(numbers[3]) > np.median(numbers[0])


def test_masked_collar(name):
    """The coast has an internal mask with a slanted edge, where its classes are nodata. The others have none."""
    with rasterio.open(FOLDER / f"{name}.tif") as image, rasterio.open(FOLDER / f"{name}_classes.tif") as classes:
        valid = image.dataset_mask() > 0
        assert classes.nodata == 255
        assert np.array_equal(classes.read(1) != 255, valid)
    assert not (FOLDER / f"{name}.tif.msk").exists()
    if name == "coast":
        assert 0.5 < valid.mean() < 0.95
        assert len(set(valid.argmax(axis=1)[:600])) > 20
    else:
        assert valid.all()


def test_classes_have_colours(name):
    """The class raster has only known ids, at least three of them, with the legend's colours."""
    with rasterio.open(FOLDER / f"{name}_classes.tif") as classes:
        colours = classes.colormap(1)
        assert classes.tags(1)["class_2"] == "road"
        shares = np.bincount(classes.read(1).ravel(), minlength=256) / classes.width / classes.height
    assert all(colours[int(surface)][:3] == colour for surface, colour in CLASS_COLOURS.items())
    assert shares[:5].sum() + shares[255] == pytest.approx(1.0)
    assert (shares[:5] > 0.005).sum() >= 3


def test_roads_lie_on_the_class_road(name):
    """Centrelines in longitude and latitude are on class road when transformed back to the grid."""
    with rasterio.open(FOLDER / f"{name}_classes.tif") as raster:
        classes = raster.read(1)
        to_map = Transformer.from_crs(4326, raster.crs, always_xy=True)
        transform = raster.transform
    on_road = []
    for feature in features(name):
        assert feature["geometry"]["type"] == "LineString"
        assert set(feature["properties"]) == {"width_m", "surface", "bridge"}
        longitude, latitude = np.array(feature["geometry"]["coordinates"]).T
        x, y = to_map.transform(longitude, latitude)
        rows, columns = rowcol(transform, (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2, op=np.floor)
        inside = classes[
            np.clip(rows, 0, len(classes) - 1).astype(int),
            np.clip(columns, 0, classes.shape[1] - 1).astype(int),
        ]
        on_road.append(inside == 2)
    assert len(on_road) > 10
    assert np.concatenate(on_road).mean() > 0.99


def test_script_rebuilds_the_files(tmp_path):
    """The script gives the committed classes and roads, and an image within the noise of other library versions."""
    spec = importlib.util.spec_from_file_location("render", FOLDER / "render.py")
    render = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(render)
    sample = next(sample for sample in render.SAMPLES if sample.name == "satellite_16bit")
    render.write_sample(sample, tmp_path)
    with rasterio.open(tmp_path / "satellite_16bit.tif") as new, rasterio.open(FOLDER / "satellite_16bit.tif") as old:
        difference = np.abs(new.read().astype(int) - old.read().astype(int))
    # another processor or library may round a sum differently, and so move an edge by one cell here and there
    assert (difference > 2).mean() < 1e-3
    styles = [(folder / "satellite_16bit_classes.qml").read_bytes() for folder in (tmp_path, FOLDER)]
    assert styles[0] == styles[1]
    fresh, committed = (folder / "satellite_16bit_roads.geojson" for folder in (tmp_path, FOLDER))
    assert len(fresh.read_text().splitlines()) == len(committed.read_text().splitlines())
