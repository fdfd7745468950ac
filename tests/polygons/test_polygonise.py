import sqlite3
import subprocess
import sys
from contextlib import closing

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
from geopandas.testing import assert_geodataframe_equal
from pyproj import Geod
from standins import warned

from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.models.legend import AERIAL
from geoseg.polygons import polygonise


@pytest.fixture
def suburb(write_ids, blots):
    """A raster of four classes with a nodata corner, higher than a band, with geoseg's legend."""
    values = blots(5, (700, 60), coarse=9).astype(np.uint8)
    values[:30, :20] = 255
    return write_ids(values, "suburb.tif", nodata=255, legend=AERIAL, gsd_m=2, tiled=True, blockxsize=64, blockysize=64)


def table_of(path):
    """Read the polygons of a file; a GeoPackage also has a table of styles."""
    if path.suffix == ".parquet":
        return geopandas.read_parquet(path)
    return geopandas.read_file(path, **({"layer": "polygons"} if path.suffix == ".gpkg" else {}))


def read(raster):
    with rasterio.open(raster) as source:
        return source.read(1), source.transform


def test_all_formats_agree(suburb, tmp_path):
    """Other libraries read the same fields and polygons from each format, and the polygons are those of the raster."""
    formats = ["geojson", "gpkg", "flatgeobuf", "parquet"]
    made = polygonise(suburb, tmp_path / "areas", formats=formats)
    assert [path.name for path in made.files] == [
        "areas.qml", "areas.geojson", "areas.gpkg", "areas.fgb", "areas.parquet",
    ]  # fmt: skip
    assert sorted(tmp_path.iterdir()) == sorted([suburb, *made.files])
    lonlat, *others = map(table_of, made.files[1:])
    values, transform = read(suburb)
    expected = rasterio.features.shapes(values, mask=values != 255, connectivity=4, transform=transform)
    shapes = {
        shapely.normalize(shapely.simplify(shapely.geometry.shape(shape), 0)): int(value) for shape, value in expected
    }
    for table in others:
        table = table.sort_values("id", ignore_index=True)  # noqa: PLW2901 - FlatGeobuf has an order of its own
        assert table.crs == "EPSG:32633"
        assert list(table.columns) == ["id", "class_id", "name", "area_m2", "geometry"]
        assert table["id"].tolist() == list(range(1, len(shapes) + 1))
        found = zip(shapely.normalize(shapely.simplify(table.geometry, 0)), table["class_id"], strict=True)
        assert dict(found) == shapes
        assert table["name"].tolist() == [AERIAL.names[number] for number in table["class_id"]]
        assert shapely.coverage_is_valid(table.geometry.values)
    assert lonlat.crs == "EPSG:4326"
    assert lonlat["area_m2"].tolist() == others[0]["area_m2"].tolist()
    expected_lonlat = others[0].to_crs(4326).geometry
    assert lonlat.geometry.geom_equals_exact(expected_lonlat, 0.72e-7).all()
    assert shapely.coverage_is_valid(lonlat.geometry.values)


def test_without_output(suburb, tmp_path):
    """Without an output nothing is written, and the polygons in memory equal those of a file."""
    made = polygonise(suburb, classes=["road"], simplify_m=3)
    assert made.files == ()
    assert list(tmp_path.iterdir()) == [suburb]
    written = polygonise(suburb, tmp_path / "areas.gpkg", classes=["road"], simplify_m=3)
    assert made.totals == written.totals
    assert_geodataframe_equal(made.to_geodataframe(), table_of(written.files[-1]), check_dtype=False)
    with pytest.raises(UsageError, match=r"`formats` .* `output`"):
        polygonise(suburb, formats=["gpkg"])


def test_changes_of_a_replaced_geopackage(suburb, tmp_path):
    """What another program changed in a GeoPackage, and has not merged yet, does not enter the one that replaces it."""
    path = tmp_path / "areas.gpkg"
    polygonise(suburb, path, classes=["road"])
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE layer_styles SET styleName = 'changed'")
        other.commit()
        assert path.with_name("areas.gpkg-wal").stat().st_size
        polygonise(suburb, path, overwrite=True)
        with closing(sqlite3.connect(path)) as new:
            assert new.execute("SELECT styleName FROM layer_styles").fetchall() == [("polygons",)]


