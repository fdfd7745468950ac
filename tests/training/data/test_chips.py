import shutil

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio import Affine
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from standins import files_of_at_most, name_ids, warned, write_attribute_table

from geoseg.cli.tile import command
from geoseg.errors import OutputError, SceneError, UsageError
from geoseg.rasters.bands.choice import find_bands
from geoseg.rasters.bands.identify import name_bands
from geoseg.rasters.classes.names import class_names_of
from geoseg.training.data.chips import tile
from geoseg.training.recipe.load import parse_recipe

PALETTE = {0: (10, 20, 30, 255), 1: (40, 50, 60, 255), 2: (70, 80, 90, 255)}


@pytest.fixture
def town(write_raster, coordinates):
    """An image of 70 × 110 pixels with labels."""
    labels = np.random.default_rng(0).integers(0, 3, (1, 70, 110), np.uint8)
    write_raster("images/a b.tif", coordinates(70, 110))
    write_raster("labels/a b.tif", labels, palette=PALETTE)
    return coordinates(70, 110), labels


def pasted(folder, transform, shape):
    """Values of chips, mosaicked on the image's grid by georeference alone; -1 where masked."""
    whole = np.full(shape, -1)
    for path in sorted(folder.rglob("*.tif")):
        with rasterio.open(path) as chip:
            left, top = ~transform @ (chip.transform.c, chip.transform.f)
            assert (left, top) == (round(left), round(top))
            pixels, mask = chip.read().astype(int), chip.dataset_mask() > 0
            for row, col in np.argwhere(mask):
                place = (slice(None), int(top) + row, int(left) + col)
                assert (whole[place] == -1).all() or (whole[place] == pixels[:, row, col]).all()
                whole[place] = pixels[:, row, col]
    return whole


@pytest.mark.parametrize(("size", "overlap"), [(32, 0.25), (64, 0.0), (128, 0.5)])
def test_chips_cover_the_image(town, tmp_path, size, overlap):
    """Mosaicked by georeference, chips equal the image and its labels, with colours; all have one size."""
    count = tile(tmp_path, folder=tmp_path / "chips", size=size, overlap=overlap)
    image, labels = town
    place = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    np.testing.assert_array_equal(pasted(tmp_path / "chips/images", place, image.shape), image)
    np.testing.assert_array_equal(pasted(tmp_path / "chips/labels", place, labels.shape), labels)
    paths = sorted((tmp_path / "chips/labels").iterdir())
    assert [path.name for path in paths] == [path.name for path in sorted((tmp_path / "chips/images").iterdir())]
    assert len(paths) == count
    with rasterio.open(paths[0]) as chip:
        assert chip.shape == (size, size)
        assert chip.crs == "EPSG:32633"
        assert chip.colormap(1)[2] == PALETTE[2]


def test_scale_and_offset_are_kept(town, tmp_path):
    """Chips declare what their image declares: their values are the same."""
    with rasterio.open(tmp_path / "images/a b.tif", "r+") as image:
        image.scales, image.offsets = (1e-4, 2.0, 1.0), (-0.1, 0.0, 0.0)
    tile(tmp_path, folder=tmp_path / "chips", size=64)
    for path in (tmp_path / "chips/images").iterdir():
        with rasterio.open(path) as chip:
            assert (chip.scales, chip.offsets) == ((1e-4, 2.0, 1.0), (-0.1, 0.0, 0.0))


def test_colours_are_kept(write_raster, coordinates, tmp_path):
    """Colour-coded labels stay colour-coded, and get no georeference."""
    colours = np.random.default_rng(0).integers(0, 255, (3, 40, 40), np.uint8)
    write_raster("images/a.png", coordinates(40, 40), transform=None)
    write_raster("masks/a.png", colours, transform=None)
    tile(tmp_path, folder=tmp_path / "chips", size=40)
    with pytest.warns(NotGeoreferencedWarning), rasterio.open(tmp_path / "chips/labels/a_000_000.tif") as chip:
        np.testing.assert_array_equal(chip.read(), colours)


