"""Bands by description, wavelength, sensor number, colour interpretation, and by what an alpha band holds."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp

from geoseg.errors import SceneError
from geoseg.rasters.bands.choice import Choice, choose_bands, find_bands
from geoseg.rasters.bands.identify import alpha_of, name_bands
from geoseg.rasters.bands.spectra import name_spectra
from geoseg.rasters.resize import resize

RGB = ("red", "green", "blue")


@pytest.fixture
def bands_of(write_scene, noise):
    """Names of the bands of a file of noise with these descriptions and tags."""

    def name(
        count=4, *, pixels=None, descriptions=(), tags=(), colours=(), namespace=None, named="scene.tif", **profile
    ):
        pixels = noise(40, 50, bands=count) if pixels is None else pixels
        path = write_scene(pixels, named, **profile)
        with rasterio.open(path, "r+") as file:
            if descriptions:
                file.descriptions = descriptions
            for number, own in enumerate(tags, 1):
                file.update_tags(number, ns=namespace, **own)
            if colours:
                file.colorinterp = [ColorInterp[colour] for colour in colours]
        with rasterio.open(path) as file:
            return name_bands(file)

    return name


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["blue", "green", "red", "near-infrared"], ["blue", "green", "red", "nir"]),
        (["Band 4 (red)", "Band 3 (Green)", "Blue (450-515nm)"], ["red", "green", "blue"]),
        (["R", "G", "B", "NIR"], ["red", "green", "blue", "nir"]),
        (["RedEdge", "NearInfrared", "Infra red", "red edge 2"], ["red edge", "nir", "nir", "red edge"]),
        (["coastal_blue", "blue", "green_i", "green"], ["coastal", "blue", "second green", "green"]),  # PlanetScope
        (["Short-wave infrared 1", "SWIR2", "Thermal infrared", "Pan"], ["swir", "swir", "thermal", "pan"]),
        (["Shortwave IR 1", "Mid-IR", "Middle infrared", "mid_infrared"], ["swir"] * 4),
        (["Thermal IR", "Long-wave IR", "Mid-wave infrared", "Far infrared"], ["thermal"] * 4),
        (["RedEdge705", "Red650", "Blue 475", "NIR842"], ["red edge", "red", "blue", "nir"]),  # with wavelengths
        (["red minus blue", "reduced", "NDVI", ""], [None] * 4),
        (["B2", "B3", "B4", "B8"], ["blue", "green", "red", "nir"]),
        (["B08", "B04", "B03", "B8A"], ["nir", "red", "green", "narrow nir"]),
        (["B4, central wavelength 665 nm", "0.842 µm", "11 um"], ["red", "nir", "thermal"]),
        (["SR_B5", "SR_B4", "SR_B3", "SR_B2"], ["nir", "red", "green", "blue"]),  # Landsat 8
        (["SR_B3", "SR_B4", "ST_B6"], ["red", "nir", "thermal"]),  # before
        (["SR_B1", "SR_B3", "SR_B6", "ST_B10"], ["coastal", "green", "swir", "thermal"]),  # since
        (["sur_refl_b01", "sur_refl_b04", "sur_refl_b03"], [None] * 3),  # MODIS
        (["T31_B04_10m", "B05"], ["red", "red edge"]),  # two digits are Sentinel-2's
        (["B1", "B2", "B3", "B4"], [None] * 4),  # Landsat 7, or merely counted
        (["Band 1", "Band 2", "Band 3"], [None] * 3),
        (["B3", "B2", "B1"], [None] * 3),
        (["Band 4", "band_3", "Band2"], [None] * 3),  # of any software
        (["Band 8", "Band 4", "Band 3"], [None] * 3),
        (["Band 04", "Band 03", "Band 02"], ["red", "green", "blue"]),
        (["Band 8A", "Band 4", "Band 3"], ["narrow nir", "red", "green"]),
    ],
)  # fmt: skip
def test_names_by_description(texts, names):
    """Words and wavelengths tell a band, and sensors' numbers where they cannot be mere counting."""
    assert name_spectra(texts, [{}] * len(texts)) == names


