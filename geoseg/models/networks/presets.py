"""Network presets: parameters for `build_unet`, with their papers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of `build_unet` parameters."""

    depth: int
    block: str = "plain"
    skip: str = "concat"
    encoder: str | None = None
    paper: str
    """Publication of the architecture and its parts."""

    def parameters(self) -> dict[str, Any]:
        """Return keyword arguments for `build_unet`."""
        return {"depth": self.depth, "block": self.block, "skip": self.skip, "encoder": self.encoder}


_UNET = "arXiv:1505.04597"  # Ronneberger et al., 2015
_RESIDUAL = "arXiv:1711.10684"  # Zhang et al., 2018
_ATTENTION = "arXiv:1804.03999"  # Oktay et al., 2018
_ATTENTION_RESIDUAL = f"{_ATTENTION}, 1711.10684"  # and Zhang et al., 2018
_FUSION = "arXiv:1612.05360"  # Quan et al., 2021
_ATTENTION_FUSION = f"{_FUSION}, 1804.03999"  # and Oktay et al., 2018
_VGG = "arXiv:1801.05746"  # Iglovikov and Shvets, 2018
_EFFICIENT = "arXiv:1905.11946"  # Tan and Le, 2019

PRESETS = {
    "unet": Preset(depth=4, paper=_UNET),
    "deep_unet": Preset(depth=5, paper=_UNET),
    "unet6": Preset(depth=6, paper=_UNET),
    "resunet": Preset(depth=4, block="residual", paper=_RESIDUAL),
    "attention_unet": Preset(depth=4, skip="attention", paper=_ATTENTION),
    "attention_resunet": Preset(depth=4, block="residual", skip="attention", paper=_ATTENTION_RESIDUAL),
    "fusionnet": Preset(depth=4, block="residual", skip="add", paper=_FUSION),
    "attention_fusionnet": Preset(depth=4, block="residual", skip="attention_add", paper=_ATTENTION_FUSION),
    "vgg_unet": Preset(depth=4, encoder="vgg16", paper=_VGG),
    "efficientnet_unet": Preset(depth=5, encoder="efficientnetb0", paper=_EFFICIENT),
}
"""Presets by name; `attention_resunet` is the default."""

DEFAULT_PRESET = "attention_resunet"


def build_preset(
    name: str,
    *,
    bands: int,
    classes: int,
    **overrides: Any,  # noqa: ANN401 - typed by build_unet
) -> "keras.Model":
    """Build preset `name`; `overrides` replace its parameters for `build_unet`."""
    from .unet import build_unet  # loads Keras, which listing presets does not need

    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is unknown; choose one of {', '.join(PRESETS)}.")
    return build_unet(bands=bands, classes=classes, name=name, **(PRESETS[name].parameters() | overrides))
