import dataclasses
import hashlib
import subprocess
import sys

import numpy as np
import pytest
import shapely
from rasterio.features import rasterize

from geoseg.rendering import STYLES, RenderedScene, Style, SurfaceClass, render_scene


@pytest.fixture(scope="module", params=sorted(STYLES))
def scene(request: pytest.FixtureRequest) -> RenderedScene:
    return render_scene(5, (300, 360), style=STYLES[request.param])


def digest(scene: RenderedScene) -> str:
    lines = b"".join(road.line.tobytes() + road.surface.encode() for road in scene.roads)
    return hashlib.sha256(scene.image.tobytes() + scene.classes.tobytes() + lines).hexdigest()


def test_shapes_and_types(scene):
    """An image of four uint8 bands and a class raster of known ids share one grid."""
    assert scene.image.shape == (300, 360, 4)
    assert scene.image.dtype == np.uint8
    assert scene.classes.shape == (300, 360)
    assert scene.classes.dtype == np.uint8
    assert set(np.unique(scene.classes)) <= {int(surface) for surface in SurfaceClass}


def test_same_seed_same_bytes():
    """A seed gives the same bytes in another process, with any hash seed and after any other scene."""
    code = (
        "import hashlib; from geoseg.rendering import render_scene; s = render_scene(3, (90, 70));"
        "lines = b''.join(r.line.tobytes() + r.surface.encode() for r in s.roads);"
        "print(hashlib.sha256(s.image.tobytes() + s.classes.tobytes() + lines).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    render_scene(4, (40, 40))
    assert digest(render_scene(3, (90, 70))) == other.stdout.strip()


def test_global_random_state_is_left_alone():
    """Rendering neither reads nor changes NumPy's global generator."""
    np.random.seed(1)  # noqa: NPY002 - the global generator is what is tested
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = digest(render_scene(8, (32, 32)))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert digest(render_scene(8, (32, 32))) == first


def test_seeds_differ():
    """Different seeds give different scenes, and draw different styles."""
    assert len({digest(render_scene(seed, (48, 48))) for seed in range(6)}) == 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 77), (65, 2), (33, 40)])
@pytest.mark.parametrize("gsd", [0.4, 2.5])
def test_any_size_and_gsd(shape, gsd):
    """Odd, tiny and narrow scenes have the requested shape at any ground sample distance."""
    scene = render_scene(2, shape, gsd=gsd)
    assert scene.image.shape == (*shape, 4)
    assert scene.classes.shape == shape


def test_every_style_shows_several_classes():
    """Each style gives at least three classes in a scene of ordinary size."""
    for name, style in STYLES.items():
        shares = np.bincount(render_scene(11, (320, 320), style=style).classes.ravel(), minlength=5) / 320**2
        assert (shares > 0.001).sum() >= 3, name


def test_centrelines_run_on_road(scene):
    """Every point of every centreline is on class road, also under trees, in shadows and on bridges."""
    height, width = scene.classes.shape
    for road in scene.roads:
        line = shapely.LineString(road.line)
        points = shapely.get_coordinates(line.interpolate(np.arange(0.5, line.length, 0.5)))
        columns, rows = np.clip(np.floor(points).astype(int), 0, [width - 1, height - 1]).T
        assert (scene.classes[rows, columns] == SurfaceClass.ROAD).all()


def test_roads_lie_inside_the_image(scene):
    """Centrelines are clipped to the image and do not cross themselves."""
    frame = shapely.box(0, 0, 360, 300).buffer(1e-6)
    for road in scene.roads:
        line = shapely.LineString(road.line)
        assert frame.covers(line)
        assert line.is_simple
        assert road.width_m > 0


@pytest.mark.parametrize("name", ["suburb", "desert_city", "dense_city", "coast"])
@pytest.mark.parametrize("seed", [3, 5])
def test_roads_meet_at_end_points_only(name, seed):
    """The network is noded: lines share only end points, except where one is a bridge over the other."""
    style = dataclasses.replace(STYLES[name], motorway=1.0, roundabouts=(0.3, 0.6))
    roads = render_scene(seed, (400, 400), style=style).roads
    lines = np.array([shapely.LineString(road.line) for road in roads])
    ends = shapely.multipoints(
        [line.coords[index] for line in lines for index in (0, -1)], indices=np.arange(len(lines)).repeat(2)
    )
    assert len(lines) > 10
    for one, other in shapely.STRtree(lines).query(lines, predicate="intersects").T:
        if one < other and not (roads[one].bridge or roads[other].bridge):
            shared = shapely.intersection(ends[one], ends[other])
            assert lines[one].intersection(lines[other]).equals(shared)


