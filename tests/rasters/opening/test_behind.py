"""A VRT, sidecar or STAC item opens no file elsewhere on this machine, unless the user allows it."""

import json
import os
import warnings
import zipfile
from collections import Counter
from xml.sax.saxutils import escape

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.vrt import WarpedVRT

from geoseg.errors import GeosegWarning, SceneError
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.sources import hdf5
from geoseg.rasters.sources.identity import identify
from geoseg.rasters.stac import open_source, read_assets

pytestmark = pytest.mark.usefixtures("impatient")

ELSEWHERE = r"names .*, which is not in its folder or below; .* GEOSEG_TRUSTED_FOLDERS"
SERVED = r"comes from a server, but names .*, a file of this machine; it is not opened"


def vrt(name, *, relative=0, extra="", element="SimpleSource"):
    return (
        '<VRTDataset rasterXSize="40" rasterYSize="40"><SRS>EPSG:32633</SRS>'
        "<GeoTransform>500000, 1, 0, 5400000, 0, -1</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1"><{element}>'
        f'<SourceFilename relativeToVRT="{relative}">{escape(str(name))}</SourceFilename>'
        f"<SourceBand>1</SourceBand></{element}>{extra}</VRTRasterBand></VRTDataset>"
    )


def raw(name):
    return (
        '<VRTDataset rasterXSize="8" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="0">{name}</SourceFilename>'
        "<PixelOffset>1</PixelOffset><LineOffset>8</LineOffset></VRTRasterBand></VRTDataset>"
    )


def read(source):
    with unplaced(), opened(str(source)) as dataset:
        return dataset.read()


@pytest.fixture
def private(write_scene, noise, tmp_path):
    """A raster that is nobody's business."""
    folder = tmp_path / "private"
    folder.mkdir()
    return write_scene(noise(40, 40), "private/secret.tif")


