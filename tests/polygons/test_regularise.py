import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geoseg.errors import UsageError
from geoseg.models.legend import AERIAL
from geoseg.polygons import polygonise
from geoseg.polygons.bands import Band
from geoseg.polygons.components import NODATA
from geoseg.polygons.faces import trace_faces
from geoseg.polygons.footprints import Fit
from geoseg.polygons.regularise import regularise

METRES = np.array([[0.0, -1.0], [1.0, 0.0]])  # of a step down a column and of one along a row


@pytest.fixture(scope="session")
def squared():
    """Return a function that regularises class 1 in bands: polygons in lattice points by first point, and flags."""

    def run(values, rows=512, min_iou=0.95, steps=METRES, wanted=(1,)):
        bands = [
            Band(values=values[top : top + rows], pixel_m=(1.0, 1.0), last=top + rows >= len(values))
            for top in range(0, len(values), rows)
        ]
        flags = np.isin(np.arange(NODATA + 1), wanted)
        found = []
        fit = Fit(tolerance_m=0.0, min_iou=min_iou)
        traced = trace_faces(bands, values.shape[1], flags)
        for faces in regularise(traced, lambda points: np.tile(steps, (len(points), 1, 1)), fit):
            polygons = shapely.from_ragged_array(
                shapely.GeometryType.POLYGON, faces.points, (faces.ring_start, faces.face_start)
            )
            found += zip(polygons.tolist(), faces.regularised.tolist(), strict=True)
        found.sort(key=lambda item: item[0].bounds)
        return np.array([polygon for polygon, _ in found], dtype=object), [flag for _, flag in found]

    return run


def draw(shape, size):
    """Return a raster in which the pixels with their centres in a shape are 1."""
    y, x = np.mgrid[:size, :size] + 0.5
    return shapely.contains_xy(shape, x, y).astype(np.uint16)


def turned(shape, angle, middle):
    """Return a shape turned about its middle, which is moved."""
    x, y = shape.envelope.centroid.coords[0]
    return shapely.affinity.translate(shapely.affinity.rotate(shape, angle, (x, y)), middle[0] - x, middle[1] - y)


def corner_angles(polygon):
    """Return the angles at all corners of a polygon, degrees."""
    angles = []
    for ring in shapely.get_rings(polygon):
        points = shapely.get_coordinates(ring)[:-1]
        steps = np.roll(points, -1, axis=0) - points
        bearing = np.degrees(np.arctan2(steps[:, 1], steps[:, 0]))
        angles += (180 - (np.roll(bearing, -1) - bearing)).tolist()
    return np.array(angles) % 360


def direction(polygon):
    """Return the direction of the longest side of a polygon, degrees modulo 90."""
    points = shapely.get_coordinates(polygon)
    steps = np.diff(points, axis=0)
    longest = steps[np.hypot(*steps.T).argmax()]
    return np.degrees(np.arctan2(longest[1], longest[0])) % 90


SHAPES = {
    "rectangle": shapely.box(0, 0, 32, 22),
    "L": shapely.box(0, 0, 30, 26) - shapely.box(15, 12, 30, 26),
    "U": shapely.box(0, 0, 36, 26) - shapely.box(12, 10, 24, 26),
    "courtyard": shapely.box(0, 0, 34, 30) - shapely.box(12, 10, 22, 20),
}


@given(
    st.floats(16, 40), st.floats(16, 40), st.floats(0, 90), st.tuples(st.floats(40, 41), st.floats(40, 41))
)  # fmt: skip
@settings(max_examples=60)
def test_rectangles(squared, width, height, angle, middle):
    """A turned rectangle comes back from its pixels: four corners, to within a pixel, and its direction.

    A side that rises by less than a pixel and a half along its length may have no stairs to tell its direction by.
    """
    rectangle = turned(shapely.box(0, 0, width, height), angle, middle)
    (found,), (flag,) = squared(draw(rectangle, 82))
    assert flag
    assert len(found.exterior.coords) == 5
    assert shapely.hausdorff_distance(found, rectangle) <= 1
    deviation = (direction(found) - angle + 45) % 90 - 45
    assert abs(deviation) <= np.degrees(1.5 / max(width, height))