def test_names_of_ids_are_kept(town, tmp_path):
    """Names of ids, wherever the labels have them, are tags of each chip."""
    name_ids(tmp_path / "labels/a b.tif", {0: "land", 1: " ", 2: "lake & sea"})
    tile(tmp_path, folder=tmp_path / "chips", size=64)
    for path in (tmp_path / "chips/labels").iterdir():
        with rasterio.open(path) as chip:
            assert class_names_of(chip) == {0: "land", 2: "lake & sea"}


def test_colours_of_an_attribute_table(write_raster, coordinates, tmp_path):
    """Labels whose colours are in an attribute table give chips with a colour table."""
    write_raster("images/a.tif", coordinates(40, 40))
    labels = write_raster("labels/a.tif", np.ones((1, 40, 40), np.uint8))
    columns = [("Value", 0, 5), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8)]
    write_attribute_table(labels, columns, [("1", "10", "20", "30")])
    tile(tmp_path, folder=tmp_path / "chips", size=40)
    with rasterio.open(tmp_path / "chips/labels/a_000_000.tif") as chip:
        assert chip.colormap(1)[1] == (10, 20, 30, 255)


def test_unlabelled_chips_are_left_out(write_raster, coordinates, tmp_path):
    """Chips without a labelled pixel are left out; outside the labels, chips are nodata."""
    valid = np.ones((64, 96), bool)
    valid[:32, :32] = False
    write_raster("images/a.tif", coordinates(64, 96), mask=valid)
    write_raster("labels/a.tif", np.ones((1, 64, 40), np.uint8))
    assert tile(tmp_path, folder=tmp_path / "chips", size=32, overlap=0) == 3
    found = pasted(tmp_path / "chips/labels", Affine(1, 0, 500_000, 0, -1, 5_400_000), (1, 64, 96))
    np.testing.assert_array_equal(found[0] == 1, valid & (np.arange(96) < 40))


def test_no_class_becomes_nodata(write_raster, coordinates, tmp_path):
    """In masks of 0 and 255, 255 stays a class: nodata is a value that no label uses."""
    mask = np.zeros((1, 48, 40), np.uint8)
    mask[:, :20] = 255
    for name in "ab":
        write_raster(f"images/{name}.tif", coordinates(48, 40))
    write_raster("masks/a.tif", mask)
    write_raster("masks/b.tif", np.full_like(mask, 254))
    assert tile(tmp_path, folder=tmp_path / "chips", size=64) == 2
    for name, values in (("a", {0, 255, 253}), ("b", {254, 253})):
        with rasterio.open(tmp_path / f"chips/labels/{name}_000_000.tif") as chip:
            assert chip.nodata == 253
            assert set(np.unique(chip.read()).tolist()) == values


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_labels_of_64_bits(write_raster, coordinates, tmp_path, dtype):
    """The nodata value of such labels is one that rasterio can write."""
    write_raster("images/a.tif", coordinates(48, 40))
    write_raster("labels/a.tif", np.arange(48 * 40, dtype=dtype).reshape(1, 48, 40))
    tile(tmp_path, folder=tmp_path / "chips", size=64)
    with rasterio.open(tmp_path / "chips/labels/a_000_000.tif") as chip:
        assert (chip.dtypes[0], chip.nodata) == (np.dtype(dtype).name, 2**53)
        np.testing.assert_array_equal(chip.read(1)[chip.dataset_mask() > 0], np.arange(48 * 40))


def test_hidden_colours_are_no_class(write_raster, coordinates, tmp_path):
    """Pixels of coloured labels that a mask hides, and those beyond the image, are masked: black is a class."""
    colours = np.random.default_rng(0).integers(0, 2, (3, 48, 40), np.uint8) * 255
    shown = np.ones((48, 40), bool)
    shown[10:20] = False
    write_raster("images/a.tif", coordinates(48, 40))
    write_raster("labels/a.tif", colours, mask=shown)
    tile(tmp_path, folder=tmp_path / "chips", size=64)
    with rasterio.open(tmp_path / "chips/labels/a_000_000.tif") as chip:
        valid = chip.dataset_mask() > 0
        assert valid.sum() == shown.sum()
        np.testing.assert_array_equal(chip.read()[:, valid], colours[:, shown])


