"""The recipe: all settings of a training run, as the tables of a TOML file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from geoseg.files import LONGEST_NAME, is_file_name
from geoseg.models.networks.presets import DEFAULT_PRESET

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]


def _file_name(text: str) -> str:
    if not is_file_name(text):
        raise ValueError(f"it becomes a file name: no slashes, at most {LONGEST_NAME} bytes")
    return text


FileName = Annotated[str, AfterValidator(_file_name)]


class Section(BaseModel):
    """A table of the recipe: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


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


ClassWeights = Literal["none", "median-frequency", "effective-number"] | dict[str, Weight]
"""A rule based on the number of pixels of each class, or weights by class name, 1 by default."""


class LossTerm(Section):
    """One term of the loss."""

    name: Literal["cross_entropy", "focal", "dice", "jaccard", "tversky", "lovasz"]
    weight: Annotated[float, Field(gt=0)] = 1.0
    gamma: Annotated[float, Field(ge=0)] = 2.0
    """Focusing parameter of `focal`: higher values down-weight easy pixels more."""
    alpha: Share = 0.5
    """For `tversky`: weight of false positives; false negatives weigh `1 - alpha`."""
    class_weights: ClassWeights | None = None
    """Class weights of this term, instead of those of the whole loss."""


class Loss(Section):
    """Loss function: a weighted sum of terms."""

    terms: Annotated[list[LossTerm], Field(min_length=1)] = [LossTerm(name="cross_entropy")]
    class_weights: ClassWeights = "none"
    """Class weights of the terms that have none of their own."""
    boundary_weight: Annotated[float, Field(ge=0)] = 0.0
    """Pixels next to another class weigh `1 + boundary_weight` in pixelwise losses."""


class TeacherTable(Section):
    """A network that chooses the class where partial labels leave it open and it is sure, and may teach more."""

    bundle: str | None = None
    """Name of a model, or a file, with the recipe's bands and classes of the same names. None for the running average
    of the network being trained, as of the last checkpoint."""
    sure: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Least probability of the class that it chooses, relative to that of all classes that the label allows."""
    weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the cross-entropy with the teacher's probabilities in all pixels, added to the loss of the labels. The
    teacher sees windows mirrored and rotated by right angles, as far as augmentation does so."""
    start: Share = 0.0
    """Share of the epochs, or of the minutes, before it begins. A network that teaches itself begins after its first
    epoch at the earliest, unless it has initial weights of a bundle."""


def _listed(teachers: object) -> object:
    """Make one table a list of one."""
    return [teachers] if isinstance(teachers, dict | TeacherTable) else teachers


class Augmentation(Section):
    """Random changes of training windows; 0 or false turns one off."""

    flips: bool | Literal["horizontal"] = True
    """Mirror left and right, and top and bottom; `horizontal` for left and right only, as in street scenes."""
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
    """Length of training, batches, and learning rate."""

    epochs: Positive = 40
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Minutes to train, including compilation and validation, whatever `epochs` is. The learning rate follows the
    clock; validation and checkpoints come after the first epoch, every tenth of the time, and at the end."""
    steps: Positive = 100
    """Steps per epoch."""
    batch: Positive = 8
    """Windows per step, over all devices."""
    window: Positive = 256
    """Side of a training window, in pixels."""
    balanced: bool = False
    """Draw windows around pixels of a random class, so that rare classes are sampled more often."""
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate, after the warm-up."""
    warmup: Share = 0.05
    """Share of all steps, or of the minutes, for the warm-up."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.997
    """Momentum of the averaged weights, which is smaller in the first steps; 0 for no averaging."""
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    """`auto` is mixed_bfloat16 on hardware that computes in bfloat16, else float32."""
    patience: Positive | None = None
    """Stop after this many epochs, or checkpoints of a schedule in minutes, without a better validation score, which
    needs images held out; None to train to the end."""
    table_every: Positive = 5
    """Epochs between progress rows, reports and pictures of the validation scene."""

    @property
    def rows_every(self) -> int:
        """Rows of history between reports: `table_every`, or 1 of checkpoints, which are rarer than epochs."""
        return self.table_every if self.minutes is None else 1


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
