"""The STAC item of results, against PySTAC, the extensions' rules, and the files that it describes."""

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from odc.geo.geobox import GeoBox
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation import validate_dict
from rasterio.warp import transform_bounds
from standins import warned
from web_server import serving

import geoseg
from geoseg.cli import main
from geoseg.errors import OutputError
from geoseg.models.legend import AERIAL, LEVELS
from geoseg.models.texts import without_secrets
from geoseg.prediction.predict import predict_each
from geoseg.prediction.results.footprint import footprint
from geoseg.rasters.ground import grid_of
from geoseg.rasters.stac import read_assets

TAKEN = "2024:05:06 07:08:09"


@pytest.fixture
def dated(write_scene, noise):
    def write(name="scene.tif", **profile):
        path = write_scene(noise(120, 140), name, **profile)
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(TIFFTAG_DATETIME=TAKEN)
        return path

    return write


@pytest.fixture
def predict(write_bundle, echo, tmp_path):
    def predict(source, folder="out", **options):
        return geoseg.predict(source, model=write_bundle(), folder=tmp_path / folder, load=echo, stac=True, **options)

    return predict


def read(prediction):
    return json.loads(prediction.outputs.item.read_text())


def test_core(predict, dated):
    """The item is valid by PySTAC's copy of the core schema, and has the scene's date and the raster's bounds."""
    made = predict(dated())
    assert made.outputs.item.name == "scene.json"
    item = read(made)
    validate_dict(item | {"stac_extensions": []})  # extensions' schemas would be asked for over the network
    found = pystac.Item.from_file(str(made.outputs.item))
    assert found.id == "scene"
    assert found.datetime == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    with rasterio.open(made.outputs.classes) as raster:
        bounds = transform_bounds(raster.crs, "OGC:CRS84", *raster.bounds)
    np.testing.assert_allclose(item["bbox"], bounds, atol=2e-6)
    shape = shapely.from_geojson(json.dumps(item["geometry"]))
    assert shape.bounds == tuple(item["bbox"])
    assert shape.exterior.is_ccw
    assert item["properties"]["processing:software"] == {"geoseg": geoseg.__version__}
    assert "with model stand-in 1" in item["properties"]["processing:lineage"]


@pytest.mark.parametrize("match_input", [False, True])
def test_assets(predict, dated, match_input):
    """Every result is an asset, with size and checksum; rasters have the grid and values that rasterio reads."""
    formats = ("geojson", "gpkg", "flatgeobuf", "parquet")
    layers = {"confidence": True, "disagreement": True, "probabilities": True, "report": True}
    options = layers | {"min_confidence": 0.5, "gsd_m": 1.5}
    made = predict(dated(), formats=formats, match_input=match_input, **options)
    item = pystac.Item.from_file(str(made.outputs.item))
    folder = made.outputs.item.parent
    assert {Path(asset.href).name for asset in item.assets.values()} == {
        path.name for path in folder.iterdir() if path != made.outputs.item
    }
    for key, asset in item.assets.items():
        content = Path(asset.get_absolute_href()).read_bytes()
        described = FileExtension.ext(asset)
        assert described.size == len(content)
        assert described.checksum == "1220" + hashlib.sha256(content).hexdigest()
        assert asset.media_type
        assert asset.roles
        if asset.media_type != pystac.MediaType.COG:
            continue
        placed = ProjectionExtension.ext(asset)
        with rasterio.open(asset.get_absolute_href()) as raster:
            assert placed.code == raster.crs.to_string()
            assert tuple(placed.shape) == raster.shape
            assert Affine(*placed.transform) == raster.transform
            assert tuple(band["name"] for band in asset.extra_fields["bands"]) == raster.descriptions
            assert asset.extra_fields["nodata"] == raster.nodata
            assert asset.extra_fields.get("raster:scale", 1) == (1 if key == "classes" else raster.scales[0])
    assert item.assets["confidence"].extra_fields["raster:scale"] == 1 / LEVELS
    legend = AERIAL.with_unknown()
    classes = ClassificationExtension.ext(item.assets["classes"]).classes
    assert [each.value for each in classes] == [*range(len(legend.entries))]
    assert [each.description for each in classes] == [entry.name for entry in legend.entries]
    assert [f"#{each.color_hint.lower()}" for each in classes] == [entry.colour.lower() for entry in legend.entries]
    assert all(re.fullmatch("[0-9A-Za-z_-]+", each.name) for each in classes)


def test_reruns(predict, dated):
    """Two runs write the same item, byte for byte; the item alone is a result that is not overwritten unasked."""
    scene = dated()
    made = predict(scene)
    content = made.outputs.item.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        predict(scene)
    assert predict(scene, overwrite=True).outputs.item.read_bytes() == content
    for path in made.outputs.files[:-1]:
        path.unlink()
    with pytest.raises(OutputError, match=r"scene\.json exists"):
        predict(scene)


def test_overwriting(predict, dated, write_bundle, echo):
    """Results without an item remove that of earlier ones, and leave files of others that are called alike."""
    scene = dated()
    made = predict(scene)
    again = {"model": write_bundle(), "folder": made.outputs.item.parent, "load": echo, "overwrite": True}
    assert geoseg.predict(scene, **again).outputs.item is None
    assert not made.outputs.item.exists()
    for theirs in ("{}", "[1]", "no JSON", '{"properties": {"processing:software": null}}'):
        made.outputs.item.write_text(theirs)
        geoseg.predict(scene, **again)
        with pytest.raises(OutputError, match="is not a STAC item of geoseg's results; choose another `folder`"):
            geoseg.predict(scene, **again, stac=True)
        assert made.outputs.item.read_text() == theirs


