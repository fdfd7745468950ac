"""A raster that is replaced while it is read is an error, not a mixture of two."""

import os
import re
import shutil
from collections import deque

import numpy as np
import pytest
import rasterio.shutil
from standins import InPieces, replace_alike
from web_server import serving

import geoseg
from geoseg.datasets.codings import Coding
from geoseg.datasets.pairs import Files
from geoseg.errors import SceneError
from geoseg.evaluation.class_mapping import map_classes
from geoseg.evaluation.pairing import Pair
from geoseg.evaluation.raster_pair import open_pair as open_rasters
from geoseg.evaluation.strips import strips
from geoseg.models.bundle import Scaling
from geoseg.polygons import polygonise
from geoseg.polygons.class_raster import BAND_ROWS
from geoseg.prediction.inputs.imagery import Imagery
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.opening.open import opened
from geoseg.rasters.scene import open_scene, raster_of
from geoseg.rasters.sources.identity import check_unchanged
from geoseg.roads import road_raster
from geoseg.training.data.label_values import LabelEncoder
from geoseg.training.data.pairs import open_pair
from geoseg.training.data.read_pairs import read_pair
from geoseg.training.recipe.recipe import DataSet


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    with serving(tmp_path) as state:
        yield state


def touch(path):
    """Give a file another time of modification."""
    os.utime(path, ns=(1, 1))


def mosaic(source, path):
    rasterio.shutil.copy(source, path, driver="VRT")
    return path


OPENED = pytest.mark.parametrize("opened_as", ["scene.tif", "mosaic.vrt", "mosaic_of_mosaics.vrt"])


def write_mosaics(scene):
    """Write a VRT of a scene, and one of that VRT, beside it."""
    place = mosaic(scene, scene.with_name("mosaic.vrt"))
    scene.with_name("mosaic_of_mosaics.vrt").write_text(place.read_text().replace(f">{scene.name}<", ">mosaic.vrt<"))


def write_mask(scene, mask):
    """Write a mask beside a scene, whose own file stays as it is."""
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(scene, "r+") as raster:
        raster.write_mask(mask)


@pytest.mark.parametrize("change", [touch, replace_alike])
@pytest.mark.parametrize("name", ["scene.tif", "scene.tif.ovr", "scene.tif.msk"])
@OPENED
def test_files_that_change(write_scene, noise, tmp_path, name, opened_as, change):
    """A raster's file and its sidecars are compared, also behind a VRT and a VRT of VRTs."""
    scene = write_scene(noise(40, 40))
    with rasterio.open(scene, "r+") as raster, rasterio.Env(TIFF_USE_OVR=True):
        raster.build_overviews([2])
    write_mask(scene, noise(40, 40)[0] > 99)
    write_mosaics(scene)
    found = open_scene(tmp_path / opened_as)
    check_unchanged(found.source, found.identity)
    change(tmp_path / name)
    with pytest.raises(SceneError, match=f"{opened_as} has changed since the run began; start it again"):
        check_unchanged(found.source, found.identity)


@pytest.mark.parametrize("sidecar", ["scene.tif.msk", "scene.tif.aux.xml"])
@OPENED
def test_sidecars_that_come_and_go(write_scene, noise, tmp_path, sidecar, opened_as):
    """A mask or a nodata value that is added beside a raster, or taken away, changes it."""
    scene = write_scene(noise(40, 40))
    write_mosaics(scene)
    before = open_scene(tmp_path / opened_as)
    if sidecar.endswith(".msk"):
        write_mask(scene, noise(40, 40)[0] > 99)
    else:
        scene.with_name(sidecar).write_text(f"<PAMDataset>{NODATA.format(0, '')}</PAMDataset>")
    after = open_scene(tmp_path / opened_as)
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(before.source, before.identity)
    scene.with_name(sidecar).unlink()
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(after.source, after.identity)
    check_unchanged(before.source, before.identity)


def test_a_copy_is_the_same(write_scene, noise, tmp_path):
    """A file that is moved away and back, or copied with its times, is the one that it was: a run resumes."""
    scene = write_scene(noise(40, 40))
    found = open_scene(scene)
    shutil.copy2(scene, tmp_path / "copy.tif")
    scene.unlink()
    (tmp_path / "copy.tif").rename(scene)
    assert open_scene(scene).identity == found.identity


