import warnings

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio import Affine
from standins import warned

from geoseg.datasets.pairs import Files
from geoseg.errors import DataError, SceneError, UsageError
from geoseg.training.data.label_places import check_features, check_label, to_label_pixels
from geoseg.training.data.label_vectors import VectorCoding, rasterise_labels
from geoseg.training.data.read_pairs import read_labels

WHOLE = (slice(0, 100), slice(0, 120))
X, Y = 500_000, 5_400_000


@pytest.fixture
def write_features(tmp_path):
    """Write geometries given in pixels of the image, x to the right and y down."""

    def write(geometries, crs="EPSG:32633", name="labels.gpkg", **attributes):
        placed = shapely.transform(geometries, lambda points: points * (1, -1) + (X, Y))
        frame = geopandas.GeoDataFrame(attributes, geometry=placed, crs="EPSG:32633").to_crs(crs)
        frame.to_file(tmp_path / name)

    return write


@pytest.fixture
def labels(write_raster, coordinates, only_pair):
    """Read label values of a region of an image with vector labels."""
    write_raster("image.tif", coordinates(100, 120))

    def read(roi=WHOLE, **entry):
        entry = {"values": {"*": "road", "background": "land"}, **entry}
        return read_labels(only_pair(images="image.tif", labels="labels.gpkg", coding="vector", **entry), roi)

    return read


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857"])
@pytest.mark.parametrize("width_m", [3.0, 8.0])
def test_lines_have_a_width_in_metres(write_features, labels, crs, width_m):
    """A line covers the pixels whose centres are within half its width, in metres on the ground in any CRS."""
    line = shapely.LineString([(10, 20), (70, 75), (110, 30)])
    write_features([line], crs=crs)
    rows, cols = np.mgrid[:100, :120] + 0.5
    distance = shapely.distance(line, shapely.points(cols, rows))
    found = labels(width_m=width_m) == 1
    # Round joints are polygons, UTM is 0.04 % off, and a straight line in one CRS is a curve in another.
    assert found[distance < width_m / 2 - 0.1].all()
    assert not found[distance > width_m / 2 + 0.1].any()


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "fgb", "shp", "parquet"])
def test_formats(write_raster, coordinates, only_pair, tmp_path, ending):
    """Labels may be in any format that geoseg writes itself, and in shapefiles."""
    write_raster("image.tif", coordinates(100, 120))
    features = geopandas.GeoDataFrame(geometry=[shapely.box(X + 10, Y - 40, X + 50, Y - 20)], crs="EPSG:32633")
    path = tmp_path / f"labels.{ending}"
    if ending == "parquet":
        features.to_parquet(path)
    else:
        (features.to_crs("EPSG:4326") if ending == "geojson" else features).to_file(path)
    pair = only_pair(images="image.tif", labels=path.name, coding="vector", values={"*": "road", "background": "land"})
    assert (read_labels(pair, WHOLE) == 1).sum() == pytest.approx(800, abs=4)


def test_regions_join(write_features, labels):
    """A line outside a region covers the pixels inside it that are within its width."""
    write_features([shapely.LineString([(0, 39), (120, 41)])], crs="EPSG:4326")
    drawn = labels(width_m=10.0)
    for top in range(0, 100, 7):
        roi = (slice(top, min(top + 7, 100)), slice(30, 60))
        np.testing.assert_array_equal(labels(roi, width_m=10.0), drawn[roi])


def test_polygons_by_attribute(write_features, labels):
    """Polygons are drawn by attribute value, later values over earlier ones, on a background."""
    boxes = [shapely.box(10, 10, 60, 50), shapely.box(40, 30, 90, 80), shapely.box(0, 90, 5, 95)]
    write_features(boxes, kind=["lake", "street", "quarry"])
    values = {"street": "road", "lake": "water", "*": "ignore", "background": ["land", "road"]}
    drawn = labels(attribute="kind", values=values)
    expected = np.full((100, 120), 3)
    expected[30:80, 40:90] = 1
    expected[10:50, 10:60] = 2
    expected[90:95, 0:5] = 4
    np.testing.assert_array_equal(drawn, expected)


