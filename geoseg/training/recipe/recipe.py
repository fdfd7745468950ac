"""The recipe: everything that decides a training run, read from TOML and checked before any image is opened."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from geoseg.models.networks.presets import DEFAULT_PRESET

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]

LONGEST_NAME = 200
"""Bytes: endings, and a mark while a file is being written, are added to it."""


def _file_name(text: str) -> str:
    if text in ("", ".", "..") or not text.isprintable() or set(text) & set("/\\") or len(text.encode()) > LONGEST_NAME:
        raise ValueError(f"a file is named so; give it letters, no folder, and {LONGEST_NAME} bytes at most")
    return text


FileName = Annotated[str, AfterValidator(_file_name)]


class Section(BaseModel):
    """A table of the recipe: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class LegendEntry(Section):
    """One class of the legend."""

    name: str
    colour: str
    """Hexadecimal red, green, blue: `#4a4a4a`."""


class LegendTable(Section):
    """The classes that the network is to know, in the order of their ids."""

    classes: list[LegendEntry]
    road: str | None = None
    """Name of the class that road networks are traced from."""


class Network(Section):
    """The network, in terms of `geoseg.models.networks.presets.build_preset`."""

    preset: str = DEFAULT_PRESET
    width: Positive = 16
    depth: Annotated[int, Field(gt=0, le=8)] | None = None
    """Number of halvings; None for the preset's own."""
    encoder: str | None = None
    """Backbone in place of the preset's own encoder."""
    encoder_weights: str | None = None
    """File of the backbone's published weights."""
    initial: str | None = None
    """Bundle whose weights training begins with: a shipped model by name, or a file. A recipe that says nothing else of
    the network has the bundle's; classes of other names are learnt anew."""


class ScalingEntry(Section):
    """How values of one data type become the 0–255 that networks take: `(value - offset) * gain`, cut off there."""

    offset: float = 0.0
    gain: float = 1.0


class Card(Section):
    """What the bundle says of itself, beside the legend."""

    bands: list[str] = ["red", "green", "blue"]
    gsd_m: Annotated[float, Field(gt=0)] = 1.0
    """Ground sample distance that images are resampled to."""
    scaling: dict[str, ScalingEntry] = {"uint8": ScalingEntry()}
    """By NumPy data type of the images."""
    tile: Positive = 512
    overlap: Annotated[int, Field(ge=0)] = 128
    window: str = "hann"
    mantissa_bits: Annotated[int, Field(ge=1, le=23)] | None = None
    """Bits of weights' mantissas that the bundle keeps: 10 halve it, and change scores in the fourth digit."""
    license: str | None = None
    attribution: str | None = None


class Split(Section):
    """How a data set is divided into training and validation."""

    by: Literal["image", "group", "block"] = "image"
    """`image`: whole images. `group`: images that show the same ground go together. `block`: squares of ground."""
    validation: list[str] | Share = 0.2
    """Names of what is held out (glob patterns of image names, or names of groups), or the share of it. An image's name
    is its path within the folder, without ending and without `images/`: `Tile 1/image_part_001`."""
    groups: dict[str, list[str]] = {}
    """By group name, glob patterns of the names of its images."""
    block_m: Annotated[float, Field(gt=0)] = 500.0
    """Side of a square, in metres."""


class DataSet(Section):
    """Images with labels of one kind."""

    name: str
    images: str
    """Folder or glob pattern, relative to the recipe's `root`."""
    labels: str | None = None
    """Folder, glob pattern or vector file, relative to `root`; None to find labels by the folder's convention."""
    coding: str = "ids"
    """How labels name classes: `ids`, `colours`, `vector`, or a built-in coding such as `potsdam` or `mbrsc`."""
    values: dict[str, str | list[str]] = {}
    """By label value (id, `#rrggbb`, attribute value or the coding's class name) the legend's class; a list of
    classes if the label does not tell which of them; `ignore` if it says nothing. `*` stands for all other values,
    `null` for features without the attribute, and `background` for ground that no feature of vector labels covers
    (ignored if it has no entry). Of features that cover the same ground, the one whose value stands later is seen."""
    attribute: str | None = None
    """Attribute of vector labels that names their class; None if all features are of one class, `values["*"]`."""
    width_m: Annotated[float, Field(gt=0)] = 6.0
    """Width that line labels are drawn in."""
    bands: list[Positive] = [1, 2, 3]
    """Bands of the images that the network takes, counted from 1."""
    gsd_m: Annotated[float, Field(gt=0)] | None = None
    """Ground sample distance of images without a georeference; the card's if None."""
    share: Annotated[float, Field(gt=0)] = 1.0
    """Of the training windows, in proportion to the other sets'."""
    split: Split = Split()