@pytest.mark.parametrize(
    ("namespace", "tags"),
    [
        ("IMAGERY", [{"CENTRAL_WAVELENGTH_UM": text} for text in ("0.842", "0.665", "0.560", "0.490")]),
        (None, [{"wavelength": text, "wavelength_units": "Nanometers"} for text in ("842", "665", "560", "490")]),
        (None, [{"WAVELENGTH": text, "WAVELENGTH_UNIT": "nm"} for text in ("842", "665", "560", "490")]),
        (None, [{"wavelength": text} for text in ("842.0", "665", "560", "490")]),
        (None, [{"wavelength": text, "wavelength_units": "Unknown"} for text in ("0.842", "0.665", "0.56", "0.49")]),
        (None, [{"BANDNAME": text} for text in ("B8", "B4", "B3", "B2")]),
    ],
)
def test_names_by_metadata(bands_of, namespace, tags):
    """Central wavelengths as GDAL, ENVI and the SAFE driver store them, and names of bands in tags, are read."""
    found = bands_of(tags=tags, namespace=namespace, photometric="minisblack")
    assert [band.name for band in found] == ["nir", "red", "green", "blue"]
    assert find_bands(found, RGB) == (2, 3, 4)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_colour_interpretation_in_any_order(bands_of, order):
    """Colours are found wherever they are; a band without one does not hide them."""
    colours = [RGB[number] for number in order]
    found = bands_of(4, colours=["undefined", *colours], photometric="minisblack")
    assert choose_bands("scene", found, RGB).numbers == tuple(2 + colours.index(name) for name in RGB)
    assert not choose_bands("scene", found, RGB).warnings


def test_descriptions_have_priority(bands_of):
    """GDAL calls any three bytes red, green and blue: a description that says otherwise wins, with a warning."""
    found = bands_of(3, descriptions=("Blue", "Green", "Red"))
    choice = choose_bands("scene.tif", found, RGB)
    assert choice.numbers == (3, 2, 1)
    (warning,) = choice.warnings
    assert "red 3, green 2, blue 1" in warning
    infrared = bands_of(3, descriptions=("NIR", "Red", "Green"))
    with pytest.raises(SceneError, match=r"3 bands \(1 NIR, 2 Red, 3 Green\); the model needs 3 \(red, green, blue\)"):
        choose_bands("scene.tif", infrared, RGB)


def test_wavelengths_that_merely_count(bands_of):
    """Numbers without a unit that are no wavelengths of light name nothing."""
    found = bands_of(tags=[{"wavelength": str(number)} for number in (1, 2, 3, 12)], photometric="minisblack")
    assert [band.name for band in found] == [None] * 4


def test_descriptions_in_other_words(bands_of):
    """GDAL's colours decide where nothing is known of descriptions: reported, as any three bytes have colours."""
    choice = choose_bands("scene.tif", bands_of(3, descriptions=("Blau", "Grün", "Rot")), RGB)
    assert choice == Choice(
        numbers=(1, 2, 3),
        warnings=(
            "bands 1, 2, 3 of scene.tif are taken as red, green, blue by the colours that GDAL gives them, since "
            "geoseg does not know their descriptions (Blau, Grün, Rot): if these say otherwise, choose the bands with "
            "`bands`.",
        ),
    )
    for texts in (("Band 1", "Band 2", "Band 3"), ("B3", "B2", "B1"), ("city", "city", "city"), ("R", "G", "B")):
        assert choose_bands("scene.tif", bands_of(3, descriptions=texts), RGB) == Choice(numbers=(1, 2, 3))
    by_name = bands_of(3, descriptions=("Blau", "Grün", "Rot"))
    assert choose_bands("scene.tif", by_name, ("Rot", "Grün", "Blau")).numbers == (3, 2, 1)