def test_bands_keep_their_meaning(write_raster, tmp_path):
    """Colours of more than 8 bits keep their values."""
    image = np.ones((4, 32, 32), np.uint16)
    write_raster("images/a.tif", image, photometric="RGB", alpha="YES")
    write_raster("masks/a.tif", image[:1].astype(np.uint8))
    tile(tmp_path, folder=tmp_path / "chips", size=32)
    with rasterio.open(tmp_path / "chips/images/a_000_000.tif") as chip:
        assert chip.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


@pytest.mark.parametrize(
    "told",
    [
        {"descriptions": ("B08", "B04", "B03", "B8A")},
        {"descriptions": ("Band 1", "Band 2", "Band 3", "Band 4"), "wavelengths": (0.842, 0.665, 0.56, 0.49)},
        {"colours": (ColorInterp.green, ColorInterp.blue, ColorInterp.nir, ColorInterp.red)},
    ],
)
def test_bands_are_found_again(write_raster, tmp_path, told):
    """Descriptions, wavelengths and colours of bands are kept: what was found in the image is found in its chips."""
    path = write_raster("images/a.tif", np.ones((4, 32, 32), np.uint16), photometric="minisblack")
    write_raster("masks/a.tif", np.ones((1, 32, 32), np.uint8))
    with rasterio.open(path, "r+") as image:
        image.descriptions = told.get("descriptions", ("",) * 4)
        for number, wavelength in enumerate(told.get("wavelengths", ()), 1):
            image.update_tags(number, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=str(wavelength))
            image.update_tags(number, STATISTICS_MAXIMUM="1")
        image.colorinterp = told.get("colours", image.colorinterp)
    tile(tmp_path, folder=tmp_path / "chips", size=16)
    with rasterio.open(path) as image, rasterio.open(tmp_path / "chips/images/a_000_000.tif") as chip:
        names = [band.name for band in name_bands(image)]
        assert None not in names[:3]
        assert [band.name for band in name_bands(chip)] == names
        assert "STATISTICS_MAXIMUM" not in chip.tags(1)


def test_bands_of_training_chips_are_named(write_raster, tmp_path):
    """Chips for a recipe have the card's bands, by name and in its order."""
    write_raster("images/a.tif", np.ones((4, 32, 32), np.uint8), photometric="minisblack")
    write_raster("labels/a.tif", np.arange(1024, dtype=np.uint8).reshape(1, 32, 32) % 3)
    bands = ["nir", "red", "band 4"]
    entry = {"name": "set", "images": str(tmp_path), "bands": [4, 1, 2], "nodata": 7, "split": {"validation": 0.0}}
    document = {"name": "test", "legend": "aerial", "card": {"bands": bands}, "data": [entry]}
    with warned("are 1 in all bands"):
        tile(parse_recipe(document, source="a"), folder=tmp_path / "chips", size=32)
    with rasterio.open(tmp_path / "chips/training/set/images/a_000_000.tif") as chip:
        assert find_bands(name_bands(chip), bands) == (1, 2, 3)
        assert chip.colorinterp[1] == ColorInterp.red


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        (np.ones((1, 32, 32), np.float32), "holds float32 values; labels are integers"),
        (np.ones((3, 32, 32), np.uint16), "holds uint16 colours; colours of labels must be 8-bit"),
        (None, "no image has a labelled pixel"),
    ],
)
def test_what_makes_no_chips_is_refused(write_raster, coordinates, tmp_path, label, sentence):
    """Labels that cannot be kept, or have no labelled pixel, are refused, and no folder is written."""
    write_raster("images/a.tif", coordinates(32, 32))
    if label is None:
        write_raster("masks/a.tif", np.zeros((1, 32, 32), np.uint8), nodata=0)
    else:
        write_raster("masks/a.tif", label)
    with pytest.raises(SceneError, match=sentence):
        tile(tmp_path, folder=tmp_path / "chips", size=32)
    assert not (tmp_path / "chips").exists()