@pytest.fixture
def inbox(tmp_path):
    """A folder of files from elsewhere."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def test_beside(private):
    """Files in the folder of a VRT, and below it, are read by relative and absolute names."""
    top = private.parents[1] / "mosaic.vrt"
    for text in (vrt(private), vrt("private/secret.tif", relative=1), vrt("private/../private/secret.tif", relative=1)):
        top.write_text(text)
        assert (read(top) == read(private)[:1]).all()


def attacks(secret):
    """Names of a file for a VRT beside it."""
    yield vrt(secret)
    yield vrt("../private/secret.tif", relative=1)
    yield vrt(secret, element="ComplexSource")
    yield vrt(f"GTIFF_DIR:1:{secret}")
    yield vrt(f"/vsizip/{secret}.zip/secret.tif")
    yield vrt("here.tif", relative=1).replace(
        "<SourceFilename", f'<SourceFilename sourcefilename="{secret}" relativetovrt="1"'
    )
    yield raw(secret)
    yield raw("/etc/passwd")
    yield vrt("here.tif", relative=1, extra=f"<Overview><SourceFilename>{secret}</SourceFilename></Overview>")
    yield vrt("here.tif", relative=1, extra=f"<MaskBand>{raw(secret)[41:-13]}</MaskBand>")
    item = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI></Metadata>'
    yield vrt("here.tif", relative=1, extra=item)
    yield vrt("inner.vrt", relative=1)
    yield vrt("sidecar.tif", relative=1)
    yield vrt("tagged.tif", relative=1)
    yield vrt("link.tif", relative=1)
    with rasterio.open(secret) as dataset, WarpedVRT(dataset, crs="EPSG:3857") as warped:
        made = secret.with_name("warped.vrt")
        rasterio.shutil.copy(warped, made, driver="VRT")
    yield made.read_text().replace('relativeToVRT="1">secret.tif', f'relativeToVRT="0">{secret}')


@pytest.mark.parametrize("number", range(16))
def test_elsewhere(private, inbox, monkeypatch, number):
    """A VRT opens no file elsewhere, however it names it, nor by a file beside it; the sentence names the file.

    It does if the user trusts the folder of that.
    """
    rasterio.shutil.copy(private, inbox / "here.tif", driver="GTiff")
    rasterio.shutil.copy(private, inbox / "sidecar.tif", driver="GTiff")
    (inbox / "sidecar.tif.aux.xml").write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{private}</MDI></Metadata></PAMDataset>'
    )
    rasterio.shutil.copy(private, inbox / "tagged.tif", driver="GTiff")
    with rasterio.open(inbox / "tagged.tif", "r+") as tagged:
        tagged.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(private))
    with zipfile.ZipFile(f"{private}.zip", "w") as archive:
        archive.write(private, "secret.tif")
    (inbox / "inner.vrt").write_text(vrt(private))
    (inbox / "link.tif").symlink_to(private)
    text = list(attacks(private))[number]
    (inbox / "mosaic.vrt").write_text(text)
    with pytest.raises(SceneError, match=ELSEWHERE) as caught:
        read(inbox / "mosaic.vrt")
    assert "/etc/passwd" in str(caught.value) or "private/secret.tif" in str(caught.value)
    if "passwd" not in text:
        monkeypatch.setenv("GEOSEG_TRUSTED_FOLDERS", os.pathsep.join(["/nowhere", str(private.parent)]))
        assert read(inbox / "mosaic.vrt").size


def test_list_of_attacks_is_whole(private):
    """Each of the attacks is tried."""
    assert len(list(attacks(private))) == 16


@pytest.mark.parametrize(
    "name",
    [
        "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/${z}</ServerUrl></Service></GDAL_WMS>",
        "WMS:http://127.0.0.1:9/?",
        "DERIVED_SUBDATASET:AMPLITUDE:here.tif",
        "MEM:::DATAPOINTER=1,PIXELS=1,LINES=1",
        "/vsistdin/",
        "/vsisubfile/0_100,/etc/passwd",
        "/vsicurl/file:///etc/passwd",
        "/vsicurl?header_file=/etc/passwd&url=http://127.0.0.1",
        "file:///etc/passwd",
    ],
)
def test_other_names(inbox, name):
    """A VRT names files and URLs only."""
    (inbox / "mosaic.vrt").write_text(vrt(name))
    with pytest.raises(SceneError, match="which is neither a file nor a URL that geoseg opens"):
        read(inbox / "mosaic.vrt")


def test_text_behind_a_vrt(inbox):
    """A file beside a VRT that asks a server is no raster, whatever it is called."""
    (inbox / "tiles.tif").write_text("<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/</ServerUrl>")
    (inbox / "mosaic.vrt").write_text(vrt("tiles.tif", relative=1))
    with pytest.raises(SceneError, match="not recognized as being in a supported file format that geoseg opens"):
        read(inbox / "mosaic.vrt")


@pytest.mark.parametrize("allowed", [None, "YES", "TRUSTED_MODULES"])
def test_python_in_a_vrt(private, monkeypatch, allowed):
    """Python functions of a VRT are not run, whatever the environment says."""
    if allowed is not None:
        monkeypatch.setenv("GDAL_VRT_ENABLE_PYTHON", allowed)
    function = (
        "<PixelFunctionLanguage>{}</PixelFunctionLanguage><PixelFunctionType>run</PixelFunctionType>"
        "<PixelFunctionCode><![CDATA[open('{}', 'w')]]></PixelFunctionCode>"
    ).format("Python", private.with_name("made"))
    text = vrt(private, extra=function).replace('band="1"', 'band="1" subClass="VRTDerivedRasterBand"')
    (private.parent / "derived.vrt").write_text(text)
    with pytest.raises(SceneError, match="computes pixels with a Python function, which is not run"):
        read(private.parent / "derived.vrt")


@pytest.mark.parametrize(
    "text",
    [
        "<VRTDataset",
        '<!DOCTYPE x [<!ENTITY a "b">]><VRTDataset/>',
        vrt("x").replace("</SourceFilename>", "<!-- --></SourceFilename>"),
    ],
)
def test_doubtful_vrts(inbox, text):
    """A VRT that GDAL may read otherwise than Python is refused."""
    (inbox / "mosaic.vrt").write_text(text)
    with pytest.raises(SceneError, match="is not a valid VRT"):
        read(inbox / "mosaic.vrt")


@pytest.mark.parametrize("kind", ["average", "AVERAGE", "gauss", "bilinear"])
def test_means_that_depend_on_windows(private, kind):
    """A VRT by means of its sources' pixels, as of `gdalbuildvrt -r average`, shows other ones in other windows."""
    text = vrt("secret.tif", relative=1).replace("<SimpleSource", f'<SimpleSource resampling="{kind}"')
    (private.parent / "mosaic.vrt").write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        read(private.parent / "mosaic.vrt")
    texts = [str(each.message) for each in caught]
    assert texts == [] if kind == "bilinear" else len(texts) == 1 and "mosaic.vrt resamples by " in texts[0]


def test_pipes_behind_a_vrt(inbox):
    """A pipe that a VRT names is not waited for."""
    os.mkfifo(inbox / "pipe")
    (inbox / "mosaic.vrt").write_text(vrt("pipe", relative=1))
    with pytest.raises(SceneError, match="it is a device, pipe or socket"):
        read(inbox / "mosaic.vrt")


