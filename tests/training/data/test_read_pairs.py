import json
import warnings
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from standins import warned, write_mosaic, write_warped

from geoseg.errors import GeosegWarning, SceneError, UsageError
from geoseg.rasters.opening.open import unplaced
from geoseg.training.data.chips import tile
from geoseg.training.data.pairs import Pair
from geoseg.training.data.read_pairs import read_image, read_labels, read_pair

RGB = {"bands": [1, 2, 3]}


def whole(pair: Pair):
    return slice(0, pair.shape[0]), slice(0, pair.shape[1])


def read_all(pair: Pair):
    return read_labels(pair, whole(pair))


@pytest.fixture
def ids():
    """Labels `(1, height, width)` of random classes 0 to 2."""

    def make(height, width):
        return np.random.default_rng(height).integers(0, 3, (1, height, width), dtype=np.uint8)

    return make


def nearest(labels, transform, x, y):
    """Oracle: the label pixel that contains each point, 3 outside."""
    cols, rows = ~transform @ (x, y)
    rows, cols = np.floor(rows).astype(int), np.floor(cols).astype(int)
    inside = (rows >= 0) & (rows < labels.shape[1]) & (cols >= 0) & (cols < labels.shape[2])
    return np.where(inside, labels[0][rows.clip(0, labels.shape[1] - 1), cols.clip(0, labels.shape[2] - 1)], 3)


@pytest.mark.parametrize(
    "transform",
    [
        Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000),
        Affine(2.3, 0, 499_990.2, 0, -2.3, 5_400_007.7),
        Affine(1, 0, 500_020.3, 0, -1, 5_399_990.4),
        Affine.translation(500_010.1, 5_399_990.3) @ Affine.rotation(30) @ Affine.scale(1.1, -1.1),
    ],
)
def test_labels_are_warped_nearest_exact(write_raster, coordinates, ids, only_pair, transform):
    """With labels on another grid, each pixel takes the label under its centre; outside, it is ignored."""
    write_raster("image.tif", coordinates(60, 50))
    labels = ids(70, 45)
    write_raster("label.tif", labels, transform=transform)
    pair = only_pair(images="image.tif", labels="label.tif")
    rows, cols = np.mgrid[:60, :50] + 0.5
    expected = nearest(labels, transform, 500_000 + cols, 5_400_000 - rows)
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), expected)


@pytest.mark.parametrize("rounding", [-1e-8, 1e-8])
def test_rounded_georeferences(write_raster, coordinates, ids, only_pair, rounding):
    """Where centres lie on borders of finer labels, a georeference that is rounded otherwise changes no label."""
    write_raster("image.tif", coordinates(60, 50))
    labels = ids(120, 100)
    write_raster("label.tif", labels, transform=Affine(0.5, 0, 500_000 + rounding, 0, -0.5, 5_400_000 + rounding))
    pair = only_pair(images="image.tif", labels="label.tif")
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), labels[0, 1::2, 1::2])


def test_labels_in_another_crs(write_raster, coordinates, ids, only_pair):
    """Labels in degrees are read where PROJ locates each pixel of an image in metres."""
    write_raster("image.tif", coordinates(60, 50))
    labels = ids(90, 90)
    to_degrees = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    west, north = to_degrees.transform(500_002, 5_400_003)
    transform = Affine(1.1e-5, 0, west, 0, -0.9e-5, north)
    write_raster("label.tif", labels, transform=transform, crs="EPSG:4326")
    pair = only_pair(images="image.tif", labels="label.tif")
    rows, cols = np.mgrid[:60, :50] + 0.5
    expected = nearest(labels, transform, *to_degrees.transform(500_000 + cols, 5_400_000 - rows))
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), expected)


@pytest.mark.parametrize("gsd_m", [0.7, 2.5])
def test_regions_join(write_raster, coordinates, ids, only_pair, gsd_m):
    """At another GSD, image and labels read in regions of any size equal the whole."""
    write_raster("image.tif", coordinates(90, 70))
    write_raster("label.tif", ids(90, 70))
    pair = only_pair(images="image.tif", labels="label.tif", card={"gsd_m": gsd_m})
    assert pair.shape == (round(90 / gsd_m), round(70 / gsd_m))
    pixels, labels, _ = read_pair(pair, whole(pair))
    for chunk in ((7, 11), (40, 3), pair.shape):
        for roi in replace(pair, chunk=chunk).chunks():
            part = read_pair(pair, roi)
            np.testing.assert_array_equal(part[0], pixels[roi])
            np.testing.assert_array_equal(part[1], labels[roi])