def test_a_large_file_of_the_same_size_and_time(write_scene, noise):
    """Of a large file, parts from its beginning to its end are compared."""
    scene = write_scene(noise(600, 600))
    found = open_scene(scene)
    content = scene.read_bytes()
    for changed in (content[:700_000] + bytes(len(content) - 700_000), bytes(8) + content[8:], content[:-1] + b"\0"):
        replace_alike(scene, changed)
        with pytest.raises(SceneError, match="has changed"):
            check_unchanged(found.source, found.identity)
    replace_alike(scene, content)
    check_unchanged(found.source, found.identity)


def test_many_files_behind_a_vrt(write_scene, noise, tmp_path):
    """Each of many files behind a VRT is compared."""
    write_scene(noise(40, 40))
    vrt = mosaic(tmp_path / "scene.tif", tmp_path / "mosaic.vrt")
    others = [f"{number}.tif" for number in range(80)]
    for name in others:
        shutil.copy2(tmp_path / "scene.tif", tmp_path / name)
    source = re.search("<SourceFilename.*</SourceFilename>", vrt.read_text())[0]
    more = "".join(f"<SimpleSource>{source.replace('scene.tif', name)}</SimpleSource>" for name in others)
    vrt.write_text(vrt.read_text().replace("</VRTRasterBand>", f"{more}</VRTRasterBand>"))
    found = open_scene(vrt)
    check_unchanged(found.source, found.identity)
    replace_alike(tmp_path / others[-1])
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)


def test_headers_behind_a_vrt(write_scene, noise, tmp_path):
    """The header of an ENVI file tells what its pixels are, also behind a VRT."""
    rasterio.shutil.copy(write_scene(noise(40, 40)), tmp_path / "raw.dat", driver="ENVI")
    found = open_scene(mosaic(tmp_path / "raw.dat", tmp_path / "mosaic.vrt"))
    check_unchanged(found.source, found.identity)
    touch(tmp_path / "raw.hdr")
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)


NODATA = '<PAMRasterBand band="1"><NoDataValue>{}</NoDataValue>{}</PAMRasterBand>'
STATISTICS = '<Metadata><MDI key="STATISTICS_MEAN">{}</MDI></Metadata><Histograms><HistItem>{}</HistItem></Histograms>'


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (None, "", True),
        (None, f'<PAMRasterBand band="1">{STATISTICS}</PAMRasterBand>', True),
        (STATISTICS, STATISTICS.replace("{}", "7"), True),
        (NODATA.format(0, STATISTICS), NODATA.format(0, "\n"), True),
        (NODATA.format(0, ""), None, False),
        (None, NODATA.format(0, STATISTICS), False),
        (NODATA.format(0, ""), NODATA.format(1, ""), False),
        (NODATA.format(0, ""), NODATA.format(0, "<Description>red</Description>"), False),
        ('<Metadata><MDI key="A" /></Metadata>', '<Metadata><MDI key="B" /></Metadata>', False),
        (NODATA.format(0, ""), NODATA.format(0, "<cut off"), False),
    ],
)
@pytest.mark.parametrize("touched", [False, True])
def test_statistics_in_a_sidecar(write_scene, noise, before, after, same, touched):
    """Statistics that another program writes to GDAL's sidecar are no change; what else it says is."""
    scene = write_scene(noise(40, 40))
    sidecar = scene.with_name("scene.tif.aux.xml")

    def write(content):
        sidecar.unlink(missing_ok=True)
        if content is not None:
            sidecar.write_text(f"<PAMDataset>{content}</PAMDataset>")
            if touched:
                touch(sidecar)

    write(before)
    found = open_scene(scene)
    write(after)
    if same:
        check_unchanged(found.source, found.identity)
    else:
        with pytest.raises(SceneError, match="has changed"):
            check_unchanged(found.source, found.identity)