def test_ground_without_features_is_ignored(write_features, labels):
    """Ground that no feature covers is ignored unless `background` is mapped."""
    write_features([shapely.box(10, 10, 60, 50)])
    drawn = labels(values={"*": "water"})
    assert np.unique(drawn).tolist() == [2, 3]
    assert (drawn == 2).sum() == 50 * 40


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"values": {}}, "map their features by"),
        ({"values": {"*": "road", "lake": "water"}}, r"no `attribute`, .* are '\*', and none 'lake'"),
        ({"attribute": "kind", "values": {"lake": "water"}}, "have 2 features here whose kind is 'street'"),
        ({"attribute": "type"}, "have no attribute 'type'; they have kind"),
    ],
)
def test_features_that_are_not_explained(write_features, labels, entry, sentence):
    """Features of unmapped classes are refused."""
    write_features([shapely.box(0, 0, 9, 9)] * 3, kind=["lake", "street", "street"])
    with pytest.raises(UsageError, match=sentence):
        labels(**entry)


def test_integers_with_nulls(write_features, labels):
    """Integer attributes keep their keys if some are missing; a missing value has the key `null`."""
    boxes = [shapely.box(10, 10, 60, 50), shapely.box(70, 10, 90, 50), shapely.box(0, 90, 5, 95)]
    write_features(boxes, kind=pd.array([1, None, 12], "Int64"))
    drawn = labels(attribute="kind", values={"1": "road", "12": "water", "null": "ignore", "background": "land"})
    expected = np.zeros((100, 120))
    expected[10:50, 10:60], expected[10:50, 70:90], expected[90:95, 0:5] = 1, 3, 2
    np.testing.assert_array_equal(drawn, expected)
    with pytest.raises(UsageError, match="have 1 feature here whose kind is 'null'"):
        labels(attribute="kind", values={"1": "road", "12": "water"})


@pytest.mark.parametrize("values", [{}, {"background": "land"}, {"background": "land", "*": "road"}])
def test_features_called_background(write_features, labels, values):
    """If `values` has `background`, it means uncovered ground, and features of that name are refused."""
    write_features([shapely.box(0, 0, 9, 9)] * 2, kind=["background", "street"])
    with pytest.raises(UsageError, match=r"have 1 feature .* 'background', .* means ground that no feature covers"):
        labels(attribute="kind", values={"street": "road", **values})


def test_others_called_background(write_features, labels):
    """If `values` has no `background`, a feature of that name is one of the others."""
    write_features([shapely.box(0, 0, 9, 9)], kind=["background"])
    assert np.unique(labels(attribute="kind", values={"*": "water"})).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("table", "labels.gpkg is a table without geometry"),
        ("garbage", "labels.gpkg cannot be read as a vector file"),
        ("empty", "labels.gpkg is empty"),
        ("no crs", "labels.gpkg has no CRS"),
    ],
)
def test_files_that_are_no_features(labels, tmp_path, kind, sentence):
    """A file without features that can be placed is refused by name."""
    path = tmp_path / "labels.gpkg"
    if kind == "table":
        pyogrio.write_dataframe(pd.DataFrame({"kind": [1, 2]}), path)
    elif kind == "no crs":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]).to_file(path)
    else:
        path.write_bytes(b"" if kind == "empty" else b"no package")
    with pytest.raises(DataError, match=sentence):
        labels()


def test_image_without_a_place(write_raster, write_features, coordinates, only_pair):
    """Vector labels need an image with a georeference."""
    write_raster("image.png", coordinates(100, 120), transform=None)
    write_features([shapely.box(0, 0, 9, 9)])
    pair = only_pair(images="image.png", labels="labels.gpkg", coding="vector", values={"*": "water"})
    with pytest.raises(SceneError, match="has no georeference"):
        read_labels(pair, WHOLE)


def test_coding_and_file_agree(write_raster, write_features, coordinates, only_pair):
    """Vector labels need the vector coding, and rasters another."""
    write_raster("image.tif", coordinates(100, 120))
    write_features([shapely.box(0, 0, 9, 9)])
    with pytest.raises(UsageError, match=r"has the vector label labels\.gpkg; give it coding = 'vector'"):
        only_pair(images="image.tif", labels="labels.gpkg")
    with pytest.raises(UsageError, match=r"has the raster label image\.tif; give it another coding"):
        only_pair(images="image.tif", labels="image.tif", coding="vector", values={"*": "water"})