@pytest.mark.parametrize("angle", [0, 8, 22.5, 37, 45, 61])
@pytest.mark.parametrize("name", SHAPES)
def test_shapes(squared, name, angle):
    """Corners and holes of buildings are those of the shape, at any angle, to within half a pixel."""
    shape = turned(SHAPES[name], angle, (30.3, 29.8))
    values = draw(shape, 60)
    (found,), (flag,) = squared(values)
    assert flag
    assert shapely.get_num_coordinates(found) == shapely.get_num_coordinates(shape)
    assert shapely.hausdorff_distance(found.boundary, shape.boundary) <= 0.5
    assert found.area == pytest.approx(values.sum(), rel=0.02)
    assert np.allclose(np.abs(corner_angles(found) - 180), 90)


def test_bumps_are_removed(squared):
    """A bump of one pixel on a long side goes; a bay of six pixels stays."""
    values = np.zeros((50, 60), np.uint16)
    values[10:40, 10:50] = 1
    values[9, 30] = 1
    values[15:27, 50:56] = 1
    (found,), (flag,) = squared(values)
    assert flag
    assert len(found.exterior.coords) == 9
    assert found.symmetric_difference(shapely.box(10, 10, 50, 40) | shapely.box(50, 15, 56, 27)).area < 3


def test_tiny_buildings(squared):
    """Buildings of a few pixels keep a shape: rectangles along the grid are kept as they are."""
    values = np.zeros((30, 30), np.uint16)
    values[2, 2] = values[6:8, 2:4] = values[12:13, 2:7] = values[20:23, 20:22] = 1
    found, flags = squared(values)
    assert all(flags)
    boxes = [shapely.box(2, 2, 3, 3), shapely.box(2, 6, 4, 8), shapely.box(2, 12, 7, 13), shapely.box(20, 20, 22, 23)]
    assert all(polygon.equals(box) for polygon, box in zip(found, boxes, strict=True))


def test_round_areas_are_only_simplified(squared):
    """An area that right angles do not fit takes its simplified outline, unless less agreement is asked for."""
    disc = draw(shapely.Point(30, 30).buffer(20), 60)
    (found,), (flag,) = squared(disc, min_iou=0.99)
    assert not flag
    traced = shapely.union_all([shapely.box(x, y, x + 1, y + 1) for y, x in np.argwhere(disc)])
    assert len(found.exterior.coords) < len(traced.exterior.coords) / 2
    assert shapely.hausdorff_distance(found, traced) <= 1.5
    assert squared(disc, min_iou=0.5)[1] == [True]


@given(st.integers(0, 10_000), st.sampled_from([(1,), (1, 2)]))
@settings(max_examples=25)
def test_no_overlaps_at_any_band_height(squared, blots, seed, wanted):
    """No two areas overlap, also of several classes, all are valid, and the height of the bands changes nothing."""
    values = blots(seed, (70, 60), classes=3, coarse=4)
    found, flags = squared(values, min_iou=0.8, wanted=wanted)
    assert shapely.is_valid(found).all()
    one, other = shapely.STRtree(found).query(found, predicate="intersects")
    pairs = one < other
    assert (shapely.area(shapely.intersection(found[one[pairs]], found[other[pairs]])) < 1e-9).all()
    for rows in (7, 32):
        again, flags_again = squared(values, rows, min_iou=0.8, wanted=wanted)
        assert flags_again == flags
        assert shapely.equals_exact(again, found, 0).all()


def test_neighbours_keep_clear(squared):
    """Of two buildings whose right angles would meet in a gap of one pixel, the larger is given them."""
    values = np.zeros((40, 60), np.uint16)
    values[10:30, 5:30] = 1
    values[10:30, 31:50] = 1
    values[18:22, 30] = 1  # a bump across the gap
    values[18:22, 31] = 0
    found, flags = squared(values)
    assert flags[0]
    assert not found[0].intersects(found[1])
    assert shapely.distance(*found) >= 0.1


