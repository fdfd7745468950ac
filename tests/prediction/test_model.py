"""A model loaded once: the same classes from files, arrays and rows as from `geoseg.predict`."""

import gc
import threading
import weakref

import numpy as np
import pytest
import rasterio
import xarray
from odc.geo.geobox import GeoBox
from standins import Echo, load_echo, make_card

import geoseg
from geoseg.errors import GeosegWarning, SceneError, UsageError
from geoseg.models.bundle import Scaling
from geoseg.models.engines.runtime import Runtime
from geoseg.models.legend import NODATA
from geoseg.models.networks.presets import build_preset
from geoseg.models.saved_network import save_bundle
from geoseg.prediction.cluster.executor import DaskExecutor
from geoseg.prediction.settings import Options, Settings

SMALL = GeoBox((9, 9), rasterio.Affine.identity(), "EPSG:32633")


@pytest.fixture
def model(write_bundle):
    """A model whose network echoes its input."""
    return geoseg.Model(write_bundle(), load=load_echo)


@pytest.fixture
def opened():
    """Pixels `(bands, rows, columns)` and grid of a raster file."""

    def read(path):
        with rasterio.open(path) as raster:
            return raster.read(), GeoBox(raster.shape, raster.transform, raster.crs)

    return read


def classes_of(prediction):
    with rasterio.open(prediction.outputs.classes) as raster:
        return raster.read(1)


def test_options_are_the_settings():
    """Every field of `Settings` is a typed keyword, of the same type."""
    assert Options.__annotations__ == {name: field.type for name, field in Settings.__dataclass_fields__.items()}