@pytest.fixture
def two_images(write_raster, coordinates):
    """Two images next to each other, 100 × 120 pixels."""
    for number in range(2):
        place = Affine(1, 0, X + 120 * number, 0, -1, Y)
        write_raster(f"images/{number}.tif", coordinates(100, 120), transform=place)


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857"])
def test_features_that_lie_elsewhere(write_features, only_pair, write_raster, coordinates, crs):
    """Features of one image must overlap it, in any CRS; a line along its edge does, and so do no features."""
    write_raster("image.tif", coordinates(100, 120))
    entry = {"images": "image.tif", "labels": "labels.gpkg", "coding": "vector", "values": {"*": "road"}}
    for shapes in ([shapely.box(0, 0, 9, 9)], [shapely.LineString([(-2, 0), (-2, 99)])], []):
        write_features(shapes, crs=crs)
        only_pair(**entry)
    write_features([shapely.box(50_000, 0, 50_009, 9)], crs=crs)
    with pytest.raises(DataError, match=r"labels\.gpkg does not overlap its image .*image\.tif; check the CRS of both"):
        only_pair(**entry)


def test_features_of_several_images(two_images, write_features, open_recipe):
    """A file of several images must overlap one; images outside its features are counted, once."""
    entry = {"name": "set", "images": "images", "labels": "labels.gpkg", "coding": "vector", "values": {"*": "road"}}
    write_features([shapely.box(0, 0, 9, 9), shapely.box(200, 0, 209, 9)])
    open_recipe(entry.copy())
    write_features([shapely.box(0, 0, 9, 9)])
    with warned(r"1 of the 2 images of .*labels\.gpkg is outside its features, such as .*1\.tif"):
        open_recipe(entry.copy())
    write_features([shapely.box(0, 5000, 9, 5009)])
    with pytest.raises(DataError, match=r"does not overlap any of its 2 images, such as .*0\.tif"):
        open_recipe(entry.copy())


PARTS = st.lists(
    st.sampled_from(
        [
            shapely.box(10, 10, 40, 30),
            shapely.MultiPolygon([shapely.box(60, 5, 80, 25), shapely.box(90, 5, 99, 9)]),
            shapely.LineString([(5, 50), (100, 80)]),
            shapely.MultiLineString([[(20, 95), (60, 60)], [(70, 90), (110, 90)]]),
            shapely.Point(100, 40),
        ]
    ),
    min_size=1,
)