@pytest.mark.parametrize("ending", [".gpkg", ".parquet", ".fgb", ".GeoJSON"])
def test_geodataframe_of_written_polygons(suburb, tmp_path, ending):
    """Written polygons are read back in order, in the raster's CRS except for GeoJSON."""
    expected = polygonise(suburb).to_geodataframe()
    found = polygonise(suburb, tmp_path / f"areas{ending}").to_geodataframe()
    if ending == ".GeoJSON":
        assert found.crs == "EPSG:4326"
        found = found.drop(columns="geometry")
        assert found.to_dict("list") == expected.drop(columns="geometry").to_dict("list")
    else:
        assert_geodataframe_equal(found, expected, check_dtype=False)


def test_areas_and_totals(suburb, tmp_path):
    """Areas are geodesic, totals by class match the polygons, and all valid pixels are covered."""
    made = polygonise(suburb, tmp_path / "areas.gpkg")
    table = table_of(made.files[-1])
    geod = Geod(ellps="WGS84")
    lonlat = table.to_crs(4326)
    for row in lonlat.itertuples():
        assert row.area_m2 == pytest.approx(abs(geod.geometry_area_perimeter(row.geometry)[0]), rel=1e-6, abs=0.01)
    by_class = table.groupby("class_id")
    assert {number: total.count for number, total in made.totals.items()} == by_class.size().to_dict()
    for number, total in made.totals.items():
        assert total.name == AERIAL.names[number]
        assert total.area_m2 == pytest.approx(by_class["area_m2"].sum()[number])
    values, _ = read(suburb)
    assert table.area.sum() == pytest.approx(4 * (values != 255).sum())


def test_minimum_area_and_simplification(suburb, tmp_path):
    """With both, no polygon is below three quarters of the minimum, vertices are fewer and borders stay shared."""
    whole = table_of(polygonise(suburb, tmp_path / "whole.gpkg").files[-1])
    made = polygonise(suburb, tmp_path / "areas.gpkg", min_area_m2=100, simplify_m=3, formats=["geojson"])
    table, lonlat = (table_of(path) for path in made.files[1:])
    assert whole["area_m2"].min() < 75 <= table["area_m2"].min()
    assert table.count_coordinates().sum() < 0.5 * whole.count_coordinates().sum()
    for layer in (table, lonlat):
        assert layer.is_valid.all()
        assert shapely.coverage_is_valid(layer.geometry.values)
    assert table.area.sum() == pytest.approx(whole.area.sum(), rel=1e-3)


def test_chosen_classes(suburb, tmp_path):
    """Only selected classes are written, with the borders they have among all classes."""
    whole = table_of(polygonise(suburb, tmp_path / "whole.gpkg", simplify_m=3).files[-1])
    made = polygonise(suburb, tmp_path / "some.fgb", classes=["road", 3], simplify_m=3)
    table = table_of(made.files[1])
    assert set(table["name"]) == {"road", "vegetation"}
    expected = whole[whole["class_id"].isin([2, 3])]
    assert set(table.geometry.normalize()) == set(expected.geometry.normalize())
    categories = made.files[0].read_text(encoding="utf-8").count("<category ")
    assert categories == 2


def test_two_runs_write_the_same_bytes(suburb, tmp_path):
    """Files do not depend on the time of writing."""
    formats = ["geojson", "flatgeobuf", "parquet"]
    first = polygonise(suburb, tmp_path / "areas.gpkg", formats=formats)
    before = {path.name: path.read_bytes() for path in first.files}
    second = polygonise(suburb, tmp_path / "areas.gpkg", formats=formats, overwrite=True)
    assert {path.name: path.read_bytes() for path in second.files} == before


def test_geopackage_carries_its_style(suburb, tmp_path):
    """A GeoPackage holds the same style as the QML file, as the layer's default; alone, it has no QML file."""
    assert [path.name for path in polygonise(suburb, tmp_path / "alone.gpkg").files] == ["alone.gpkg"]
    made = polygonise(suburb, tmp_path / "areas.gpkg", formats=["geojson"])
    with closing(sqlite3.connect(made.files[1])) as database:
        rows = database.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        columns = database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert rows == [(*columns[0], 1, made.files[0].read_text(encoding="utf-8"))]