class Rendered(Section):
    """Procedural scenes of geoseg's own renderer; their class names are those of `geoseg.rendering`."""

    scenes: Positive = 100
    side: Positive = 640
    """Pixels of the card's ground sample distance."""
    seed: Seed = 1000
    """Of the first scene; the others follow."""
    share: Annotated[float, Field(gt=0)] = 1.0
    values: dict[str, str | list[str]] = {}
    """As for data sets; classes of the same name need no entry."""


class LossTerm(Section):
    """One loss of the sum."""

    name: Literal["cross_entropy", "focal", "dice", "jaccard", "tversky", "lovasz"]
    weight: Annotated[float, Field(gt=0)] = 1.0
    gamma: Annotated[float, Field(ge=0)] = 2.0
    """Of `focal`: how much less a pixel weighs that is already right."""
    alpha: Share = 0.5
    """Of `tversky`: weight of false positives; false negatives weigh `1 - alpha`."""


class Loss(Section):
    """What is minimised."""

    terms: Annotated[list[LossTerm], Field(min_length=1)] = [LossTerm(name="cross_entropy")]
    class_weights: Literal["none", "median-frequency", "effective-number"] | dict[str, Weight] = "none"
    """By rule from the pixels of each class, or by class name: 1 for those that are not named."""
    boundary_weight: Annotated[float, Field(ge=0)] = 0.0
    """Pixels beside another class weigh `1 + boundary_weight` in losses by pixel."""


class Augmentation(Section):
    """Random changes of training windows; 0 or false leaves one out."""

    flips: bool = True
    right_angles: bool = True
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Largest angle, in degrees."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.35
    """Largest relative change of scale."""
    brightness: Share = 0.2
    contrast: Share = 0.3
    saturation: Share = 0.4
    hue: Share = 0.03
    noise: Share = 0.01
    """Largest standard deviation, as a share of full scale."""
    blur: Share = 1.0
    """Largest standard deviation, in pixels."""


class Schedule(Section):
    """How long, how much at a time, and how fast."""

    epochs: Positive = 40
    steps: Positive = 100
    """Steps of an epoch."""
    batch: Positive = 8
    """Windows of a step, over all devices."""
    window: Positive = 256
    """Side of a training window, in pixels."""
    balanced: bool = False
    """Draw windows around pixels of a random class, so that rare ones are seen."""
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """Highest learning rate, after the warm-up."""
    warmup: Share = 0.05
    """Share of all steps."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.997
    """Momentum of averaged weights; 0 for none."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "mixed_bfloat16"
    patience: Positive | None = None
    """Epochs without a better validation score after which training stops; None to go to the end."""
    table_every: Positive = 5
    """Epochs between tables of progress and pictures of the validation scene."""


class Recipe(Section):
    """A training run."""

    name: FileName
    """Of the bundle; that of the recipe's file if it is not given there."""
    version: str = "0.1.0"
    seed: Seed = 0
    root: str = "."
    """Folder that paths of data are relative to, itself relative to the recipe."""
    legend: str | LegendTable = "aerial"
    """Name of a built-in legend (`aerial`, `potsdam`, `vaihingen`, `mbrsc`, `cityscapes`), or a table of its own."""
    network: Network = Network()
    card: Card = Card()
    data: list[DataSet]
    rendered: Rendered | None = None
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    schedule: Schedule = Schedule()