def test_source_items(predict, dated, tmp_path):
    """The item has the dates of the scene's item, and a link to it."""
    dated("visual.tif")
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)
    source = pystac.Item(
        "one", geometry=None, bbox=None, datetime=None, start_datetime=start, end_datetime=end, properties={}
    )
    source.add_asset("visual", pystac.Asset("./visual.tif"))
    document = tmp_path / "source.json"
    document.write_text(json.dumps(source.to_dict(include_self_link=False)))
    (asset,) = read_assets(document, "visual")
    made = pystac.Item.from_file(str(predict(asset).outputs.item))
    assert made.id == "one"
    assert made.datetime is None
    assert (made.common_metadata.start_datetime, made.common_metadata.end_datetime) == (start, end)
    (link,) = made.get_links("derived_from")
    assert Path(link.get_absolute_href()).resolve() == document.resolve()


def test_served_items(predict, dated, tmp_path):
    """An item in a list is linked by its own URL; without one, the scene is linked, without what may be a secret."""
    dated("visual.tif")
    with serving(tmp_path) as server:
        features = []
        for name in ("named", "nameless"):
            item = pystac.Item(name, None, None, datetime(2020, 1, 1, tzinfo=UTC), {})
            item.add_asset("visual", pystac.Asset(f"{server.root}visual.tif?signature=x"))
            item.set_self_href("https://example.org/named.json")
            features.append(item.to_dict(include_self_link=name == "named"))
        (tmp_path / "found.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        links = [read(predict(each, each.name))["links"] for each in read_assets(tmp_path / "found.json", "visual")]
    assert links[0] == [
        {"rel": "derived_from", "href": "https://example.org/named.json", "type": "application/geo+json"}
    ]
    assert links[1] == [{"rel": "derived_from", "href": f"{server.root}visual.tif"}]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://me:word@example.org/a.tif?sig=1", "https://example.org/a.tif"),
        ("https://example.org/a@b.tif", "https://example.org/a@b.tif"),
        ("s3://bucket/a.tif", "s3://bucket/a.tif"),
        ("../what?.tif", "../what?.tif"),
    ],
)
def test_secrets(source, expected):
    """A link holds neither passwords nor signatures."""
    assert without_secrets(source) == expected


def test_dates(predict, write_scene, noise, tmp_path):
    """The date of acquisition goes before that of the TIFF; without one, the item spans all time, with a warning."""
    scene = write_scene(noise(70, 90))
    with warned("scene.tif has no date .* spans all time"):
        properties = read(predict(scene))["properties"]
    assert properties["datetime"] is None
    assert properties["start_datetime"] < "2000" < properties["end_datetime"]
    with rasterio.open(scene, "r+") as dataset:
        dataset.update_tags(TIFFTAG_DATETIME=TAKEN)
        dataset.update_tags(ns="IMAGERY", ACQUISITIONDATETIME="2019-03-04 05:06")
    assert read(predict(scene, "other"))["properties"]["datetime"] == "2019-03-04T05:06:00Z"


def test_command(dated, write_bundle, echo, tmp_path, monkeypatch):
    """`predict --stac` writes the item, and names it among the results."""
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)
    words = ["predict", dated(), "-m", write_bundle(), "-o", tmp_path / "out", "--no-roads", "--stac"]
    done = CliRunner().invoke(main, [*map(str, words)])
    assert done.exit_code == 0, done.output
    assert "scene.json" in done.output
    assert next(iter(json.loads((tmp_path / "out" / "scene.json").read_text())["assets"])) == "classes"


@pytest.mark.parametrize(
    ("crs", "west", "north", "size", "expected"),
    [
        ("EPSG:4326", 170, 10, 0.1, [170, 0, 180, 10]),
        ("EPSG:4326", 175, 10, 0.1, [175, 0, -175, 10]),
        ("EPSG:4326", 355, 10, 0.1, [-5, 0, 5, 10]),
    ],
)
def test_antimeridian(write_scene, noise, crs, west, north, size, expected):
    """Footprints end at ±180°, and go on beyond with the west of `bbox` in the east (RFC 7946, 5.2)."""
    scene = write_scene(noise(100, 100), crs=crs, transform=Affine(size, 0, west, 0, -size, north))
    with rasterio.open(scene) as raster:
        found = footprint(grid_of(raster).geobox)
    np.testing.assert_allclose(found["bbox"], expected)
    shape = shapely.from_geojson(json.dumps(found["geometry"]))
    assert shape.is_valid
    assert abs(shape.bounds[0]) <= 180
    assert abs(shape.bounds[2]) <= 180
    assert math.isclose(shape.area, (100 * size) ** 2)


@pytest.mark.parametrize("west", [-180, -179.5, 0, 20])
def test_the_whole_turn(west):
    """A footprint around the Earth reaches from -180 to 180 wherever it begins."""
    found = footprint(GeoBox((120, 360), Affine(1, 0, west, 0, -1, 60), "EPSG:4326"))
    assert found["bbox"] == [-180, -60, 180, 60]


@pytest.mark.parametrize(("crs", "south", "north"), [("EPSG:3413", 80, 90), ("EPSG:3031", -90, -80)])
def test_poles(write_scene, noise, crs, south, north):
    """A footprint that contains a pole is the cap around it."""
    scene = write_scene(noise(100, 100), crs=crs, transform=Affine(10_000, 0, -500_000, 0, -10_000, 500_000))
    with rasterio.open(scene) as raster:
        found = footprint(grid_of(raster).geobox)
    np.testing.assert_allclose(found["bbox"], [-180, south, 180, north], atol=4)
    assert {90, -90} & {*found["bbox"]}