def test_servers_behind_a_vrt(server, write_scene, noise, tmp_path):
    """A raster on a server counts behind a VRT, too."""
    scene = write_scene(noise(40, 40))
    found = open_scene(mosaic(server.url("scene.tif"), tmp_path / "mosaic.vrt"))
    check_unchanged(found.source, found.identity)
    touch(scene)
    with pytest.raises(SceneError, match=r"mosaic\.vrt has changed"):
        check_unchanged(found.source, found.identity)


def test_opened(write_scene, noise):
    """A raster is the same when it is closed as when it was opened, and as it was when it was described."""
    scene = write_scene(noise(40, 40))
    identity = open_scene(scene).identity
    with opened(str(scene), identity=identity):
        pass
    with pytest.raises(SceneError, match="has changed since the run began"), opened(str(scene)):
        touch(scene)
    with pytest.raises(SceneError, match="has changed"), opened(str(scene), identity=identity):
        pytest.fail("read another file than the one that was described")


def test_archives(write_scene, noise, tmp_path):
    """A raster in an archive is known by the archive."""
    import zipfile

    scene = write_scene(noise(40, 40))
    with zipfile.ZipFile(tmp_path / "scenes.zip", "w") as archive:
        archive.write(scene, "scene.tif")
    found = open_scene(f"/vsizip/{tmp_path}/scenes.zip/scene.tif")
    check_unchanged(found.source, found.identity)
    touch(tmp_path / "scenes.zip")
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)


def test_servers(server, write_scene, noise):
    """A raster on a server is known by its ETag, or else by its size; a server that tells nothing is believed."""
    scene = write_scene(noise(40, 40))
    found = open_scene(server.url("scene.tif"))
    check_unchanged(found.source, found.identity)
    server.behave(codes=[503, 500])
    check_unchanged(found.source, found.identity)
    server.behave(codes=[403])
    check_unchanged(found.source, found.identity)
    touch(scene)
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)
    server.behave(etags=False)
    found = open_scene(server.url("scene.tif"))
    touch(scene)
    check_unchanged(found.source, found.identity)
    scene.write_bytes(scene.read_bytes() + b"more")
    with pytest.raises(SceneError, match="has changed"):
        check_unchanged(found.source, found.identity)


class Meddling(InPieces):
    """Does something once a number of pieces are finished."""

    def __init__(self, after, meddle):
        self.after, self.meddle = after, meddle

    def pieces(self, jobs, clock):
        for number, finished in enumerate(super().pieces(jobs, clock), 1):
            if number == self.after:
                self.meddle()
            yield finished


@pytest.mark.parametrize("after", [1, 4])
@pytest.mark.parametrize("kind", ["file", "url"])
def test_prediction(server, write_scene, write_bundle, noise, echo, tmp_path, after, kind):
    """A scene replaced during a prediction, even at its end, ends it without results; the same call begins anew."""
    scene, model, out = write_scene(noise(200, 60)), write_bundle(), tmp_path / "out"
    source = scene if kind == "file" else server.url("scene.tif")

    def replace():
        other = write_scene(255 - noise(200, 60), "other.tif")
        touch(other)
        other.replace(scene)

    def predict(executor=None):
        return geoseg.predict(source, model=model, folder=out, load=echo, executor=executor)

    with pytest.raises(SceneError, match="has changed since the run began"):
        predict(Meddling(after, replace))
    assert not list(out.glob("*.tif"))


def test_rows(write_scene, write_bundle, noise, echo):
    """Rows of a scene that is replaced end in the error."""
    scene = write_scene(noise(200, 60))
    with geoseg.Model(write_bundle(), load=echo) as model:
        rows = model.rows(scene)
        next(rows)
        touch(scene)
        with pytest.raises(SceneError, match="has changed"):
            list(rows)


def test_roads(write_ids):
    """A raster that is replaced while its roads are traced is an error."""
    raster = write_ids(np.zeros((40, 40), np.uint8))
    with pytest.raises(SceneError, match="has changed"), road_raster(raster, road_class=1):
        touch(raster)


def test_polygons(write_ids, blobs):
    """A class raster that is replaced while it is polygonised is an error."""
    raster = write_ids(blobs(6 * BAND_ROWS, 60))
    with pytest.raises(SceneError, match="has changed"):
        polygonise(raster, None, progress=lambda *_: touch(raster))