def test_regions_of_a_vrt_that_warps_join(write_raster, noise, ids, only_pair, tmp_path):
    """A region of a VRT that warps has the pixels of the whole image, as in prediction."""
    write_warped(write_raster("source.tif", noise(400, 700), nodata=255), tmp_path / "image.vrt")
    write_raster("label.tif", ids(400, 700))
    pair = only_pair(images="image.vrt", labels="label.tif", **RGB)
    pixels, _ = read_image(pair, whole(pair))
    for cols in (slice(left, min(left + 96, pair.shape[1])) for left in range(0, pair.shape[1], 96)):
        part, _ = read_image(pair, (slice(0, pair.shape[0]), cols))
        np.testing.assert_array_equal(part, pixels[:, cols])


def test_images_of_the_cards_gsd_are_left_alone(write_raster, coordinates, only_pair, ids):
    """An image within 5 % of the GSD keeps its pixels, wherever it is."""
    image = coordinates(30, 20)
    write_raster("image.tif", image, transform=Affine(1.04, 0, 500_000, 0, -1.04, 5_400_000))
    write_raster("label.png", ids(30, 20), transform=None)
    pair = only_pair(images="image.tif", labels="label.png")
    np.testing.assert_array_equal(read_image(pair, whole(pair))[0], np.moveaxis(image, 0, -1))


def test_pictures_without_georeference(write_raster, coordinates, only_pair):
    """PNGs are resampled from the data set's GSD to the card's; labels take the pixel under the centre."""
    write_raster("image.png", coordinates(40, 60), transform=None)
    labels = (np.arange(40 * 60, dtype=np.uint8).reshape(1, 40, 60) % 3).astype(np.uint8)
    write_raster("label.png", labels, transform=None)
    pair = only_pair(images="image.png", labels="label.png", gsd_m=0.5)
    assert pair.shape == (20, 30)
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), labels[0, 1::2, 1::2])


@pytest.mark.filterwarnings("ignore:.* are nearly one colour:geoseg.errors.GeosegWarning")
@pytest.mark.parametrize("kind", ["mask", "nodata", "alpha", "nan"])
def test_masked_pixels(write_raster, coordinates, ids, only_pair, kind):
    """Without data, by mask, nodata value, alpha or NaN, pixels are 0 and labels ignored."""
    image, valid = coordinates(20, 30) // 2 + 1, np.ones((20, 30), bool)
    valid[5:9, 3:20] = False
    card, profile = {}, {}
    if kind == "mask":
        profile["mask"] = valid
    elif kind == "nodata":
        image[:, ~valid] = 200
        profile["nodata"] = 200
    elif kind == "alpha":
        image = np.concatenate([image, valid[None] * np.uint8(255)])
        profile |= {"photometric": "RGB", "alpha": "YES"}
    else:
        image = np.where(valid, image, np.nan).astype(np.float32)
        card["scaling"] = {"float32": {}}
    write_raster("image.tif", image, **profile)
    labels = ids(20, 30)
    write_raster("label.tif", labels)
    pair = only_pair(images="image.tif", labels="label.tif", card=card, **RGB)
    pixels, read, _ = read_pair(pair, whole(pair))
    assert (pixels[~valid] == 0).all()
    assert (pixels[valid] > 0).all()
    np.testing.assert_array_equal(read, np.where(valid, labels[0], pair.ignored))


def test_nodata_of_labels_is_ignored(write_raster, coordinates, ids, only_pair):
    """The label's own nodata value is ignored, even if it is a class id."""
    write_raster("image.tif", coordinates(20, 30))
    labels = ids(20, 30)
    write_raster("label.tif", labels, nodata=1)
    pair = only_pair(images="image.tif", labels="label.tif")
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), np.where(labels[0] == 1, 3, labels[0]))


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_ids_with_an_alpha_band(write_raster, coordinates, ids, only_pair, dtype):
    """Pixels of a label under alpha 0 are ignored, whatever the type of its ids."""
    write_raster("image.tif", coordinates(20, 30))
    labels, alpha = ids(20, 30).astype(dtype), np.full((1, 20, 30), 255, dtype)
    alpha[:, :7] = 0
    with rasterio.open(write_raster("label.tif", np.concatenate([labels, alpha])), "r+") as label:
        label.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    pair = only_pair(images="image.tif", labels="label.tif")
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), np.where(alpha[0] == 0, 3, labels[0]))