def test_recipe(town, tmp_path):
    """With a recipe, chips have the card's GSD and label ids, 255 if unlabelled; a tag explains partial labels."""
    values = {"0": "ignore", "1": "road", "2": ["land", "water"]}
    split = {"by": "block", "block_m": 30.0, "validation": 0.4}
    entry = {"name": "town", "images": str(tmp_path), "values": values, "split": split}
    recipe = parse_recipe({"name": "x", "data": [entry], "card": {"gsd_m": 2.0}}, source="x.toml")
    tile(recipe, folder=tmp_path / "chips", size=32)
    place = Affine(2, 0, 500_000, 0, -2, 5_400_000)
    labels = town[1][:, 1::2, 1::2]
    parts = [
        pasted(tmp_path / "chips" / side / "town/labels", place, labels.shape) for side in ("training", "validation")
    ]
    assert ((parts[0] == -1) | (parts[1] == -1)).all()
    np.testing.assert_array_equal(np.maximum(*parts), np.array([-1, 2, 5])[labels])
    path = next((tmp_path / "chips/training/town/labels").iterdir())
    with rasterio.open(path) as chip:
        assert chip.tags()["CLASS_5"] == "land or water"
        assert chip.tags()["CLASS_2"] == "road"


def test_mistakes_are_reported(town, tmp_path):
    """With a recipe, labels that contradict it by names or a nodata value are reported as in training."""
    path = tmp_path / "labels/a b.tif"
    with rasterio.open(path, "r+") as labels:
        labels.nodata = 0
    name_ids(path, {1: "water"})
    split = {"by": "block", "block_m": 30.0, "validation": 0.4}
    values = {"0": "land", "1": "road", "2": "water"}
    entry = {"name": "town", "images": str(tmp_path), "values": values, "split": split}
    recipe = parse_recipe({"name": "x", "data": [entry], "card": {"gsd_m": 1.0}}, source="x.toml")
    with warned("names its id 1 'water', but it is taken for road", r"declares its value 0 \(land\) as nodata"):
        tile(recipe, folder=tmp_path / "chips", size=32)


def test_images_take_no_overrides(tmp_path):
    """Overrides change a recipe, and images have none."""
    with pytest.raises(UsageError, match="no recipe to change with `overrides`"):
        tile(tmp_path, folder=tmp_path / "chips", overrides=["name=a"])


def test_nothing_is_overwritten_or_left_half(town, tmp_path):
    """Chips need a folder of their own; a failed run leaves no files."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(OutputError, match="full exists and is not empty"):
        tile(tmp_path, folder=tmp_path / "full")
    (tmp_path / "images/b.tif").write_bytes((tmp_path / "images/a b.tif").read_bytes())
    (tmp_path / "labels/b.tif").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Exception, match=r"b\.tif is empty"):
        tile(tmp_path, folder=tmp_path / "chips")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_full_disk(town, tmp_path, share):
    """A chip that does not fit on the disk is an error, also if only closing it fails, and no chip is left."""
    tile(tmp_path, folder=tmp_path / "whole")
    largest = max(path.stat().st_size for path in (tmp_path / "whole").rglob("*.tif"))
    shutil.rmtree(tmp_path / "whole")
    with (
        files_of_at_most(int(share * largest)),
        pytest.raises(OutputError, match=r"chips cannot be written \(File too large\)\.$"),
    ):
        tile(tmp_path, folder=tmp_path / "chips")
    assert not (tmp_path / "chips").exists()


def test_command(town, tmp_path):
    """`geoseg tile` reports the number of chips, takes recipes, and refuses contradictory arguments."""
    run = CliRunner().invoke
    result = run(command, [str(tmp_path), "-o", str(tmp_path / "one"), "--size", "64", "--overlap", "0"])
    assert result.output == f"4 chips in {tmp_path / 'one'}\n"
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "x"\n[[data]]\nname = "town"\nimages = "images"\nsplit.validation = 0\n', encoding="utf-8"
    )
    arguments = [str(recipe), "-o", str(tmp_path / "two"), "--size", "64", "--overlap", "0", "--set", "card.gsd_m=2.0"]
    assert run(command, arguments).output == f"1 chip in {tmp_path / 'two'}\n"
    for wrong in ([str(recipe), "labels", "-o", "x"], [str(tmp_path), "-o", "x", "--set", "seed=1"]):
        assert isinstance(run(command, wrong).exception, UsageError)


def test_ids_compressed_with_loss(town, write_raster, tmp_path):
    """Chips keep ids as they are: those that JPEG has changed are reported."""
    write_raster("labels/a b.tif", town[1], compress="jpeg")
    with warned(r"the class ids of .*a b\.tif are compressed with loss, so that some pixels"):
        tile(tmp_path / "images", tmp_path / "labels", folder=tmp_path / "chips", size=64)