def test_bridges_cross_motorways_without_a_node():
    """Streets cross a dual carriageway on bridges, without a node."""
    style = dataclasses.replace(STYLES["dense_city"], motorway=1.0, water=("none",))
    crossings = 0
    for seed in range(3):
        roads = render_scene(seed, (450, 450), style=style).roads
        lines = np.array([shapely.LineString(road.line) for road in roads])
        for over, under in shapely.STRtree(lines).query(lines, predicate="crosses").T:
            if not roads[over].bridge:
                continue
            assert not roads[under].bridge
            ends = shapely.multipoints([line.coords[end] for line in (lines[over], lines[under]) for end in (0, -1)])
            assert lines[over].intersection(lines[under]).distance(ends) > 1
            crossings += 1
    assert crossings >= 4


def test_bridge_over_water_is_road():
    """Where a bridge crosses a river the class is road and there is water on both sides."""
    style = dataclasses.replace(STYLES["suburb"], motorway=0.0, water=("river",))
    found = 0
    for seed in range(6):
        scene = render_scene(seed, (400, 400), style=style)
        for road in scene.roads:
            line = shapely.LineString(road.line)
            if not road.bridge or line.length < 25 or road.line.min() < 20 or road.line.max() > 380:
                continue
            middle = np.array(line.interpolate(0.5, normalized=True).coords[0])
            along = road.line[-1] - road.line[0]
            across = np.array([-along[1], along[0]]) / np.hypot(*along) * (road.width_m / 2 + 3)
            sides = [scene.classes[tuple(np.floor(middle + sign * across).astype(int)[::-1])] for sign in (-1, 1)]
            assert scene.classes[tuple(np.floor(middle).astype(int)[::-1])] == SurfaceClass.ROAD
            found += sides == [SurfaceClass.WATER, SurfaceClass.WATER]
    assert found >= 2


@pytest.mark.parametrize("gsd", [0.5, 1.0, 2.0])
def test_widths_agree_with_classes(gsd):
    """Carriageways buffered by half their width cover the class road: intersection over union above 0.85."""
    size = int(400 / gsd)
    scene = render_scene(7, (size, size), gsd=gsd, style=STYLES["suburb"])
    areas = [shapely.LineString(road.line).buffer(road.width_m / 2 / gsd) for road in scene.roads]
    expected = rasterize(areas, (size, size)).astype(bool)
    road = scene.classes == SurfaceClass.ROAD
    assert (road & expected).sum() / (road | expected).sum() > 0.85
    # the rest is rounded corners and turning circles: carriageways themselves are covered entirely
    assert (road & expected).sum() / expected.sum() > 0.97


def test_trees_hide_roads_but_not_their_class():
    """Street trees change the image of roads but not their class."""
    bare, lined = (
        render_scene(
            6, (300, 300), style=dataclasses.replace(STYLES["suburb"], street_trees=(share, share), motorway=0.0)
        )
        for share in (0.0, 1.0)
    )
    road = bare.classes == SurfaceClass.ROAD
    assert np.array_equal(road, lined.classes == SurfaceClass.ROAD)
    infrared = lined.light[road][:, 3] / lined.light[road][:, 0].clip(0.01)
    assert (infrared > 3).mean() > (bare.light[road][:, 3] / bare.light[road][:, 0].clip(0.01) > 3).mean() + 0.02


def test_image_statistics_are_those_of_aerial_photographs(scene):
    """Mean 45 to 190, standard deviation 15 to 120 grey levels, and neighbouring pixels similar but not equal."""
    grey = scene.image[..., :3].astype(float).mean(axis=2)
    assert 45 < grey.mean() < 190
    assert 15 < grey.std() < 120
    neighbours = np.corrcoef(grey[:, 1:].ravel(), grey[:, :-1].ravel())[0, 1]
    assert 0.6 < neighbours < 0.999


def test_vegetation_is_bright_in_near_infrared():
    """Vegetation has a higher vegetation index (NDVI) than roads, buildings and water."""
    scene = render_scene(9, (320, 320), style=dataclasses.replace(STYLES["suburb"], water=("river",)))
    red, infrared = scene.light[..., 0], scene.light[..., 3]
    index = (infrared - red) / (infrared + red + 1e-3)
    medians = {surface: np.median(index[scene.classes == surface]) for surface in SurfaceClass}
    assert all(
        medians[SurfaceClass.VEGETATION] > medians[surface] + 0.2
        for surface in (SurfaceClass.ROAD, SurfaceClass.BUILDING, SurfaceClass.WATER)
    )


def test_style_is_frozen():
    """A style cannot be changed in place."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Style().motorway = 1.0  # type: ignore[misc]