@pytest.mark.parametrize(
    "descriptions",
    [("B4", "B3", "B2"), ("B2", "B3", "B4"), ("SR_B4", "SR_B3", "SR_B2"), ("TOA_B2", "TOA_B3", "TOA_B4")],
)
def test_bands_of_a_number_alone(bands_of, descriptions):
    """Numbers that other sensors give to other bands are taken for Sentinel-2's and Landsat's, with a warning."""
    found = bands_of(3, descriptions=descriptions, photometric="minisblack")
    choice = choose_bands("scene.tif", found, RGB)
    *_, last = red, green, blue = sorted(descriptions, reverse=True)
    assert choice.numbers == tuple(1 + descriptions.index(name) for name in (red, green, blue))
    (warning,) = choice.warnings
    assert warning.startswith(
        "bands of scene.tif are taken by their numbers, as those of Sentinel-2, or of Landsat 8 or"
    )
    assert f"red {choice.numbers[0]} ({red}), green 2 ({green}), blue {choice.numbers[2]} ({last})" in warning
    assert warning.endswith("choose them with `bands`.")


@pytest.mark.parametrize(
    ("descriptions", "profile"),
    [
        (("B04", "B03", "B02"), {}),
        (("SR_B4", "SR_B3", "SR_B2"), {"named": "LC09_L2SP_044034_20220101_02_T1_SR.tif"}),
        (("B4", "B3", "B2"), {"named": "S2B_MSIL1C_20220101.tif"}),
        (("SR_B4", "SR_B3", "SR_B2", "SR_B6"), {}),
        (("B4", "B3", "B2", "B8"), {}),
        (("B4, 665 nm", "B3, 560 nm", "B2, 490 nm"), {}),
        (("B4", "B3", "B2"), {"photometric": "rgb"}),
    ],
)
def test_numbers_of_known_sensors(bands_of, descriptions, profile):
    """Nothing is said where digits, prefixes, other bands, wavelengths or colours confirm the numbers."""
    found = bands_of(len(descriptions), descriptions=descriptions, **{"photometric": "minisblack"} | profile)
    choice = choose_bands("scene.tif", found, RGB)
    assert (choice.numbers, choice.warnings) == ((1, 2, 3), ())


def test_numbers_of_a_model(bands_of):
    """A model's band that is a number alone is taken by it, with a warning where the scene's sensor means another."""
    texts, wanted = ("SR_B4", "SR_B3", "SR_B2"), ("SR_B3", "SR_B4")
    found = bands_of(3, descriptions=texts, photometric="minisblack", named="LT05_L2SP_044034_20050101.tif")
    choice = choose_bands("scene.tif", found, wanted)
    assert choice.numbers == (2, 1)
    assert choice.warnings == (
        "SR_B3 is red and SR_B4 is nir in scene.tif, but green and red by the numbers of Sentinel-2, or of Landsat 8 "
        "or 9; if the model means those, choose the bands with `bands`.",
    )
    found = bands_of(3, descriptions=texts, photometric="minisblack", named="LC08_L2SP_044034_20220101.tif")
    assert choose_bands("scene.tif", found, wanted) == Choice(numbers=(2, 1))


LANDSAT_8 = ("coastal", "blue", "green", "red", "nir", "swir", "swir")
LANDSAT_4 = ("blue", "green", "red", "nir", "swir", "thermal", "swir")
MULTISPECTRAL = ("green", "red", "nir", "nir", None, None, None)


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("LC08_L2SP_044034_20220101_02_T1_SR.tif", LANDSAT_8),
        ("lo09_l1tp_044034_20220101.tif", LANDSAT_8),
        ("LC80440342013127LGN01.tif", LANDSAT_8),
        ("HLS.L30.T10SEG.2020001T184512.v2.0.tif", LANDSAT_8),
        ("LT05_L2SP_044034_20050101_02_T1_SR.tif", LANDSAT_4),
        ("my_LE07_L2SP_044034_20050101.tif", LANDSAT_4),
        ("LT40440341988127XXX01.tif", LANDSAT_4),
        ("LM05_L1TP_044034_19900101.tif", MULTISPECTRAL),
        ("LM01_L1TP_044034_19730101.tif", (None, None, None, "green", "red", "nir", "nir")),
    ],
)
def test_sensors_by_file_name(bands_of, file, names):
    """Numbers are those of the sensor that the USGS names a file after; band 2 is blue in Landsat 8, green before."""
    texts = tuple(f"SR_B{number}" for number in range(1, 8))
    found = bands_of(7, descriptions=texts, photometric="minisblack", named=file)
    assert tuple(band.name for band in found) == names
    assert not any(band.by_number for band in found)


