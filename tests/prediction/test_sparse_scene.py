"""A mostly empty scene that a sparse file holds gives the map of the same scene written in full, at little cost."""

import weakref

import numpy as np
import pytest
import rasterio
from cogs import pixels_of
from rasterio.windows import Window
from standins import Echo, load_echo, make_card

import geoseg
from geoseg.models.legend import NODATA
from geoseg.prediction import blocks, disk, layers
from geoseg.prediction.blocks import predict_block
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene

SHAPE = (1700, 2300)
BLOCK = 512
WRITTEN = [(0, 0), (2, 3)]
"""Blocks with data; rows of tiles between them have none."""
EVERYTHING = {"confidence": True, "probabilities": True, "disagreement": True, "overlap": 0.25, "tile": 64}


@pytest.fixture
def scenes(write_scene, tmp_path):
    """A scene of waves and a road, whose empty blocks are not in the file, and the same written in full."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    pixels = np.stack([np.rint(60 * np.sin(x / (7 + band)) + 60 * np.cos(y / 9) + 125) for band in range(3)])
    pixels = pixels.astype(np.uint8)
    pixels[2, 1100:1108] = pixels[2, :, 2000:2006] = 250
    keep = np.zeros(SHAPE, bool)
    for row, col in WRITTEN:
        keep[row * BLOCK : (row + 1) * BLOCK, col * BLOCK : (col + 1) * BLOCK] = True
    (tmp_path / "full").mkdir()
    full = write_scene(pixels * keep, "full/scene.tif", nodata=0, tiled=True, blockxsize=BLOCK, blockysize=BLOCK)
    sparse = tmp_path / "sparse" / "scene.tif"
    sparse.parent.mkdir()
    with rasterio.open(full) as source, rasterio.open(sparse, "w", **source.profile, sparse_ok=True) as target:
        for row, col in WRITTEN:
            window = Window(col * BLOCK, row * BLOCK, BLOCK, BLOCK)
            window = window.intersection(Window(0, 0, source.width, source.height))
            target.write(source.read(window=window), window=window)
    assert held(sparse) == set(WRITTEN)
    return full, sparse


def held(path):
    """Row and column of the blocks that a file holds."""
    with rasterio.open(path) as raster:
        places = [place for place, _ in raster.block_windows(1)]
        names = [f"BLOCK_OFFSET_{col}_{row}" for row, col in places]
        there = [raster.get_tag_item(name, "TIFF", bidx=1) is not None for name in names]
    return {place for place, written in zip(places, there, strict=True) if written}


@pytest.fixture
def predict(write_bundle, tmp_path):
    """Predict a scene with all layers."""
    model = write_bundle()

    def run(scene, name, **choices):
        choices = EVERYTHING | choices
        return geoseg.predict(scene, model=model, folder=tmp_path / name, load=load_echo, **choices)

    return run


def test_the_same_files(scenes, predict, monkeypatch):
    """Without a threshold, files of both scenes are the same to the byte; a sparse result has the same pixels."""
    full, sparse = scenes
    expected, found = predict(full, "full"), predict(sparse, "found")
    assert expected.roads.count
    assert found.areas == expected.areas
    for one, other in zip(found.outputs.files, expected.outputs.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    monkeypatch.setattr(layers, "LEAST_SPARSE", 1)
    small = predict(sparse, "small")
    for name, path in small.outputs.rasters.items():
        assert held(path) == set(WRITTEN)
        assert path.stat().st_size < expected.outputs.rasters[name].stat().st_size
        for one, other in zip(pixels_of(path), pixels_of(expected.outputs.rasters[name]), strict=True):
            # GDAL rounds a mean otherwise where it is made for another window.
            np.testing.assert_allclose(one.astype(int), other.astype(int), rtol=0, atol=name != "classes")
    for name, path in small.outputs.roads.items():
        assert path.read_bytes() == expected.outputs.roads[name].read_bytes()


def test_resumed(scenes, predict, monkeypatch):
    """A run that was stopped after its last piece reads pieces without data from the journal."""
    monkeypatch.setattr(layers, "LEAST_SPARSE", 1)
    _, sparse = scenes
    expected = predict(sparse, "expected")

    def stop(done, total, _):
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(sparse, "found", progress=stop)
    found = predict(sparse, "found")
    for one, other in zip(found.outputs.files, expected.outputs.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_a_resampled_scene(scenes, predict):
    """Empty ground of a scene that is resampled is empty, too."""
    full, sparse = scenes
    expected, found = (predict(scene, name, gsd_m=1.6) for scene, name in ((full, "full"), (sparse, "found")))
    for one, other in zip(found.outputs.files, expected.outputs.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_on_a_cluster(scenes, predict, monkeypatch):
    """Workers, which read pieces of the journal, give the same bytes."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(layers, "LEAST_SPARSE", 1)
    _, sparse = scenes
    expected = predict(sparse, "expected")
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        found = predict(sparse, "found", executor=geoseg.DaskExecutor(client=client))
    assert found.areas == expected.areas
    for one, other in zip(found.outputs.files, expected.outputs.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_disk_space(scenes, predict, monkeypatch):
    """The estimate of the disk space covers the results of a sparse scene, and knows that it is one."""
    monkeypatch.setattr(disk, "_FEWEST", 1)
    card, choices = make_card(), EVERYTHING | {"probabilities": False, "disagreement": False}  # which are noise here
    full, sparse = (plan(open_scene(scene), card, Settings(**choices)) for scene in scenes)
    made = predict(scenes[1], "out", **choices)
    held = sum(path.stat().st_size for path in made.outputs.rasters.values())
    assert held <= sparse.result_disk <= 0.15 * full.result_disk
    assert sparse.work_disk <= 0.15 * full.work_disk
    assert full.share == 1
    assert plan(open_scene(scenes[1]), card, Settings()).share == pytest.approx(2 * BLOCK**2 / (SHAPE[0] * SHAPE[1]))


class Ahead(Echo):
    """Takes tiles before it returns scores, as engines do that have several in work."""

    def stream(self, tiles):
        waiting = []
        for tile in tiles:
            waiting.append(tile)
            if len(waiting) > 2:
                yield self(waiting.pop(0)[None])[0]
        for tile in waiting:
            yield self(tile[None])[0]


@pytest.mark.parametrize("whole", [True, False], ids=["sparse", "full"])
def test_strips_without_data_do_not_pile_up(scenes, monkeypatch, whole):
    """However many rows have no data, few strips are held: the memory of a run does not grow with its height."""
    read, alive, most = blocks.read_strips, [], 0

    def watched(*arguments):
        nonlocal alive, most
        for strip in read(*arguments):
            alive = [each for each in alive if each() is not None] + [weakref.ref(strip)]
            most = max(most, len(alive))
            yield strip
            del strip

    monkeypatch.setattr(blocks, "read_strips", watched)
    planned = plan(open_scene(scenes[whole]), make_card(tile=32, overlap=8, multiple=2), Settings())
    assert planned.lattice.rows.count > 60
    rows = list(predict_block(planned, planned.roi, Ahead()))
    assert most < 16
    classes = np.concatenate([each.classes for each in rows])
    with rasterio.open(scenes[0]) as raster:
        np.testing.assert_array_equal(classes == NODATA, ~raster.read().any(axis=0))
    assert any(each.empty for each in rows)


def test_a_name_that_xml_cannot_hold(scenes, predict, monkeypatch):
    """A control character in the name of a scene, which GDAL's XML cannot hold, is escaped in the tags."""
    _, sparse = scenes
    monkeypatch.setattr(layers, "LEAST_SPARSE", 1)
    made = predict(sparse.rename(sparse.with_name("sc\x0bene.tif")), "named")
    with rasterio.open(made.outputs.classes) as raster:
        assert raster.tags()["GEOSEG_SCENE"].endswith("sc\\x0bene.tif")