@pytest.mark.parametrize(("strip", "expected"), [
    (60, [1, *[2] * 8, 3]),
    (50, [1, *[2] * 8, 4]),
    (25, [0] * 9 + [21]),
])  # fmt: skip
def test_areas_that_wait(strip, expected):
    """Areas are yielded with their own band or the next, unless one that comes near to them is unfinished."""
    values = np.zeros((400, 60), np.uint16)
    for top in range(5, 400, 20):
        values[top : top + 10, 5:20] = 1
    values[:, strip:] = 1
    bands = [Band(values=values[top : top + 40], pixel_m=(1.0, 1.0), last=top == 360) for top in range(0, 400, 40)]
    traced = trace_faces(bands, 60, np.arange(NODATA + 1) == 1)
    fit = Fit(tolerance_m=0.0, min_iou=0.95)
    made = regularise(traced, lambda points: np.tile(METRES, (len(points), 1, 1)), fit)
    assert [len(faces.value) for faces in made] == expected


@pytest.mark.parametrize("turn", [0, 30])
@pytest.mark.parametrize(("crs", "step", "origin"), [
    ("EPSG:32633", 1.0, (500_000, 5_400_000)),
    ("EPSG:4326", 1e-5, (15, 60)),
])  # fmt: skip
def test_right_on_the_ground(write_ids, tmp_path, crs, step, origin, turn):
    """Angles are right on the ellipsoid and sides as long as on the ground: in degrees, and on turned grids."""
    transform = rasterio.Affine(step, 0, origin[0], 0, -step, origin[1]) @ rasterio.Affine.rotation(turn)
    geod = Geod(ellps="WGS84")
    to_lonlat = (
        geopandas.GeoSeries(
            [shapely.Point(*(transform @ (x + 0.5, y + 0.5))) for y in range(80) for x in range(80)], crs=crs
        )
        .to_crs(4326)
        .get_coordinates()
        .to_numpy()
    )
    middle = (transform @ (40, 40)) if crs == "EPSG:4326" else None
    lon, lat = middle or to_lonlat.mean(axis=0)
    azimuth, _, metres = geod.inv(np.full(6400, lon), np.full(6400, lat), *to_lonlat.T)
    place = np.column_stack([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))]) * metres[:, None]
    house = shapely.affinity.rotate(shapely.box(-12, -8, 12, 8), 25)
    values = (~shapely.contains_xy(house, *place.T)).astype(np.uint8).reshape(80, 80)
    made = polygonise(write_ids(values, legend=AERIAL, crs=crs, transform=transform), regularise=["building"])
    (found,) = made.to_geodataframe().to_crs(4326).geometry
    corners = shapely.get_coordinates(found)
    bearing, _, length = geod.inv(*corners[:-1].T, *corners[1:].T)
    assert np.allclose(np.diff(bearing) % 180, 90, atol=0.02)
    assert np.allclose(sorted(length), [16, 16, 24, 24], atol=1)


def test_only_those_classes(write_ids, blots, tmp_path):
    """Only regularised classes are written, in every format, with a flag, and totals count those with right angles."""
    path = write_ids(blots(3, (90, 80)).astype(np.uint8), legend=AERIAL)
    formats = ["geojson", "flatgeobuf", "parquet"]
    made = polygonise(path, tmp_path / "houses.gpkg", regularise=["building"], min_iou=0.8, formats=formats)
    table = made.to_geodataframe()
    assert set(table["name"]) == {"building"}
    (total,) = made.totals.values()
    assert 0 < total.regularised == table["regularised"].sum()
    for file in made.files[1:]:
        other = geopandas.read_parquet(file) if file.suffix == ".parquet" else geopandas.read_file(
            file, **({"layer": "polygons"} if file.suffix == ".gpkg" else {})
        )  # fmt: skip
        assert other.sort_values("id")["regularised"].astype(bool).tolist() == table["regularised"].tolist()
    assert "regularised" not in polygonise(path, classes=["building"]).to_geodataframe()
    assert polygonise(path).totals[0].regularised is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"regularise": ["building"], "classes": ["road"]}, "`classes` and `regularise` were both given"),
        ({"regularise": ["castle"]}, "'castle' is not in the raster's legend"),
        ({"regularise": ["building"], "min_iou": 0}, "`min_iou` must be a number above 0 and up to 1"),
        ({"min_iou": 0.9}, "`min_iou` .* with `regularise`"),
    ],
)
def test_wrong_choices(write_ids, blots, wrong, message):
    """Choices that exclude each other, unknown classes and impossible shares end in a sentence."""
    with pytest.raises(UsageError, match=message):
        polygonise(write_ids(blots(3, (30, 30)).astype(np.uint8), legend=AERIAL), **wrong)