@pytest.mark.parametrize(
    ("tags", "red"),
    [
        ({"SPACECRAFT_ID": "LANDSAT_8"}, "SR_B4"),
        ({"spacecraft_id": "LANDSAT_7", "SENSOR_ID": "ETM"}, "SR_B3"),
        ({"SATELLITE": "Landsat-5", "SENSOR": "MSS"}, "SR_B2"),
        ({"PLATFORM": "Sentinel-2B"}, "SR_B4"),
    ],
)
def test_sensors_by_tags(write_scene, noise, tags, red):
    """A tag has priority over the file name, and nothing is asked."""
    path = write_scene(noise(40, 50, bands=3), "LC08_L2SP_044034.tif", photometric="minisblack")
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("SR_B4", "SR_B3", "SR_B2")
        file.update_tags(**tags)
    with rasterio.open(path) as file:
        found = name_bands(file)
    assert [band.description for band in found if band.name == "red"] == [red]
    assert not any(band.by_number for band in found)


def test_sensors_behind_a_vrt(write_scene, noise, tmp_path):
    """The files of a mosaic tell its sensor, unless they tell of several; then the numbers are taken with a warning."""

    def choose():
        with rasterio.open(tmp_path / "stack.vrt") as file:
            return choose_bands("stack.vrt", name_bands(file), RGB)

    sources = []
    for name in ("LT05_L2SP_1.tif", "LE07_L2SP_2.tif"):
        sources.append(write_scene(noise(40, 50, bands=5), name, photometric="minisblack"))
        with rasterio.open(sources[-1], "r+") as file:
            file.descriptions = [f"SR_B{number}" for number in (1, 2, 3, 4, 5)]
    rasterio.shutil.copy(sources[0], tmp_path / "stack.vrt", driver="VRT")
    assert choose() == Choice(numbers=(3, 2, 1))
    text = (tmp_path / "stack.vrt").read_text()
    (tmp_path / "stack.vrt").write_text(text.replace("LT05_L2SP_1.tif", "LE07_L2SP_2.tif", 1))
    assert choose() == Choice(numbers=(3, 2, 1))
    write_scene(noise(40, 50, bands=5), "LC08_L2SP_2.tif")
    (tmp_path / "stack.vrt").write_text(text.replace("LT05_L2SP_1.tif", "LC08_L2SP_2.tif", 1))
    with pytest.raises(SceneError, match=r"5 bands \(1 SR_B1, 2 SR_B2, 3 SR_B3, 4 SR_B4, 5 SR_B5\)"):
        choose()


def test_sensors_of_a_copy(write_scene, noise, tmp_path):
    """A resized scene with another name has the same bands."""
    path = write_scene(noise(40, 50, bands=3), "LT05_L2SP_044034.tif", photometric="minisblack")
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("SR_B4", "SR_B3", "SR_B2")
    resize(path, tmp_path / "half.tif", scale=0.5)
    with rasterio.open(tmp_path / "half.tif") as file:
        assert [band.name for band in name_bands(file)] == ["nir", "red", "green"]


def test_two_bands_of_one_name_are_not_guessed(bands_of):
    """Two bands described as red are listed, not chosen from."""
    found = bands_of(4, descriptions=("red", "green", "blue", "Red"), photometric="minisblack")
    with pytest.raises(SceneError, match=r"\(1 red, 2 green, 3 blue, 4 Red\)"):
        choose_bands("scene.tif", found, RGB)


def test_unknown_order(bands_of):
    """Three bands are taken as they are, with a warning; four are not, and both customary orders are proposed."""
    choice = choose_bands("scene.tif", bands_of(3, photometric="minisblack"), RGB)
    assert choice.numbers == (1, 2, 3)
    assert choice.warnings[0].startswith("bands 1, 2, 3 of scene.tif are taken as red, green, blue: the file does not")
    with pytest.raises(SceneError, match=r"`bands=\(3, 2, 1\)` if blue comes first.* else `bands=\(1, 2, 3\)`\."):
        choose_bands("scene.tif", bands_of(4, photometric="minisblack"), RGB)


