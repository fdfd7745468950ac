"""How a prediction is run changes no byte of it: batches, blocks, workers, clusters, resumption, area of interest."""

import subprocess
import sys
from pathlib import Path

import geopandas
import keras
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
from standins import InBlocks, make_card, write_warped

import geoseg
from geoseg.models.bundle import read_card
from geoseg.models.engines.registry import load_engine
from geoseg.models.legend import NODATA
from geoseg.models.networks.presets import build_preset
from geoseg.models.saved_network import save_bundle
from geoseg.prediction.cluster.executor import DaskExecutor
from geoseg.prediction.planning import plan
from geoseg.rasters.scene import open_scene

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A bundle with a real, untrained network, small enough to run in a test."""
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("bundle") / "tiny.keras"
    card = make_card(name="tiny", multiple=16)
    save_bundle(build_preset("attention_resunet", bands=3, classes=5, width=4), card, path)
    return path


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A scene of several tiles each way, with structure that a network reacts to, a hole and a slanting collar."""
    y, x = np.mgrid[:230, :210]
    waves = [np.sin(x / (7 + band)) + np.cos(y / (11 - band)) for band in range(3)]
    pixels = np.rint(np.stack(waves) * 60 + 127).astype(np.uint8)
    valid = (np.hypot(x - 130, y - 70) > 23) & (x + 3 * y > 140)
    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    place = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", count=3, height=230, width=210, dtype="uint8", crs="EPSG:32633", transform=place
        ) as dataset,
    ):
        dataset.write(pixels)
        dataset.write_mask(valid)
    return path


def contents(folder):
    """Bytes of every result in a folder, by name; nothing else may lie there."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


LAYERS = {"confidence": True, "disagreement": True, "probabilities": True, "min_confidence": 0.24}
"""All that a run may write; a part of the pixels is unknown."""


def predicted(scene, network, folder, **choices):
    geoseg.predict(scene, model=network, folder=folder, **LAYERS, **choices)
    return contents(folder)


def budget_of(columns, scene, network, **choices):
    """A memory budget for blocks of a number of columns, with all layers."""
    settings = geoseg.Settings(**LAYERS, **choices)
    planned = plan(open_scene(scene), read_card(network), settings, runtime=settings.choose_runtime())
    return planned.worker_memory.total(columns=columns, streams=1)


def kill(scene, network, folder, tiles, **choices):
    """Predict in a process that is killed when it has scored a number of tiles."""
    choices = LAYERS | choices
    script = f"""
import os, signal
import geoseg
from geoseg.models.engines.registry import load_engine

class Doomed:
    left = {tiles}
    def __init__(self, *arguments):
        self.engine = load_engine(*arguments)
    def __call__(self, pixels):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        return self.engine(pixels)

geoseg.predict({str(scene)!r}, model={str(network)!r}, folder={str(folder)!r}, load=Doomed, **{choices!r})
"""
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert [path.name for path in folder.iterdir()] == [".scene.geoseg"]
    return len(list(folder.rglob("classes_*.tif")))


@pytest.fixture(scope="module")
def reference(scene, network, tmp_path_factory):
    """All files of a plain run: one worker, one block, batches of one."""
    return predicted(scene, network, tmp_path_factory.mktemp("reference"))


@pytest.mark.parametrize("batch_size", [2, 3, 7])
def test_batch_size(scene, network, reference, tmp_path, batch_size):
    """A tile's scores do not depend on the tiles that share its batch."""
    assert predicted(scene, network, tmp_path, batch_size=batch_size) == reference


@pytest.mark.parametrize("workers", [2, 5])
def test_rows_split(scene, network, reference, tmp_path, workers):
    """Blocks that share tile rows finish the same pixels."""
    assert predicted(scene, network, tmp_path, executor=InBlocks(workers=workers)) == reference


def test_columns_split(scene, network, reference, tmp_path):
    """A memory budget that holds only part of the width gives the same files."""
    budget = budget_of(130, scene, network)
    settings = geoseg.Settings(**LAYERS, memory=budget)
    planned = plan(open_scene(scene), read_card(network), settings, runtime=settings.choose_runtime())
    assert len(planned.blocks) == 3
    assert predicted(scene, network, tmp_path, memory=budget) == reference