@pytest.mark.parametrize("place", ["/vsizip/{}/inbox.zip/a/mosaic.vrt", "zip://{}/inbox.zip!a/mosaic.vrt"])
def test_vrts_in_archives(private, inbox, place):
    """A VRT in an archive names what is in that, and nothing elsewhere."""
    for name in ("../secret.tif", private):
        with zipfile.ZipFile(inbox / "inbox.zip", "w") as archive:
            archive.write(private, "secret.tif")
            archive.writestr("a/mosaic.vrt", vrt(name, relative=1))
        if name == private:
            with pytest.raises(SceneError, match=ELSEWHERE):
                read(place.format(inbox))
        else:
            assert (read(place.format(inbox)) == read(private)[:1]).all()


def test_vrts_on_servers(private, server, tmp_path, monkeypatch):
    """A VRT on a server names files on servers, never on this machine, even if the user trusts their folder."""
    monkeypatch.setenv("GEOSEG_TRUSTED_FOLDERS", "/")
    inside = (vrt("private/secret.tif", relative=1), vrt(f"/vsicurl/{server.url('private/secret.tif')}"))
    for text in inside:
        (tmp_path / "mosaic.vrt").write_text(text)
        name = f"mosaic{inside.index(text)}.vrt"
        (tmp_path / "mosaic.vrt").rename(tmp_path / name)
        assert (read(server.url(name)) == read(private)[:1]).all()
    for number, text in enumerate((vrt(private), vrt(private, relative=1), raw(private), vrt("private/secret.tif"))):
        (tmp_path / f"bad{number}.vrt").write_text(text)
        with pytest.raises(SceneError, match=SERVED):
            read(server.url(f"bad{number}.vrt"))
        (tmp_path / f"outer{number}.vrt").write_text(vrt(f"/vsicurl/{server.url(f'bad{number}.vrt')}"))
        with pytest.raises(SceneError, match=SERVED):
            read(tmp_path / f"outer{number}.vrt")


def test_requests_for_mosaics(write_scene, noise, server, tmp_path):
    """To check a file on a server behind a VRT takes five requests: head, start, and three sidecars.

    Another one identifies each of the first eight.
    """
    pixels = noise(40, 40)
    urls = [f"/vsicurl/{server.url(write_scene(pixels, f'{number}.tif').name)}" for number in range(20)]
    sources = "".join(f"<SimpleSource><SourceFilename>{url}</SourceFilename></SimpleSource>" for url in urls)
    (tmp_path / "mosaic.vrt").write_text(vrt(urls[0], extra=sources))
    with opened(str(tmp_path / "mosaic.vrt")):
        asked = Counter(each.path.split(".")[0] for each in server.asked())
    assert asked.keys() == {str(number) for number in range(20)}
    assert max(asked.values()) <= 6
    assert sum(asked.values()) <= 20 * 5 + 8


def test_trusted_vrts(private, inbox, monkeypatch):
    """A name in the environment variable is that of a whole folder."""
    (inbox / "mosaic.vrt").write_text(vrt(private))
    monkeypatch.setenv("GEOSEG_TRUSTED_FOLDERS", str(private.parent)[:-1])
    with pytest.raises(SceneError, match=ELSEWHERE):
        read(inbox / "mosaic.vrt")


@pytest.mark.parametrize("href", ["{}", "file://{}", "../private/secret.tif", "/vsizip/{}.zip/secret.tif"])
def test_stac_items(private, inbox, href, monkeypatch):
    """A STAC item on disk opens no file elsewhere, unless its folder is trusted."""
    with zipfile.ZipFile(f"{private}.zip", "w") as archive:
        archive.write(private, "secret.tif")
    item = {"type": "Feature", "id": "one", "assets": {"visual": {"href": href.format(private)}}}
    (inbox / "item.json").write_text(json.dumps(item))
    (asset,) = read_assets(inbox / "item.json", "visual")
    with pytest.raises(SceneError, match=ELSEWHERE):
        open_source(asset)
    monkeypatch.setenv("GEOSEG_TRUSTED_FOLDERS", str(private.parent))
    assert open_source(asset).grid.shape == (40, 40)


def test_names_that_no_file_has(inbox):
    """A STAC item whose link no system can open is refused with a sentence."""
    item = {"type": "Feature", "id": "one", "assets": {"visual": {"href": "a\0b"}}}
    (inbox / "item.json").write_text(json.dumps(item))
    (asset,) = read_assets(inbox / "item.json", "visual")
    with pytest.raises(SceneError, match="is neither a file nor a URL"):
        open_source(asset)