@pytest.mark.parametrize(
    "colours", [("Y", "Cb", "Cr"), ("hue", "saturation", "lightness"), ("sar_c", "sar_c", "sar_l")]
)
def test_other_colours(bands_of, colours):
    """Bands that GDAL calls something else are not taken as red, green and blue."""
    found = bands_of(3, colours=colours, photometric="minisblack")
    listed = ", ".join(f"{number} {colour.lower()}" for number, colour in enumerate(colours, 1))
    with pytest.raises(SceneError, match=rf"has 3 bands \({listed}\); the model needs 3 \(red, green, blue\)"):
        choose_bands("scene.tif", found, RGB)


def test_single_band(bands_of):
    """A model of one band takes the only one, whatever it is called."""
    grey = bands_of(1)
    assert choose_bands("scene", grey, ["panchromatic"]) == choose_bands("scene", grey, ["band 1"])
    assert not choose_bands("scene", grey, ["panchromatic"]).warnings


def test_names_of_the_model(bands_of):
    """A model's bands are found by their own description, by what they show, and by number."""
    found = bands_of(4, descriptions=("B2", "B3", "B4", "B8"), photometric="minisblack")
    assert find_bands(found, ("B08", "B04")) == (4, 3)
    assert find_bands(found, ("nir", "red", "green")) == (4, 3, 2)
    assert find_bands(found, ("band 1", "band 4")) == (1, 4)
    assert find_bands(found, ("band 1", "band 5")) is None
    heights = bands_of(2, descriptions=("slope", "Height"), photometric="minisblack")
    assert find_bands(heights, ("height", "slope")) == (2, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("edge", [0, 40])
def test_alpha_by_its_values(bands_of, noise, dtype, edge):
    """A band called alpha is transparency if it is opaque or empty, with soft edges, also after lossy compression."""
    top = np.iinfo(dtype).max
    ramp = np.clip((np.arange(200) - 60) / max(edge, 1), 0, 1)
    alpha = np.broadcast_to(ramp * top, (1, 150, 200)).astype(dtype)
    pixels = np.concatenate([noise(150, 200).astype(dtype), alpha])
    assert alpha_of(bands_of(pixels=pixels, photometric="rgb", alpha="yes")) == 4
    pixels[3] = np.where(alpha[0], top - noise(150, 200)[0].astype(dtype) % 5, 0)
    assert alpha_of(bands_of(pixels=pixels, photometric="rgb", alpha="yes")) == 4
    pixels[3] = top // 2
    assert alpha_of(bands_of(pixels=pixels, photometric="rgb", alpha="yes")) == 4


@pytest.mark.parametrize("dark", [0, 0.4, 0.95])
def test_alpha_that_holds_an_image(bands_of, noise, dark):
    """Near infrared in the fourth of four bytes is an image, also over water, and is said to be one."""
    pixels = noise(150, 200, bands=4)
    pixels[3, :, : int(dark * 200)] %= 6
    found = bands_of(pixels=pixels)
    assert found[3].colour == ColorInterp.alpha
    assert alpha_of(found) is None
    choice = choose_bands("scene.tif", found, RGB)
    assert choice.numbers == (1, 2, 3)
    assert choice.warnings[0].startswith("band 4 of scene.tif is called alpha but holds an image")
    assert not choose_bands("scene.tif", bands_of(pixels=pixels, descriptions=("", "", "", "NIR")), RGB).warnings
    assert alpha_of(bands_of(pixels=pixels, descriptions=("", "", "", "alpha"))) == 4


def test_real_imagery(real_data):
    """NAIP has near infrared where GDAL sees transparency; SpaceNet and rasterio's images have transparency."""
    naip = real_data / "naip_california" / "images"
    for path in sorted(naip.glob("*_2020_1?.tif")):
        with rasterio.open(path) as image:
            assert alpha_of(name_bands(image)) is None
    folder = real_data / "geotiffs"
    for path in [*folder.glob("nrcan/*RGBNIR*.tif"), *folder.glob("rasterio/tests/data/RGBA*.tif")]:
        with rasterio.open(path) as image:
            assert alpha_of(name_bands(image)) == 4