def test_palettes(write_raster, coordinates, only_pair):
    """A palette PNG is read as colours if the coding is of colours, and as indices if it is of ids."""
    colours = {0: (132, 41, 246, 255), 1: (60, 16, 152, 255), 2: (155, 155, 155, 255)}
    indices = (np.arange(600).reshape(1, 20, 30) % 3).astype(np.uint8)
    write_raster("image.png", coordinates(20, 30), transform=None)
    write_raster("label.png", indices, transform=None, palette=colours)
    pair = only_pair(images="image.png", labels="label.png", coding="mbrsc", legend="mbrsc")
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), np.array([1, 0, 5])[indices[0]])
    pair = only_pair(images="image.png", labels="label.png", coding="ids")
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), indices[0])


@pytest.mark.parametrize("coding", ["mbrsc", "ids"])
def test_mosaics_of_palettes(write_raster, coordinates, only_pair, tmp_path, coding):
    """Labels as colours are refused in a VRT of files with different palettes; of ids, a warning names a value."""
    land, building = (132, 41, 246, 255), (60, 16, 152, 255)
    indices = np.zeros((1, 20, 30), np.uint8)
    files = [
        write_raster(f"{name}.tif", indices, palette={0: colour}) for name, colour in (("a", land), ("b", building))
    ]
    write_raster("image.tif", coordinates(20, 60))
    write_mosaic(tmp_path / "label.vrt", *files)
    refused = pytest.raises(SceneError, match="shows files with different colour tables")
    told = warned("the value 0 is #8429f6 in .*a.tif and #3c1098 in .*b.tif")
    with told, refused if coding == "mbrsc" else nullcontext():
        only_pair(images="image.tif", labels="label.vrt", coding=coding, legend="mbrsc")


@pytest.mark.parametrize("order", ["blue green red", "alpha red green blue"])
def test_colours_by_interpretation(write_raster, coordinates, only_pair, order):
    """Bands of colours are taken by GDAL's colour interpretation: blue first would show other classes of Potsdam."""
    colours = {"red": [0, 0, 255], "green": [0, 255, 255], "blue": [255, 255, 0], "alpha": [255, 255, 255]}
    wanted = (np.arange(600).reshape(20, 30) % 3).astype(np.uint8)
    write_raster("image.tif", coordinates(20, 30))
    bands = np.array([colours[name] for name in order.split()], np.uint8)[:, wanted]
    with rasterio.open(write_raster("label.tif", bands), "r+") as label:
        label.colorinterp = [ColorInterp[name] for name in order.split()]
    pair = only_pair(images="image.tif", labels="label.tif", coding="potsdam", legend="potsdam", **RGB)
    np.testing.assert_array_equal(read_all(pair), np.array([1, 2, 4])[wanted])


def test_a_pixel_more_or_less(write_raster, coordinates, ids, only_pair):
    """Labels without georeference may differ by one pixel in size, as in parts of MBRSC; more is an error."""
    write_raster("image.png", coordinates(20, 30), transform=None)
    write_raster("label.png", ids(21, 29), transform=None)
    pair = only_pair(images="image.png", labels="label.png")
    assert read_labels(pair, whole(pair)).shape == (20, 30)
    write_raster("label.png", ids(22, 30), transform=None)
    with pytest.raises(SceneError, match=r"label\.png has 30 × 22 pixels, its image 30 × 20"):
        only_pair(images="image.png", labels="label.png")