@given(parts=PARTS, nested=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_collections_are_drawn_as_their_parts(tmp_path, labels, parts, nested):
    """A collection is drawn as its parts would be: polygons as they are, lines and points with their width."""
    drawn = []
    collection = shapely.GeometryCollection(parts)
    for shapes in (parts, [shapely.GeometryCollection([collection]) if nested else collection]):
        placed = shapely.transform(shapes, lambda points: points * (1, -1) + (X, Y))
        geopandas.GeoSeries(placed, crs="EPSG:32633").to_file(tmp_path / "labels.gpkg")
        drawn.append(labels(width_m=6.0))
    np.testing.assert_array_equal(*drawn)


METRE = 1 / 111_319.4907932736
"""On the equator, in degrees of longitude."""
AT_180 = Transformer.from_crs("EPSG:4326", "EPSG:32660", always_xy=True).transform(180, 0)[0]
CODING = VectorCoding(
    data_set="city", attribute=None, values={"*": 1}, background=0, background_listed=True, width_m=4.0
)


@pytest.mark.parametrize("labels_crs", ["EPSG:4326", "EPSG:4167", "EPSG:32660"])
@pytest.mark.parametrize(
    ("crs", "x", "metre"), [("EPSG:32660", AT_180, 1.0), ("EPSG:4326", 180, METRE), ("EPSG:4326", -180, METRE)]
)
@pytest.mark.parametrize("kind", ["polygons", "lines"])
def test_labels_across_the_antimeridian(tmp_path, crs, x, metre, labels_crs, kind):
    """Labels on both sides of 180° are drawn, whether the image crosses it in UTM or in degrees beyond 180°."""
    if labels_crs == "EPSG:32660":
        pairs = [(AT_180 - 40, AT_180 + 40, 40.0)]
    else:  # cut at the antimeridian, as GeoJSON has them
        pairs = [(180 - 40 * METRE, 180, 40 * METRE), (-180, -180 + 40 * METRE, 40 * METRE)]
    shapes = [
        shapely.box(left, -north, right, north) if kind == "polygons" else shapely.LineString([(left, 0), (right, 0)])
        for left, right, north in pairs
    ]
    geopandas.GeoSeries(shapes, crs=labels_crs).to_file(tmp_path / "labels.gpkg")
    grid = GeoBox((100, 100), Affine(metre, 0, x - 50 * metre, 0, -metre, 50 * metre), crs)
    drawn = rasterise_labels(tmp_path / "labels.gpkg", CODING, grid, (slice(0, 100), slice(0, 100)))
    expected = np.zeros((100, 100), bool)
    expected[(slice(10, 90) if kind == "polygons" else slice(48, 52)), 10:90] = True
    assert (expected != (drawn == 1)).sum() <= 100  # a degree of latitude is shorter; lines have round ends
    assert (drawn[:, :50] == 1).sum() == pytest.approx((drawn[:, 50:] == 1).sum(), abs=100)


def test_world_wide_labels(tmp_path):
    """A polygon of the whole Earth covers an image beyond 180°."""
    geopandas.GeoSeries([shapely.box(-180, -90, 180, 90)], crs="EPSG:4326").to_file(tmp_path / "labels.gpkg")
    grid = GeoBox((10, 10), Affine(METRE, 0, 180 - 5 * METRE, 0, -METRE, 0), "EPSG:4326")
    assert (rasterise_labels(tmp_path / "labels.gpkg", CODING, grid, (slice(0, 10), slice(0, 10))) == 1).all()


@pytest.mark.parametrize(("west", "other"), [(180 - 20 * METRE, -180 - 20 * METRE), (190, -170)])
def test_label_rasters_across_the_antimeridian(write_raster, west, other):
    """A label raster belongs to an image that counts its longitudes otherwise."""
    grid = GeoBox((40, 40), Affine(METRE, 0, west, 0, -METRE, 0), "EPSG:4326")
    label = write_raster(
        "label.tif", np.zeros((1, 40, 40), np.uint8), crs="EPSG:4326", transform=Affine(METRE, 0, other, 0, -METRE, 0)
    )
    with rasterio.open(label) as raster:
        along, down = to_label_pixels(grid, raster, np.arange(40) + 0.5, np.arange(40) + 0.5)
        assert check_label(Files(name="image", image=label, label=label), raster, grid)
    np.testing.assert_allclose(along, np.arange(40) + 0.5, atol=1e-6)
    np.testing.assert_allclose(down, np.arange(40) + 0.5, atol=1e-6)


def test_features_of_an_image_counted_from_0(write_raster, tmp_path):
    """Features at -170° overlap an image at 190°."""
    geopandas.GeoSeries([shapely.box(-170, -0.1, -169.9, 0)], crs="EPSG:4326").to_file(tmp_path / "labels.gpkg")
    files = Files(name="image", image=tmp_path / "image.tif", label=tmp_path / "labels.gpkg")
    check_features([(files, GeoBox((40, 40), Affine(METRE, 0, 190, 0, -METRE, 0), "EPSG:4326"))])


def test_features_far_from_an_image_in_degrees(write_raster, coordinates, only_pair, tmp_path):
    """Features half a degree away are neither drawn nor need they have a class."""
    place = Affine(1e-5, 0, 15.0, 0, -1e-5, 48.0)
    write_raster("image.tif", coordinates(100, 120), transform=place, crs="EPSG:4326")
    shapes = [shapely.box(15.0002, 47.9995, 15.0005, 47.9998), shapely.box(15.5, 47.9, 15.6, 48.0)]
    geopandas.GeoDataFrame({"kind": ["road", "quarry"]}, geometry=shapes, crs="EPSG:4326").to_file(
        tmp_path / "labels.gpkg"
    )
    pair = only_pair(
        images="image.tif", labels="labels.gpkg", coding="vector", attribute="kind",
        values={"road": "road", "background": "land"},
    )  # fmt: skip
    drawn = (read_labels(pair, WHOLE) == 1).sum()
    assert drawn == pytest.approx(33.4 * 22.4, rel=0.1)  # square metres, in pixels of 1 m
