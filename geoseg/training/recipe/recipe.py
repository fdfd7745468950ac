"""The recipe: all settings of a training run, as the tables of a TOML file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from geoseg.files import LONGEST_NAME, is_file_name
from geoseg.models.networks.presets import DEFAULT_PRESET

from .learning import Augmentation, Loss, Schedule, TeacherTable
from .sections import Positive, Section, Seed, Share


def _file_name(text: str) -> str:
    if not is_file_name(text):
        raise ValueError(f"it becomes a file name: no slashes, at most {LONGEST_NAME} bytes")
    return text


FileName = Annotated[str, AfterValidator(_file_name)]


class LegendEntry(Section):
    """One class of the legend."""

    name: str
    colour: str
    """Hexadecimal red, green, blue: `#4a4a4a`."""


class LegendTable(Section):
    """Classes of the network, in the order of their ids."""

    classes: list[LegendEntry]
    road: str | None = None
    """Name of the class to trace road networks from."""


class Network(Section):
    """Arguments of `geoseg.models.networks.presets.build_preset`."""

    preset: str = DEFAULT_PRESET
    width: Positive = 16
    depth: Annotated[int, Field(gt=0, le=8)] | None = None
    """Number of halvings; None for the preset's own, or the encoder's, which has no other."""
    encoder: str | None = None
    """Backbone to replace the preset's own encoder."""
    encoder_weights: str | None = None
    """File of the backbone's published weights."""
    initial: str | None = None
    """Bundle to take initial weights from: name of a model, or a file. Without other keys, the network is the
    bundle's. Classes whose names it lacks are learnt from scratch."""


class ScalingTable(Section):
    """Scaling of one data type to the 0–255 of network inputs: `(value - offset) * gain`, clipped."""

    offset: float = 0.0
    gain: float = 1.0


class CardTable(Section):
    """Card of the bundle, except for the legend."""

    bands: list[str] = ["red", "green", "blue"]
    gsd_m: Annotated[float, Field(gt=0)] = 1.0
    """Ground sample distance to resample images to, in metres."""
    gsd_range_m: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] | None = None
    """Finest and coarsest ground sample distance that the network works at: prediction and validation use the pixels of
    images between them as they are, and resample others to the nearer of the two. `train_gsd_m` should span it."""
    scaling: dict[str, ScalingTable] = {"uint8": ScalingTable()}
    """By NumPy data type of the images; `physical`, for images that declare a scale and offset, applies to the values
    after these."""
    tile: Positive = 512
    overlap: Annotated[int, Field(ge=0)] = 128
    window: str = "hann"
    mantissa_bits: Annotated[int, Field(ge=1, le=23)] | None = None
    """Mantissa bits of the weights to keep: 10 halve the file and change scores in the fourth digit."""
    license: str | None = None
    attribution: str | None = None


class Split(Section):
    """Split of a data set into training, validation, calibration and test."""

    by: Literal["image", "group", "block"] = "image"
    """`image`: whole images. `group`: groups of images that show the same ground. `block`: squares of ground."""
    validation: list[str] | Share = 0.2
    """Names (glob patterns) or share of the images, groups or blocks to hold out. An image's name is its path in the
    folder, without ending and without `images/`: `Tile 1/image_part_001`. Blocks have no names."""
    calibration: list[str] | Share = []
    """Names (glob patterns) or share of the images, groups or blocks to hold out for the temperature of the
    probabilities alone. If no data set has any, it is fitted on the validation images."""
    test: list[str] = []
    """Names (glob patterns) of the images or groups to keep out of the run, for a score that influenced no choice."""
    groups: dict[str, list[str]] = {}
    """Glob patterns of image names, by group."""
    block_m: Annotated[float, Field(gt=0)] = 500.0
    """Side of a square, in metres on the ground."""


class DataSet(Section):
    """Images with labels of one kind."""

    name: FileName
    images: str
    """Folder or glob pattern, relative to the recipe's `root`."""
    labels: str | None = None
    """Folder, glob pattern or vector file, relative to `root`; None to find them by the folder layout."""
    coding: str = "ids"
    """Kind of labels: `ids`, `colours`, `vector`, or a built-in coding such as `potsdam` or `mbrsc`."""
    values: dict[str, str | list[str]] = {}
    """Class of the legend by label value (id, `#rrggbb`, attribute value or class name of the coding); a list of
    classes for a partial label; `ignore` for unlabelled pixels. `*` stands for all other values, `null` for features
    with a null attribute, `background` for ground that no vector feature covers (ignored by default). Where features
    overlap, the value listed later wins."""
    attribute: str | None = None
    """Attribute with the class of vector labels; None if all features map to `values["*"]`."""
    width_m: Annotated[float, Field(gt=0)] = 6.0
    """Width of line labels."""
    bands: list[Positive] | None = None
    """Bands of the images for the network, counted from 1; None to find them as in prediction, by descriptions,
    wavelengths or colours."""
    nodata: float | list[float] = []
    """Values without data that the images do not declare: one, or one for each band, as in prediction."""
    stretch: Literal["none", "auto"] = "none"
    """For images whose values have no entry in `card.scaling`: by default they are refused; with `auto`, each is
    stretched between its percentiles 2 and 98, as prediction does with such a scene."""
    gsd_m: Annotated[float, Field(gt=0)] | None = None
    """Ground sample distance of images without georeference; the card's if None."""
    train_gsd_m: list[Annotated[float, Field(gt=0)]] = []
    """Ground sample distances to train at, in metres, each with the same share of the windows; if empty, that of
    validation, which is the card's, or the images' own within `card.gsd_range_m`. `augmentation.zoom` varies them."""
    share: Annotated[float, Field(gt=0)] = 1.0
    """Share of the training windows, relative to the other data sets."""
    split: Split = Split()


class Rendered(Section):
    """Procedural scenes of `geoseg.rendering`, with its class names."""

    scenes: Positive = 100
    side: Positive = 640
    """Pixels at the card's ground sample distance."""
    seed: Seed = 1000
    """Seed of the first scene, increased by one for each further scene."""
    share: Annotated[float, Field(gt=0)] = 1.0
    values: dict[str, str | list[str]] = {}
    """As for data sets; classes that the legend has by name need no entry."""


def _listed(teachers: object) -> object:
    """Make one table a list of one."""
    return [teachers] if isinstance(teachers, dict | TeacherTable) else teachers


class Recipe(Section):
    """A training run."""

    name: FileName
    """Name of the bundle; the stem of the recipe file by default."""
    version: str = "0.1.0"
    seed: Seed = 0
    root: str = "."
    """Folder of the data, relative to the recipe."""
    legend: str | LegendTable = "aerial"
    """Name of a built-in legend (`aerial`, `potsdam`, `vaihingen`, `mbrsc`, `cityscapes`), or a table."""
    network: Network = Network()
    card: CardTable = CardTable()
    data: list[DataSet]
    rendered: Rendered | None = None
    loss: Loss = Loss()
    teacher: Annotated[
        list[TeacherTable], BeforeValidator(_listed, json_schema_input_type=TeacherTable | list[TeacherTable])
    ] = []
    """One, or several: the first that is sure of a pixel chooses its class, and all with a weight teach their
    probabilities."""
    augmentation: Augmentation = Augmentation()
    schedule: Schedule = Schedule()