@pytest.mark.parametrize("image_crs", ["EPSG:32633", None])
def test_other_places_without_a_crs(write_raster, coordinates, ids, only_pair, tmp_path, image_crs):
    """A label without a CRS is taken pixel by pixel; a warning says if its geotransform is not the image's."""
    write_raster("image.tif", coordinates(20, 30), crs=image_crs)
    write_raster("label.tif", ids(20, 30), crs=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeosegWarning)
        only_pair(images="image.tif", labels="label.tif", **RGB)
    write_raster("label.tif", ids(20, 30), crs=None, transform=Affine(1, 0, 500_000, 0, 1, 5_399_980))
    sentence = r"label\.tif and its image .* pixel by pixel, since not both have a CRS, although their geotransforms"
    with warned(sentence):
        pair = only_pair(images="image.tif", labels="label.tif", **RGB)
    np.testing.assert_array_equal(read_labels(pair, whole(pair)), ids(20, 30)[0])
    with warned(sentence):
        tile(tmp_path / "image.tif", tmp_path / "label.tif", folder=tmp_path / "chips", size=10)


@pytest.mark.parametrize("cut", ["half", 20])
@pytest.mark.parametrize("name", ["image.png", "image.jpg", "label.png"])
def test_pictures_that_are_cut_off(write_raster, only_pair, name, cut):
    """A truncated PNG or JPEG is refused before training."""
    rng = np.random.default_rng(0)
    image = "image.png" if name == "label.png" else name
    written = {
        each: write_raster(each, rng.integers(0, high, (count, 60, 50), np.uint8), transform=None)
        for each, count, high in ((image, 3, 255), ("label.png", 1, 3))
    }
    path = written[name]
    content = path.read_bytes()
    path.write_bytes(content + b"more of another program")
    assert only_pair(images=image, labels="label.png")
    path.write_bytes(content[: len(content) // 2] if cut == "half" else content[:-cut])
    with pytest.raises(SceneError, match=rf"{name} is cut off: the end of its (PNG|JPEG) data is missing"):
        only_pair(images=image, labels="label.png")


@pytest.mark.parametrize("side", ["image", "label"])
def test_control_points_on_one_side(write_raster, coordinates, ids, only_pair, side):
    """A label or image placed by ground control points, beside one on a map, is not taken pixel by pixel."""
    paths = {"image": write_raster("image.tif", coordinates(20, 30)), "label": write_raster("label.tif", ids(20, 30))}
    bare = {"image": coordinates(20, 30), "label": ids(20, 30)}[side]
    with unplaced(), rasterio.open(write_raster(paths[side].name, bare, transform=None), "r+") as raster:
        points = [(0, 0), (0, 30), (20, 0), (20, 30)]
        points = [GroundControlPoint(row, col, 500_000 + 2 * col, 5_400_000 - 2 * row) for row, col in points]
        raster.gcps = points, "EPSG:32633"
    with pytest.raises(SceneError, match=rf"{side}\.tif is georeferenced by ground control points only; warp it first"):
        only_pair(images="image.tif", labels="label.tif", **RGB)


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_labels_elsewhere(write_raster, coordinates, ids, only_pair, crs):
    """A label must overlap its image, if only at a corner."""
    write_raster("image.tif", coordinates(60, 50))
    to_label = Transformer.from_crs("EPSG:32633", crs, always_xy=True)
    step = 1 if crs == "EPSG:32633" else 1e-5
    for east, touches in ((-30, True), (45, True), (-80, False), (55, False), (400_000, False)):
        x, y = to_label.transform(500_000 + east, 5_400_000)
        write_raster("label.tif", ids(60, 50), transform=Affine(step, 0, x, 0, -step, y), crs=crs)
        if touches:
            pair = only_pair(images="image.tif", labels="label.tif")
            assert (read_labels(pair, whole(pair)) < pair.ignored).any()
        else:
            with pytest.raises(SceneError, match=r"label\.tif does not overlap its image .*image\.tif"):
                only_pair(images="image.tif", labels="label.tif")


def test_unknown_colours_name_the_file(write_raster, coordinates, only_pair):
    """A colour that the coding does not list is an error with its pixel count and file."""
    picture = np.full((3, 20, 30), 255, np.uint8)
    picture[:, 3:5, 4:9] = 128
    write_raster("image.png", coordinates(20, 30), transform=None)
    write_raster("label.png", picture, transform=None)
    pair = only_pair(images="image.png", labels="label.png", coding="potsdam", legend="potsdam")
    with pytest.raises(UsageError, match=r"label\.png has 10 pixels of colour #808080"):
        read_labels(pair, whole(pair))


def test_labels_with_another_legend(write_raster, coordinates, ids, only_pair):
    """Ids to which the label's own tags give other names are refused, unless `values` say what they are."""
    write_raster("image.tif", coordinates(40, 30))
    legend = {"classes": [{"name": name, "colour": "#000000"} for name in ("water", "road", "land")], "road": None}
    with rasterio.open(write_raster("label.tif", ids(40, 30)), "r+") as label:
        label.update_tags(GEOSEG_LEGEND=json.dumps(legend))
    place = {"images": "image.tif", "labels": "label.tif"}
    with pytest.raises(SceneError, match=r"the recipe has the classes land, road, water, but .* has water, road, land"):
        read_all(only_pair(**place))
    read_all(only_pair(**place, values={"0": "water", "1": "road", "2": "land"}))


def test_ids_with_an_offset(write_raster, coordinates, ids, only_pair):
    """Ids that stand for others by a scale and offset, which QGIS shows, are refused."""
    write_raster("image.tif", coordinates(20, 30))
    with rasterio.open(write_raster("label.tif", ids(20, 30)), "r+") as label:
        label.offsets = [1]
    with pytest.raises(SceneError, match=r"label\.tif declares scale 1 and offset 1 for its class ids"):
        read_all(only_pair(images="image.tif", labels="label.tif"))


@pytest.mark.parametrize(
    ("label", "coding", "sentence"),
    [
        (np.zeros((1, 20, 30), np.uint8), "mbrsc", "has 1 band without a palette"),
        (np.zeros((3, 20, 30), np.uint8), "ids", "has 3 bands, but the coding of data set set is ids"),
        (np.zeros((1, 20, 30), np.float32), "ids", "holds float32 values; labels are integers"),
    ],
)
def test_labels_of_another_kind(write_raster, coordinates, only_pair, label, coding, sentence):
    """Labels that contradict the coding are refused."""
    write_raster("image.tif", coordinates(20, 30))
    write_raster("label.tif", label)
    legend = "mbrsc" if coding == "mbrsc" else "aerial"
    pair = only_pair(images="image.tif", labels="label.tif", coding=coding, legend=legend)
    with pytest.raises(SceneError, match=sentence):
        read_labels(pair, whole(pair))


@pytest.mark.parametrize(
    ("image", "entry", "error", "sentence"),
    [
        (np.zeros((2, 9, 9), np.uint8), {}, SceneError, r"has 2 bands .*; the model needs 3 \(red, green, blue\)"),
        (np.zeros((3, 9, 9), np.uint8), {"bands": [1, 2, 4]}, SceneError, "has 3 bands; `bands` names band 4"),
        (np.zeros((3, 9, 9), np.uint16), RGB, SceneError, "holds uint16 values; card.scaling lists uint8 only"),
        (np.zeros((3, 9, 9), np.uint8), {"bands": [1]}, UsageError, "takes bands 1; the card has 3"),
    ],
)
def test_images_that_do_not_fit_the_card(write_raster, ids, only_pair, image, entry, error, sentence):
    """An image must have the recipe's bands, and a data type of its card."""
    write_raster("image.tif", image)
    write_raster("label.tif", ids(9, 9))
    with pytest.raises(error, match=sentence):
        only_pair(images="image.tif", labels="label.tif", **entry)


def test_scale_and_offset_need_a_scaling_of_their_own(write_raster, ids, only_pair):
    """A scaling of stored values does not fit an image that declares others; the key to add is named."""
    path = write_raster("image.tif", np.zeros((3, 9, 9), np.uint16))
    with rasterio.open(path, "r+") as image:
        image.scales = (1e-4,) * 3
    write_raster("label.tif", ids(9, 9))
    sentence = r"declares scale 0\.0001 and offset 0; card.scaling lists uint16 only.*`scaling\.physical = "
    with pytest.raises(SceneError, match=sentence):
        only_pair(images="image.tif", labels="label.tif", card={"scaling": {"uint16": {}}}, **RGB)
    card = {"scaling": {"uint16": {}, "physical": {"offset": 0.1, "gain": 500.0}}}
    with warned("are 0 in all bands"):
        (scaling, *_) = only_pair(images="image.tif", labels="label.tif", card=card, **RGB).scaling
    assert (2000 - scaling.offset) * scaling.gain == pytest.approx((0.2 - 0.1) * 500)