@pytest.fixture
def write_h5(inbox, private):
    """Write an HDF5 file whose array `a` is in another one; returns its path."""

    def write(kind="raw", **options):
        secret = private.with_name("secret.h5")
        with h5py.File(secret, "w") as file:
            file["a"] = np.ones((8, 8), np.uint8)
        with h5py.File(inbox / "scene.h5", "w", **options) as file:
            file["whole"] = np.ones((8, 8), np.uint8)
            if kind == "raw":
                file.create_dataset("a", (8, 8), "u1", external=[(str(private), 0, 64)])
            elif kind == "link":
                file["a"] = h5py.ExternalLink(str(secret), "a")
            else:
                layout = h5py.VirtualLayout((8, 8), "u1")
                layout[:] = h5py.VirtualSource(str(secret), "a", (8, 8))
                file.create_virtual_dataset("a", layout)
        return inbox / "scene.h5"

    return write


@pytest.mark.parametrize("kind", ["raw", "link", "virtual"])
def test_hdf5(write_h5, kind):
    """An HDF5 file shows no bytes of another one."""
    path = write_h5(kind)
    for source in (path, f'HDF5:"{path}"://a'):
        with pytest.raises(SceneError, match="lies in another file"):
            read(source)


def test_hdf5_is_looked_at_once(inbox, monkeypatch):
    """An HDF5 file is searched for others once, before GDAL opens it; not again by whoever opened it before."""
    with h5py.File(inbox / "scene.h5", "w") as file:
        file["a"] = np.ones((8, 8), np.uint8)
    looked = []
    monkeypatch.setattr(hdf5, "check_self_contained", looked.append)
    with unplaced(), opened(str(inbox / "scene.h5")) as dataset:
        marks = identify(dataset)
    assert len(looked) == 1
    with unplaced(), opened(str(inbox / "scene.h5"), identity=marks):
        assert len(looked) == 1


def test_hdf5_after_a_block_of_the_user(write_h5):
    """Nor does one that begins with other bytes."""
    with pytest.raises(SceneError, match="lies in another file"):
        read(f'HDF5:"{write_h5(userblock_size=512)}"://a')


@pytest.mark.parametrize("name", ["scene.h5", 'HDF5:"{}"://a', 'HDF5:"scene.h5"://a'])
def test_hdf5_behind_a_vrt(write_h5, inbox, monkeypatch, name):
    """Nor does one that a VRT names."""
    path = write_h5()
    monkeypatch.chdir(inbox)
    (inbox / "mosaic.vrt").write_text(vrt(name.format(path)))
    with pytest.raises(SceneError, match="lies in another file"):
        read(inbox / "mosaic.vrt")


def test_hdf5_that_cannot_be_looked_at(write_h5, inbox):
    """One in an archive, or on a server, is not opened."""
    with zipfile.ZipFile(inbox / "scene.zip", "w") as archive:
        archive.write(write_h5(), "scene.h5")
    with pytest.raises(SceneError, match=r"in an archive or on a server, where geoseg cannot see .* save it on disk"):
        read(f'HDF5:"/vsizip/{inbox}/scene.zip/scene.h5"://a')


def test_options_of_opening(private, inbox):
    """A VRT that opens another with an option that names a folder leads nowhere."""
    (inbox / "inner.vrt").write_text(vrt("secret.tif", relative=1))
    options = f'<OpenOptions><OOI key="ROOT_PATH">{private.parent}</OOI></OpenOptions>'
    text = vrt("inner.vrt", relative=1).replace("</SourceFilename>", f"</SourceFilename>{options}")
    (inbox / "outer.vrt").write_text(text)
    with pytest.raises(
        SceneError, match=r"outer\.vrt opens a file with the option ROOT_PATH, which may lead to others"
    ):
        read(inbox / "outer.vrt")
    (inbox / "outer.vrt").write_text(text.replace("ROOT_PATH", "NUM_THREADS").replace(str(private.parent), "2"))
    rasterio.shutil.copy(private, inbox / "secret.tif", driver="GTiff")
    assert (read(inbox / "outer.vrt") == read(private)[:1]).all()


@pytest.mark.parametrize("overviews", [True, False])
def test_parts_elsewhere(private, inbox, overviews):
    """Nor does a file whose pixels are in a second one open that elsewhere, with or without overviews."""
    with rasterio.open(private) as raster:
        rasterio.shutil.copy(raster, inbox / "scene.img", driver="HFA", USE_SPILL="YES")
    (inbox / "scene.ige").rename(private.with_name("scene.ige"))
    (inbox / "scene.ige").symlink_to(private.with_name("scene.ige"))
    with pytest.raises(SceneError, match=ELSEWHERE), opened(str(inbox / "scene.img"), overviews=overviews):
        pass