@pytest.mark.parametrize("transform", [
    rasterio.Affine(2, 0, 500_000, 0, 2, 5_400_000),
    rasterio.Affine(-2, 0, 500_000, 0, -2, 5_400_000),
    rasterio.Affine(2, 0, 500_000, 0, -2, 5_400_000) @ rasterio.Affine.rotation(30),
])  # fmt: skip
def test_any_affine_grid(write_ids, blots, tmp_path, transform):
    """South-up, mirrored and rotated rasters give polygons where GDAL places them, counter-clockwise."""
    values = blots(2, (40, 30)).astype(np.uint8)
    path = write_ids(values, transform=transform)
    table = table_of(polygonise(path, tmp_path / "areas.fgb").files[-1])
    expected = rasterio.features.shapes(values, connectivity=4, transform=transform)
    for shape, value in expected:
        polygon = shapely.geometry.shape(shape)
        inside = table[table.contains(polygon.representative_point())]
        assert inside["class_id"].tolist() == [value]
        assert inside.geometry.iloc[0].symmetric_difference(polygon).area < 1e-6
    assert shapely.is_ccw(shapely.get_exterior_ring(table.geometry.values)).all()


@pytest.mark.parametrize(
    ("dtype", "nodata", "numbers"),
    [("uint8", None, (0, 255)), ("uint8", 0, (1, 255)), ("int16", -9999, (0, 523)), ("uint32", None, (7, 65_534))],
)
def test_integer_types(write_ids, tmp_path, dtype, nodata, numbers):
    """Class ids are integers below 65535 of any type; nodata has no polygons."""
    values = np.full((6, 9), numbers[0], dtype)
    values[:, 3:6] = numbers[1]
    if nodata is not None:
        values[:, 6:] = nodata
    made = polygonise(write_ids(values, gsd_m=2, nodata=nodata), tmp_path / "areas.gpkg")
    assert [(number, total.name) for number, total in made.totals.items()] == [(each, str(each)) for each in numbers]
    table = table_of(made.files[-1])
    pixels = [18, 18] if nodata is not None else [18, 18, 18]
    assert (table.area / 4).tolist() == pixels


def test_masked_pixels_are_left_out(write_ids, tmp_path):
    """Masked pixels have no polygons, whatever their value."""
    values = np.ones((6, 6), np.uint8)
    path = write_ids(values, gsd_m=2)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.arange(36).reshape(6, 6) % 6 < 4)
    table = table_of(polygonise(path, tmp_path / "areas.gpkg").files[-1])
    assert table.area.tolist() == [4 * 24]


def test_raster_without_data(write_ids, tmp_path):
    """A raster of only nodata gives valid files without polygons."""
    path = write_ids(np.full((5, 5), 255, np.uint8), nodata=255)
    with warned("no data anywhere"):
        made = polygonise(path, tmp_path / "areas.gpkg", formats=["geojson", "flatgeobuf", "parquet"], min_area_m2=10)
    assert made.totals == {}
    assert [len(table_of(path)) for path in made.files[1:]] == [0, 0, 0, 0]


def test_progress(suburb, tmp_path):
    """Progress reports the rows done and the total after each band."""
    seen = []
    polygonise(suburb, tmp_path / "areas.gpkg", progress=lambda *units: seen.append(units))
    assert seen == [(512, 700, ""), (700, 700, "")]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 4), np.float32), "holds float32 values; class ids are integers"),
        (np.full((4, 4), -3, np.int16), "holds the value -3; class ids are integers from 0 to 65534"),
        (np.full((4, 4), 65_535, np.uint16), "holds the value 65535"),
    ],
)
def test_no_class_ids(write_ids, tmp_path, values, message):
    """Rasters whose values are not class ids are refused, and nothing is written."""
    path = write_ids(values)
    with pytest.raises(SceneError, match=message):
        polygonise(path, tmp_path / "areas.gpkg")
    assert list(tmp_path.iterdir()) == [path]


def test_several_bands(write_scene, noise, tmp_path):
    """A raster of several bands is refused."""
    with pytest.raises(SceneError, match="a class raster has one, as `geoseg predict` makes it"):
        polygonise(write_scene(noise(8, 8)), tmp_path / "areas.gpkg")


def test_cut_off_raster(suburb, tmp_path):
    """A truncated raster ends in a SceneError, and nothing is written."""
    suburb.write_bytes(suburb.read_bytes()[:-3000])
    with pytest.raises(SceneError, match=r"suburb\.tif cannot be read"):
        polygonise(suburb, tmp_path / "areas.gpkg")
    assert list(tmp_path.iterdir()) == [suburb]