def test_predict_is_the_one_liner(model, write_scene, noise, tmp_path):
    """The model predicts a scene to the same files as `geoseg.predict`, which takes the model's path."""
    scene = write_scene(noise(150, 130))
    ours = model.predict(scene, folder=tmp_path / "a", confidence=True)
    other = geoseg.predict(scene, model=model.path, load=load_echo, folder=tmp_path / "b", confidence=True)
    assert ours.areas == other.areas
    for one, two in zip(ours.outputs.files, other.outputs.files, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_loaded_once(write_bundle, write_scene, noise, tmp_path):
    """The network is loaded at its first use, serves every scene, and goes with `close`."""
    loads = []

    def load(path, options):
        loads.append((path, options.tta))
        return Echo()

    with geoseg.Model(write_bundle(), load=load) as model:
        assert not loads
        for number in range(2):
            model.predict(write_scene(noise(40, 40), f"{number}.tif"), folder=tmp_path)
        model.predict_array(noise(30, 30))
        assert loads == [(model.path, "none")]
        model.predict_array(noise(30, 30), tta="flips")
        assert loads[1:] == [(model.path, "flips")]
    model.predict_array(noise(30, 30))
    assert len(loads) == 3


def test_threads_share_a_model(write_bundle, noise):
    """A thread that needs the network while another loads it waits for it, and both predict the same."""
    loads, found = [], []

    def predict():
        found.append(model.predict_array(noise(40, 40)))

    second = threading.Thread(target=predict)

    def load(path, options):
        loads.append(path)
        if second.ident is None:
            second.start()
            second.join(timeout=0.3)  # without a lock, it would load another one now
        return Echo()

    model = geoseg.Model(write_bundle(), load=load)
    predict()
    second.join()
    assert len(loads) == 1
    np.testing.assert_array_equal(*found)


def test_runtime_is_chosen_once(write_bundle, noise, monkeypatch):
    """A model asks the machine for devices once for each engine, precision and devices, until it is closed."""
    asked = []

    def choose(*wish):
        asked.append(wish)
        return Runtime(engine="openvino", version="1", precision="float32", hardware="CPU")

    monkeypatch.setattr("geoseg.prediction.settings.choose_runtime", choose)
    monkeypatch.setattr("geoseg.prediction.model.new_engine", load_echo)
    with geoseg.Model(write_bundle()) as model:
        for _ in range(2):
            model.predict_array(noise(30, 30))
        model.predict_array(noise(30, 30), devices="cpu")
        assert asked == [("auto", "auto", "auto"), ("auto", "auto", "cpu")]
    model.predict_array(noise(30, 30))
    assert len(asked) == 3


def test_closed_network_is_released(tmp_path, noise):
    """After `close` nothing holds the network: its memory can be used again."""
    path = tmp_path / "tiny.keras"
    save_bundle(build_preset("unet", bands=3, classes=5, width=2), make_card(name="tiny"), path)
    model = geoseg.Model(path)
    model.predict_array(noise(70, 70))
    (engine,) = map(weakref.ref, model._engines.values())
    assert engine() is not None
    model.close()
    gc.collect()
    assert engine() is None


def test_cluster_loads_its_own(model, write_scene, noise, tmp_path):
    """Workers of a cluster get the loader, not the loaded network."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster, Client(cluster) as client:
        found = model.predict(write_scene(noise(90, 90)), folder=tmp_path, executor=DaskExecutor(client=client))
    assert not model._engines
    assert found.outputs.classes.exists()


def test_rows_are_the_classes(model, write_scene, noise, tmp_path):
    """Rows follow one another from top to bottom; together they are the class raster, each with its place."""
    scene = write_scene(noise(170, 90))
    expected = classes_of(model.predict(scene, folder=tmp_path))
    parts = list(model.rows(scene))
    assert len(parts) > 1
    assert [part.rows.start for part in parts[1:]] == [part.rows.stop for part in parts[:-1]]
    np.testing.assert_array_equal(np.concatenate([part.classes for part in parts]), expected)


def test_array_is_the_file(model, write_scene, noise, opened, tmp_path):
    """An array with its grid gives what its file gives, on its own pixels even where the model works on others."""
    for name, metres in (("same", 1.0), ("finer", 0.4), ("coarser", 2.0)):
        scene = write_scene(
            noise(120, 110), f"{name}.tif", transform=rasterio.Affine(metres, 0, 5e5, 0, -metres, 5.4e6)
        )
        expected = classes_of(model.predict(scene, folder=tmp_path, match_input=True))
        np.testing.assert_array_equal(model.predict_array(*opened(scene)), expected)


def test_array_without_georeference(model, noise):
    """Pixels without a grid have the model's GSD, or the one that is given."""
    pixels = noise(100, 80)
    plain = model.predict_array(pixels)
    assert (plain.shape, plain.dtype) == ((100, 80), np.uint8)
    np.testing.assert_array_equal(plain, pixels[[number % 3 for number in range(5)]].argmax(axis=0))
    assert (model.predict_array(pixels, image_gsd_m=2.0) != plain).any()


def test_probabilities_and_nodata(model, noise):
    """Probabilities are fractions, NaN where the array has no data."""
    pixels = noise(64, 64)
    pixels[:, :10] = 7
    found = model.predict_array(pixels, nodata=7, probabilities=True)
    assert (found.shape, found.dtype) == ((5, 64, 64), np.float32)
    assert np.isnan(found[:, :10]).all()
    inside = found[:, 12:]
    np.testing.assert_allclose(inside, pixels[[0, 1, 2, 0, 1], 12:] / 254, atol=1e-6)
    assert (model.predict_array(pixels, nodata=7)[:10] == NODATA).all()


def test_masked_array(model, noise, write_scene, opened):
    """Masked pixels have no data, with a grid and without."""
    pixels = noise(80, 70)
    masked = np.zeros((80, 70), bool)
    masked[20:40, 10:30] = True
    array = np.ma.masked_array(pixels, np.broadcast_to(masked, pixels.shape))
    _, grid = opened(write_scene(pixels))
    for geobox in (None, grid):
        np.testing.assert_array_equal(model.predict_array(array, geobox) == NODATA, masked)


@pytest.mark.parametrize(("value", "join"), [(0, np.all), (-9999, np.any)])
def test_masked_bands_that_differ(model, noise, write_scene, value, join):
    """Masks of single bands count as their file's do; those of bands that are not used do not."""
    pixels = noise(80, 70, bands=4).astype(np.int16) + 1
    pixels[0, 20:40] = value
    pixels[1:3, 30:50] = value
    pixels[3, 60:] = value
    scene = write_scene(pixels, nodata=value, photometric="minisblack")
    with rasterio.open(scene) as file:
        array = file.read(masked=True)
    options = {"bands": (1, 2, 3), "stretch": "0,255"}
    expected = join(pixels[:3] == value, axis=0)
    np.testing.assert_array_equal(model.predict_array(array, **options) == NODATA, expected)
    rows = list(model.rows(scene, **options, roads=False))
    np.testing.assert_array_equal(np.concatenate([each.classes for each in rows]) == NODATA, expected)
    by_hand = np.ma.masked_array(pixels, array.mask)  # whose fill value is not in the file
    np.testing.assert_array_equal(model.predict_array(by_hand, **options) == NODATA, (pixels[:3] == value).any(axis=0))


def test_mask_of_numbered_bands(write_bundle, echo, noise):
    """A model of numbered bands is not masked by other bands of an array."""
    array = np.ma.masked_array(noise(40, 30, bands=4), False)
    array[3, :10] = np.ma.masked
    array[1, 20:] = np.ma.masked
    with geoseg.Model(write_bundle(bands=("band 1", "band 2", "band 3")), load=echo) as model:
        found = model.predict_array(array) == NODATA
    np.testing.assert_array_equal(found, np.ma.getmaskarray(array)[1])


def test_one_format_as_text():
    """A single format may be given as a string."""
    assert Settings(formats="gpkg").formats == ("gpkg",)


def test_data_array(model, write_scene, noise, opened):
    """A DataArray comes back as one with its grid, class names and nodata, whatever the order of its dimensions."""
    import odc.geo.xr  # noqa: F401 - the accessor

    rioxarray = pytest.importorskip("rioxarray")
    path = write_scene(noise(90, 70))
    pixels, grid = opened(path)
    expected = model.predict_array(pixels, grid)
    with rioxarray.open_rasterio(path) as array:
        for each in (array, array.transpose("y", "x", "band")):
            found = model.predict_array(each)
            assert isinstance(found, xarray.DataArray)
            assert found.odc.geobox == grid
            assert found.rio.crs == grid.crs
            assert found.attrs["classes"] == list(model.legend.names)
            assert found.attrs["nodata"] == NODATA
            np.testing.assert_array_equal(found, expected)
        levels = model.predict_array(array, probabilities=True)
    assert levels.sizes == {"class": 5, "y": 90, "x": 70}
    assert levels.odc.geobox == grid
    np.testing.assert_array_equal(
        levels.sel({"class": "road"}), model.predict_array(pixels, grid, probabilities=True)[2]
    )


def test_bands_by_name(model, noise):
    """Named bands of a DataArray are found in any order."""
    pixels = noise(50, 50)
    array = xarray.DataArray(pixels[::-1], {"band": ["blue", "green", "red"]}, ("band", "y", "x"))
    np.testing.assert_array_equal(model.predict_array(array), model.predict_array(pixels))


def write_bgr(write_scene, pixels, **metadata):
    """Write red, green and blue in the opposite order, by whose descriptions they are found."""
    path = write_scene(pixels[::-1], photometric="minisblack", nodata=metadata.pop("nodata", None))
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("blue", "green", "red")
        for name, value in metadata.items():
            setattr(file, name, value)
    return path


def rows_of(model, scene, **options):
    return np.concatenate([each.classes for each in model.rows(scene, roads=False, **options)])


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
def test_descriptions_of_a_data_array(model, noise, write_scene):
    """Bands that rioxarray names as the file does are found, also of a selection; one name is of one band only."""
    rioxarray = pytest.importorskip("rioxarray")
    pixels = noise(50, 60)
    expected = model.predict_array(pixels)
    with rioxarray.open_rasterio(write_bgr(write_scene, pixels)) as array:
        np.testing.assert_array_equal(model.predict_array(array), expected)
        np.testing.assert_array_equal(model.predict_array(array.sel(band=[3, 1, 2])), expected)
        three = array.assign_attrs(long_name="reflectance")
        np.testing.assert_array_equal(model.predict_array(three), model.predict_array(pixels[::-1]))
        grey = array.isel(band=[0]).assign_attrs(long_name="Band 1")
        with pytest.raises(SceneError, match=r"the array has 1 band \(1 Band 1\)"):
            model.predict_array(grey)
        counted = array.assign_attrs(long_name=["Band 1", "Band 2", "Band 3"])
        with pytest.warns(GeosegWarning, match="bands 1, 2, 3 of the array are taken as red, green, blue"):
            model.predict_array(counted)


@pytest.mark.parametrize(
    "units",
    [
        {"scales": (1e-4,) * 3, "offsets": (-0.1,) * 3},
        {"scales": (1e-4, 2e-4, 3e-4), "offsets": (0.0, 0.1, 0.0)},
    ],
)
@pytest.mark.parametrize("how", [{}, {"masked": True}, {"mask_and_scale": True}])
@pytest.mark.filterwarnings("ignore:(Scales|Offsets) differ:UserWarning")
def test_scale_and_offset_of_a_data_array(write_bundle, noise, write_scene, units, how):
    """Scale and offset are those of the file, whether or not they have been applied."""
    rioxarray = pytest.importorskip("rioxarray")
    pixels = noise(50, 60).astype(np.uint16) * 40 + 1
    pixels[:, 20:30, 5:15] = 0
    scene = write_bgr(write_scene, pixels, nodata=0, **units)
    card = {"physical": Scaling(offset=-0.1, gain=255 / 3)}
    with (
        geoseg.Model(write_bundle(scaling=card), load=load_echo) as model,
        rioxarray.open_rasterio(scene, **how) as array,
    ):
        expected = rows_of(model, scene)
        assert (expected == NODATA).sum() == 100
        np.testing.assert_array_equal(model.predict_array(array), expected)


@pytest.mark.parametrize("scale", ["large", [1, 2]])
def test_scale_that_is_no_number(model, noise, scale):
    """A scale that is not one number, or one for each band, is refused."""
    array = xarray.DataArray(noise(30, 30), dims=("band", "y", "x"), attrs={"scale_factor": scale})
    with pytest.raises(UsageError, match=r"`array` has the scale_factor .*; give a number, or one for each band"):
        model.predict_array(array)


@pytest.mark.parametrize(
    ("shape", "options", "error", "words"),
    [
        ((40, 40), {}, UsageError, r"must be \(bands, rows, columns\); its shape is \(40, 40\)"),
        ((3, 0, 4), {}, UsageError, "its shape"),
        (
            (3, 40, 40),
            {"geobox": GeoBox((9, 9), rasterio.Affine.identity(), "EPSG:32633")},
            UsageError,
            "must be equal",
        ),
        ((3, 40, 40), {"aoi": (0, 0, 1, 1)}, UsageError, "slice the array"),
        ((3, 40, 40), {"confidence": True}, UsageError, "`confidence` applies to files, and arrays make none"),
        ((3, 40, 40), {"stac": True}, UsageError, "`stac` applies to files"),
        ((2, 40, 40), {}, SceneError, "^the array has 2 bands"),
        ((3, 40, 40), {"image_gsd_m": 0}, UsageError, "`image_gsd_m` must be a positive number of metres, got 0"),
        ((3, 40, 40), {"image_gsd_m": np.nan}, UsageError, "`image_gsd_m`"),
    ],
)
def test_arrays_that_do_not_fit(model, shape, options, error, words):
    """Arrays of other dimensions, sizes or bands are refused in one sentence."""
    with pytest.raises(error, match=words):
        model.predict_array(np.zeros(shape, np.uint8), **options)


@pytest.mark.parametrize("nodata", [np.nan, -9999, 300, 0.5])
def test_nodata_that_no_value_can_be(model, noise, nodata):
    """A nodata value that the data type of an array cannot hold is in none of its pixels."""
    pixels = noise(30, 40)
    array = xarray.DataArray(pixels, dims=("band", "y", "x"), attrs={"_FillValue": nodata})
    np.testing.assert_array_equal(model.predict_array(array), model.predict_array(pixels))


def test_options_that_can_be_read_once(model, noise):
    """Bands and nodata values may come from a generator."""
    pixels = noise(30, 40)
    pixels[:, :9] = 7
    expected = model.predict_array(pixels, bands=(3, 2, 1), nodata=[7, 7, 7])
    assert (expected == NODATA).any()
    found = model.predict_array(pixels, bands=(number for number in (3, 2, 1)), nodata=(7 for _ in range(3)))
    np.testing.assert_array_equal(found, expected)


def test_coordinates_without_crs(model, noise):
    """A DataArray with coordinates but no CRS is predicted like plain pixels, and keeps its coordinates."""
    pixels = noise(20, 30)
    places = {"y": 7.5 - np.arange(20), "x": 2.5 + np.arange(30)}
    found = model.predict_array(xarray.DataArray(pixels, places, ("band", "y", "x")))
    np.testing.assert_array_equal(found, model.predict_array(pixels))
    for name, values in places.items():
        np.testing.assert_array_equal(found[name], values)


def test_array_types(model, noise):
    """Half precision is exact; a data type that GDAL does not store is refused, as is a DataArray without bands."""
    half = noise(20, 30).astype(np.float16) / 255
    found = [model.predict_array(half.astype(dtype), stretch="0,1") for dtype in ("float16", "float32")]
    np.testing.assert_array_equal(*found)
    with pytest.raises(SceneError, match="complex256"):
        model.predict_array(np.zeros((3, 9, 9), np.complex256))
    with pytest.raises(UsageError, match="its dimensions are y, x"):
        model.predict_array(xarray.DataArray(np.zeros((9, 9), np.uint8), dims=("y", "x")))


def test_shown(model):
    """Models show name and version; the public names are listed for completion."""
    assert repr(model) == "Model('stand-in', version='1')"
    assert {"Model", "predict", "describe", "train", "polygonise"} <= set(dir(geoseg))
