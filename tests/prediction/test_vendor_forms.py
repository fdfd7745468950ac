"""Rendered scenes in the form in which vendors deliver theirs, through the command line, with the shipped model."""

import re
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.rpc import RPC

import geoseg
from geoseg.cli import main
from geoseg.models.legend import NODATA
from geoseg.rendering import STYLES, render_scene

SIDE = 300
RGB, RGBN, BGRN = (0, 1, 2), (0, 1, 2, 3), (2, 1, 0, 3)
NAMES = ("Red", "Green", "Blue", "NIR")
GAINS, HAZE = np.array([3.5, 2.9, 2.4, 4.0]), np.array([250, 300, 420, 200])
SWATH = np.abs(np.subtract.outer(np.arange(SIDE), np.arange(SIDE))) < 0.7 * SIDE
SENSOR = RPC(0, 1, 52, 1, [1.0] * 20, [1.0] * 20, 0, 1, 13, 1, [1.0] * 20, [1.0] * 20, 0, 1)
STRETCHED = "so each band is stretched from its percentiles 2 and 98 to 0 and 255"
COLLAR = "are 0 in all bands, as in a collar"


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a vendor delivers a scene."""

    gsd_m: float
    dtype: str
    order: tuple[int, ...]
    """Of red, green, blue and near infrared."""
    gain: float
    """Stored value of a grey level, times the gain of its band where it is not 1."""
    offset: int = 0
    """Stored value of black without haze."""
    hazy: bool = True
    """Whether bands differ in gain and offset, as before atmospheric correction."""
    swath: bool = False
    """Whether pixels outside of a rotated swath are 0."""
    described: bool = False
    """Whether the file names its bands."""
    scale: float = 1.0
    scale_offset: float = 0.0
    """Declared; what stored values stand for."""
    enlarged: int = 1
    """Rows and columns that one rendered pixel takes up."""
    profile: dict[str, object] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    """Of the lines on standard error, in order."""


FORMS = {
    "PlanetScope": Form(
        gsd_m=3.0, dtype="uint16", order=BGRN, gain=1.0, swath=True, described=True, scale=1e-4,
        profile={"nodata": 0},
        sentences=("enlarged 3 times for aerial", rf"declares scale 0\.0001 and offset 0; .*{STRETCHED}"),
    ),
    "Maxar": Form(
        gsd_m=0.5, dtype="uint16", order=BGRN, gain=1.6, profile={"rpcs": SENSOR},
        arguments=("--bands", "3,2,1"), sentences=(f"holds uint16 values; .*{STRETCHED}",),
    ),
    "Pleiades": Form(
        gsd_m=0.5, dtype="uint16", order=RGBN, gain=3.2,
        arguments=("--bands", "1,2,3"), sentences=(f"holds uint16 values; .*{STRETCHED}",),
    ),
    "SPOT": Form(
        gsd_m=1.5, dtype="uint16", order=RGBN, gain=3.0,
        arguments=("--bands", "1,2,3"), sentences=(f"holds uint16 values; .*{STRETCHED}",),
    ),
    "NAIP": Form(
        gsd_m=0.6, dtype="uint8", order=RGBN, gain=1.0, hazy=False, profile={"photometric": "rgb", "alpha": "yes"},
        sentences=("band 4 .* is called alpha but holds an image; all pixels are predicted",),
    ),
    "drone": Form(
        gsd_m=0.03, dtype="uint8", order=RGB, gain=1.0, hazy=False, enlarged=33,
        profile={"photometric": "rgb", "alpha": "yes", "compress": "lzw"},
    ),
    "reflectance": Form(
        gsd_m=1.0, dtype="float32", order=RGB, gain=1e-4, described=True,
        sentences=(f"holds float32 values; .*{STRETCHED}",),
    ),
    "rotated swath, undeclared": Form(
        gsd_m=1.0, dtype="uint16", order=BGRN, gain=1.0, swath=True, described=True,
        sentences=(COLLAR, f"holds uint16 values; .*{STRETCHED}"),
    ),
    "rotated swath, given": Form(
        gsd_m=1.0, dtype="uint16", order=BGRN, gain=1.0, swath=True, described=True,
        arguments=("--nodata", "0"), sentences=(f"holds uint16 values; .*{STRETCHED}",),
    ),
}  # fmt: skip
SENTINEL_2 = Form(gsd_m=10.0, dtype="int16", order=BGRN, gain=1.0, offset=1000, scale=1e-4, scale_offset=-0.1)


@cache
def rendered(gsd_m, side):
    """Grey levels `(4, height, width)`, and class ids."""
    scene = render_scene(64, (side, side), gsd=gsd_m, style=STYLES["dense_city"])
    return np.moveaxis(scene.image, -1, 0).astype(float), scene.classes


def ground_of(form):
    """The ground of a scene that is stored enlarged: fewer and larger pixels, of which each is repeated."""
    return rendered(form.gsd_m * form.enlarged, 96 if form.enlarged > 1 else SIDE)


@pytest.fixture
def deliver(write_scene):
    """Write a scene in a form; returns its path and class ids."""

    def write(form):
        ground, classes = ground_of(form)
        levels = ground * (GAINS if form.hazy else np.ones(4))[:, None, None]
        levels += (HAZE if form.hazy else np.zeros(4))[:, None, None]
        pixels = (levels * form.gain + form.offset)[list(form.order)]
        if form.swath:
            pixels *= SWATH
            classes = np.where(SWATH, classes, NODATA)
        pixels = pixels.repeat(form.enlarged, axis=1).repeat(form.enlarged, axis=2).astype(form.dtype)
        if form.enlarged > 1:
            opaque = np.full_like(pixels[:1], 255)
            opaque[:, : 12 * form.enlarged] = 0
            pixels = np.concatenate([pixels, opaque])
            classes = np.where(np.arange(len(classes))[:, None] < 12, NODATA, classes)
        place = rasterio.Affine(form.gsd_m, 0, 5e5, 0, -form.gsd_m, 5.4e6)
        path = write_scene(pixels, transform=place, **{"photometric": "minisblack"} | form.profile)
        with rasterio.open(path, "r+") as scene:
            if form.described:
                scene.descriptions = [NAMES[number] for number in form.order]
            if (form.scale, form.scale_offset) != (1.0, 0.0):
                scene.scales = (form.scale,) * scene.count
                scene.offsets = (form.scale_offset,) * scene.count
        return path, classes

    return write


def mean_iou(found, reference):
    known = (found != NODATA) & (reference != NODATA)
    pairs = np.bincount(reference[known].astype(int) * 5 + found[known], minlength=25).reshape(5, 5)
    either = pairs.sum(axis=0) + pairs.sum(axis=1) - np.diag(pairs)
    return np.mean(np.diag(pairs)[pairs.sum(axis=1) > 0] / either[pairs.sum(axis=1) > 0])


@pytest.fixture(scope="module")
def aerial():
    with geoseg.Model("aerial") as model:
        yield model


@pytest.mark.filterwarnings("ignore:the array has pixels of 3 m:geoseg.errors.GeosegWarning")
@pytest.mark.parametrize("name", FORMS)
def test_as_good_as_in_eight_bits(deliver, aerial, tmp_path, name):
    """Each form is mapped at once, nearly as well as the same ground in 8 bits, and what was assumed is said."""
    form = FORMS[name]
    path, classes = deliver(form)
    result = CliRunner().invoke(
        main, ["predict", str(path), "-q", "--no-roads", "--match-input", "-o", str(tmp_path / "out"), *form.arguments]
    )
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == len(form.sentences), result.stderr
    for line, sentence in zip(lines, form.sentences, strict=True):
        assert re.search(sentence, line), line
    with rasterio.open(path) as scene, rasterio.open(tmp_path / "out" / "scene_classes.tif") as raster:
        assert (raster.crs, raster.transform, raster.shape) == (scene.crs, scene.transform, scene.shape)
        found = raster.read(1)[form.enlarged // 2 :: form.enlarged, form.enlarged // 2 :: form.enlarged]
    if COLLAR not in form.sentences:
        np.testing.assert_array_equal(found == NODATA, classes == NODATA)
    ground, _ = ground_of(form)
    plain = aerial.predict_array(ground[:3].astype(np.uint8), image_gsd_m=form.gsd_m * form.enlarged)
    lost = 0.08 if COLLAR in form.sentences else 0.06  # a collar that is not declared looks like dark ground
    assert mean_iou(found, classes) > mean_iou(plain, classes) - lost


def test_too_coarse(deliver, tmp_path):
    """Sentinel-2 is refused by a model of 1 m, with the ways out."""
    path, _ = deliver(SENTINEL_2)
    result = CliRunner().invoke(main, ["predict", str(path), "-o", str(tmp_path / "out"), "--bands", "3,2,1"])
    assert result.exit_code == 3
    (line,) = result.stderr.splitlines()
    assert "has pixels of 10 m, too coarse for a model that works at 1 m; use a model for such imagery" in line
    assert line.endswith("or keep the scene's pixels with --gsd 10, for a map of limited use.")