@pytest.mark.slow
def test_dask_cluster(scene, network, reference, tmp_path, monkeypatch):
    """Worker processes of a Dask cluster write the same files, wherever they run; their errors arrive as they are."""
    distributed = pytest.importorskip("distributed")
    (tmp_path / "scene.tif").write_bytes(scene.read_bytes())
    (tmp_path / "cut.tif").write_bytes(scene.read_bytes()[:100_000])
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = DaskExecutor(client=client)
        assert executor.workers == 2
        monkeypatch.chdir(tmp_path)  # the workers stay where they were started
        assert predicted("scene.tif", network, Path("out"), executor=executor) == reference
        with pytest.raises(geoseg.SceneError, match=r"cut\.tif cannot be read"):
            geoseg.predict("cut.tif", model=network, folder="out", executor=executor)
    assert contents(tmp_path / "out") == reference


@pytest.mark.parametrize("tiles", [1, pytest.param(13, marks=pytest.mark.thorough)])
def test_resumed_after_a_kill(scene, network, tmp_path, tiles):
    """A run that is killed leaves no result; the same call goes on from its journal and ends in the same bytes."""
    finished = kill(scene, network, tmp_path, tiles)
    scored = []

    def load(model, options):
        engine = load_engine(model, options)

        def score(pixels):
            scored.append(len(pixels))
            return engine(pixels)

        return score

    loaded = predicted(scene, network, tmp_path, load=load)
    assert loaded == predicted(scene, network, tmp_path / "fresh", load=load_engine)
    assert len(scored) == (25 if not finished else 25 - 5 * finished + 5), "only what the journal lacks is predicted"


def test_journal_of_another_plan_is_not_used(scene, network, reference, tmp_path):
    """Pieces that were made with other settings, or by another model of the same name, never enter a result."""
    model = tmp_path / "model.keras"
    model.write_bytes(network.read_bytes())
    out = tmp_path / "out"
    out.mkdir()
    assert kill(scene, model, out, 13, window="linear") > 0
    assert predicted(scene, model, out) == reference


def test_replaced_model_is_loaded_anew(scene, network, reference, tmp_path):
    """A model file that changes between two calls is not answered for by the one that was loaded before."""
    keras.utils.set_random_seed(2)
    model = tmp_path / "model.keras"
    save_bundle(build_preset("attention_resunet", bands=3, classes=5, width=4), read_card(network), model)
    other = predicted(scene, model, tmp_path / "other")
    model.write_bytes(network.read_bytes())
    assert predicted(scene, model, tmp_path / "same") == reference
    assert other != reference


def test_mosaic_whose_parts_change(scene, network, tmp_path):
    """A run on a VRT is begun anew when a raster behind it has changed since."""
    part = tmp_path / "part.tif"
    part.write_bytes(scene.read_bytes())
    mosaic, out = tmp_path / "scene.vrt", tmp_path / "out"
    rasterio.shutil.copy(part, mosaic, driver="VRT")
    out.mkdir()
    assert kill(mosaic, network, out, 13) > 0
    with rasterio.open(part, "r+") as dataset:
        dataset.write(255 - dataset.read())
    changed = predicted(mosaic, network, out)
    assert changed == predicted(mosaic, network, tmp_path / "fresh")


def test_stopped_while_publishing(scene, network, reference, tmp_path, monkeypatch):
    """A run that is stopped between two of its renames is completed by the same call, which finds its own files."""
    rename = Path.replace

    def stop(path, target):
        if Path(target).name == "scene_classes.qml":
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            predicted(scene, network, tmp_path)
    assert (tmp_path / "scene_roads.geojson").exists()
    assert not (tmp_path / "scene_classes.tif").exists()
    assert predicted(scene, network, tmp_path) == reference


