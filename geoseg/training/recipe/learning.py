"""Tables of a recipe that say how the network learns: loss, teachers, augmentation and schedule."""

from typing import Annotated, Literal

from pydantic import Field

from .sections import Positive, Section, Share, Weight

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
    boundary_weight: Weight = 0.0
    """Pixels next to another class weigh `1 + boundary_weight` in pixelwise losses."""


class TeacherTable(Section):
    """A network that chooses the class where partial labels leave it open and it is sure, and may teach more."""

    bundle: str | None = None
    """Name of a model, or a file, with the recipe's bands and classes of the same names. None for the running average
    of the network being trained, as of the last checkpoint."""
    sure: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Least probability of the class that it chooses, relative to that of all classes that the label allows."""
    weight: Weight = 0.0
    """Weight of the cross-entropy with the teacher's probabilities in all pixels, added to the loss of the labels. The
    teacher sees windows mirrored and rotated by right angles, as far as augmentation does so."""
    start: Share = 0.0
    """Share of the epochs, or of the minutes, before it begins. A network that teaches itself begins after its first
    epoch at the earliest, unless it has initial weights of a bundle."""


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