@pytest.mark.parametrize("wrong", [{"min_area_m2": -1}, {"simplify_m": float("nan")}, {"min_area_m2": float("inf")}])
def test_impossible_numbers(suburb, tmp_path, wrong):
    """Negative and non-finite areas and lengths are refused."""
    with pytest.raises(UsageError, match=r"`(min_area_m2|simplify_m)` must be a finite number of at least 0"):
        polygonise(suburb, tmp_path / "areas.gpkg", **wrong)


FULL_DISK = """
import resource, signal, sys
from geoseg.errors import OutputError
from geoseg.polygons import polygonise
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
for name in ("geojson", "gpkg", "flatgeobuf", "parquet"):
    try:
        polygonise(sys.argv[1], sys.argv[2], formats=[name])
        print(name, "written")
    except OutputError as error:
        print(name, error.exit_code, error)
"""


@pytest.mark.parametrize("limit", [4096, 30_000])
def test_full_disk(suburb, tmp_path, limit):
    """On a full disk, each format ends in an OutputError and leaves no file."""
    words = [sys.executable, "-c", FULL_DISK, str(suburb), str(tmp_path / "areas"), str(limit)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    for line in lines:
        place = tmp_path / "areas.gpkg" if line.startswith("gpkg") else tmp_path
        assert f" 5 {place} cannot be written (" in line, done.stdout
        assert "File too large" in line or "is the disk full?" in line, done.stdout
    assert list(tmp_path.iterdir()) == [suburb]


def test_output_that_exists_stays(suburb, tmp_path):
    """Existing files, the style included, are not overwritten without `overwrite`."""
    (tmp_path / "areas.qml").write_text("mine")
    with pytest.raises(OutputError, match=r"areas\.qml exists"):
        polygonise(suburb, tmp_path / "areas.fgb")
    assert (tmp_path / "areas.qml").read_text() == "mine"
    assert not (tmp_path / "areas.fgb").exists()


@pytest.mark.parametrize("gsd_m", [0.001, 0.004, 0.01, 0.05])
def test_fine_pixels_in_geojson(write_ids, blots, tmp_path, gsd_m):
    """Degrees have as many decimals as keep the corners of the finest pixels apart."""
    path = write_ids(blots(5, (40, 40), coarse=1).astype(np.uint8), gsd_m=gsd_m)
    made = polygonise(path, tmp_path / "areas.geojson")
    found = geopandas.read_file(made.files[-1])
    assert found.geometry.is_valid.all()
    assert len(found) == len(made.to_geodataframe())
    assert found.to_crs("EPSG:32633").area.sum() == pytest.approx(1600 * gsd_m**2, rel=0.01)


@pytest.mark.parametrize(("gsd_m", "seed"), [(0.02, 3), (0.03, 0)])
def test_simplified_borders_of_fine_pixels_in_geojson(write_ids, blots, tmp_path, gsd_m, seed):
    """Simplified borders, nearer to each other than the corners of pixels, do not meet by rounding."""
    path = write_ids(blots(seed, (150, 150), coarse=2).astype(np.uint8), gsd_m=gsd_m)
    made = polygonise(path, tmp_path / "areas.geojson", simplify_m=1.5 * gsd_m)
    found = geopandas.read_file(made.files[-1])
    assert found.geometry.is_valid.all()
    assert shapely.coverage_is_valid(found.geometry.values)


def test_raster_is_not_replaced(write_ids, tmp_path):
    """A raster that is a GeoPackage itself is not overwritten by its polygons, whatever name it is given."""
    path = tmp_path / "classes.gpkg"
    with (
        rasterio.open(write_ids(np.ones((9, 9), np.uint16), gsd_m=2)) as source,
        rasterio.open(path, "w", **{**source.profile, "driver": "GPKG"}) as raster,
    ):
        raster.write(source.read())
    before = path.read_bytes()
    (tmp_path / "link.gpkg").symlink_to(path)
    for output in (path, tmp_path / "link.gpkg"):
        with pytest.raises(UsageError, match=rf"{output.name} is the raster itself; choose another `output` name"):
            polygonise(path, output, overwrite=True)
    assert path.read_bytes() == before