@pytest.mark.parametrize("bounds", [(31, 47, 180, 199), (0, 0, 17, 230), (60, 60, 61, 61)])
def test_area_of_interest(scene, network, tmp_path, reference, tmp_path_factory, bounds):
    """In an area of interest every pixel is as in the whole scene; the raster covers the area's bounds only."""
    whole = tmp_path_factory.mktemp("whole")
    for name in ("scene_classes.tif", "scene_probabilities.tif"):
        (whole / name).write_bytes(reference[name])
    left, top, right, bottom = bounds[0], bounds[1], min(bounds[2], 210), bounds[3]
    area = shapely.box(500_000 + left, 5_400_000 - bottom, 500_000 + right, 5_400_000 - top)
    geopandas.GeoSeries([area], crs="EPSG:32633").to_file(tmp_path / "area.gpkg")
    predicted(scene, network, tmp_path / "part", aoi=tmp_path / "area.gpkg")
    for name in ("scene_classes.tif", "scene_probabilities.tif"):
        with rasterio.open(tmp_path / "part" / name) as part, rasterio.open(whole / name) as full:
            np.testing.assert_array_equal(part.read(), full.read()[:, top:bottom, left:right])
            assert part.transform @ (0, 0) == (500_000 + left, 5_400_000 - top)


def test_area_of_interest_with_a_slanted_edge(scene, network, reference, tmp_path):
    """Pixels whose centre lies outside the polygons are nodata, as are those without data."""
    triangle = shapely.Polygon([(500_010, 5_399_990), (500_200, 5_399_990), (500_010, 5_399_800)])
    geopandas.GeoSeries([triangle], crs="EPSG:32633").to_file(tmp_path / "area.gpkg")
    predicted(scene, network, tmp_path / "part", aoi=tmp_path / "area.gpkg")
    with rasterio.open(tmp_path / "part" / "scene_classes.tif") as part:
        found = part.read(1)
        columns, rows = np.meshgrid(np.arange(part.width) + 0.5, np.arange(part.height) + 0.5)
        inside = shapely.contains_xy(triangle, *(part.transform @ (columns, rows)))
        with rasterio.open(scene) as whole:
            inside &= whole.read_masks(1, window=whole.window(*part.bounds)) > 0
    on_edge = columns + rows == 190  # centres on the slanted edge itself fall either way
    np.testing.assert_array_equal((found != NODATA)[~on_edge], inside[~on_edge])


def test_resampled_scene_split(scene, network, tmp_path, monkeypatch):
    """Blocks of a scene that is resampled on the way give the same files as one block, masked pixels included."""
    masked = tmp_path / "scene.tif"
    masked.write_bytes(scene.read_bytes())
    with rasterio.open(masked, "r+") as dataset:
        dataset.nodata = int(dataset.read(1)[100, 100])
    whole = predicted(masked, network, tmp_path / "whole", gsd_m=0.77)
    monkeypatch.setattr("geoseg.rasters.read.PART_SIDE", 50)
    budget = budget_of(130, masked, network, gsd_m=0.77)
    split = predicted(masked, network, tmp_path / "split", gsd_m=0.77, memory=budget, executor=InBlocks(workers=4))
    assert split == whole


@pytest.mark.parametrize("mosaic", [False, True])
def test_warped_vrt_split(write_scene, write_bundle, echo, noise, tmp_path, mosaic):
    """Blocks of a VRT that warps, or of one that shows such a VRT, give the same files as one block."""
    source, scene = write_scene(noise(400, 700), "source.tif", nodata=255), tmp_path / "scene.vrt"
    write_warped(source, scene)
    if mosaic:
        with rasterio.open(scene.rename(tmp_path / "inner.vrt")) as warped:
            place = ", ".join(map(str, warped.transform.to_gdal()))
            shown = "".join(
                f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>255</NoDataValue><SimpleSource>'
                f'<SourceFilename relativeToVRT="1">inner.vrt</SourceFilename><SourceBand>{band}</SourceBand>'
                "</SimpleSource></VRTRasterBand>"
                for band in (1, 2, 3)
            )
            scene.write_text(
                f'<VRTDataset rasterXSize="{warped.width}" rasterYSize="{warped.height}"><SRS>EPSG:32632</SRS>'
                f"<GeoTransform>{place}</GeoTransform>{shown}</VRTDataset>"
            )
    # GDAL warps a window at once that is larger than the blocks of the VRT, of 128 × 512 pixels.
    choices = {"model": write_bundle(), "load": echo, "bands": (1, 2, 3), "tile": 192}
    geoseg.predict(scene, folder=tmp_path / "whole", **choices)
    geoseg.predict(scene, folder=tmp_path / "split", executor=InBlocks(workers=7), **choices)
    assert contents(tmp_path / "split") == contents(tmp_path / "whole")