def test_many_servers_behind_a_vrt(server, write_scene, noise, tmp_path):
    """Of many rasters on servers behind a VRT, those that are not compared are not asked for again."""
    write_scene(noise(40, 40))
    vrt = mosaic(server.url("scene.tif"), tmp_path / "mosaic.vrt")
    source = re.search("<SourceFilename.*</SourceFilename>", vrt.read_text())[0]
    others = [f"{number}.tif" for number in range(20)]
    for name in others:
        write_scene(noise(40, 40), name)
    more = "".join(f"<SimpleSource>{source.replace('scene.tif', name)}</SimpleSource>" for name in others)
    vrt.write_text(vrt.read_text().replace("</VRTRasterBand>", f"{more}</VRTRasterBand>"))
    found = open_scene(vrt)
    server.asked()
    check_unchanged(found.source, found.identity)
    assert len({each.path for each in server.asked()}) == 8


def sources(scene, server, folder):
    """Yield names of a raster: its file, its URL, and a VRT of that."""
    return {"file": scene, "url": server.url(scene.name), "vrt": mosaic(server.url(scene.name), folder / "mosaic.vrt")}


def test_opened_without_a_description(server, write_scene, noise, tmp_path):
    """A raster on a server behind a VRT is compared, too, by commands that do not describe it first."""
    scene = write_scene(noise(40, 40))
    vrt = sources(scene, server, tmp_path)["vrt"]
    with pytest.raises(SceneError, match=r"mosaic\.vrt has changed since the run began"), opened(str(vrt)):
        touch(scene)


@pytest.mark.parametrize("kind", ["file", "url", "vrt"])
def test_resize(server, write_scene, noise, tmp_path, kind):
    """A raster that is replaced while it is resized is an error, and nothing is written."""
    scene, output = write_scene(noise(60, 60)), tmp_path / "small.tif"
    source = sources(scene, server, tmp_path)[kind]
    with pytest.raises(SceneError, match="has changed"):
        geoseg.resize(source, output, scale=0.5, progress=lambda *_: touch(scene))
    assert not output.exists()


def test_resize_in_place(write_scene, noise):
    """A raster that is replaced by its own resized version has not changed while it was read."""
    scene = write_scene(noise(60, 60))
    geoseg.resize(scene, scene, scale=0.5, overwrite=True)
    with rasterio.open(scene) as found:
        assert found.shape == (30, 30)


@pytest.mark.parametrize("which", ["predicted", "reference"])
def test_evaluation(write_ids, blobs, which):
    """Neither of two rasters that are compared may be replaced meanwhile."""
    paths = {name: write_ids(blobs(60, 60), f"{name}.tif") for name in ("predicted", "reference")}
    pair = Pair(name="scene", **paths, source="scene")

    def compare():
        with open_rasters(pair, map_classes(None)) as rasters:
            deque(strips(rasters, 0), maxlen=0)
            touch(paths[which])

    with pytest.raises(SceneError, match=rf"{which}\.tif has changed"):
        compare()


@pytest.mark.parametrize("which", ["image", "label"])
def test_training(write_scene, write_ids, noise, blobs, which):
    """Images and labels are read as they were when the data set was described."""
    paths = {"image": write_scene(noise(60, 60)), "label": write_ids(blobs(60, 60))}
    touch(paths[which])
    with opened(str(paths["image"])) as image:
        imagery = Imagery(raster=raster_of(str(paths["image"]), image), bands=(1, 2, 3), validity=Validity())
    coding = Coding(coloured=False, names={})
    (pair,) = open_pair(
        Files(name="scene", **paths),
        imagery,
        (Scaling(),) * 3,
        DataSet(name="set", images=str(paths["image"])),
        LabelEncoder(data_set="set", coding=coding, table={value: value for value in range(5)}, others=None),
        gsds_m=[None],
        ignored=255,
    )
    roi = slice(0, 60), slice(0, 60)
    read_pair(pair, roi)
    os.utime(paths[which], ns=(2, 2))
    with pytest.raises(SceneError, match=f"{paths[which].name} has changed"):
        read_pair(pair, roi)
