"""The model bundle: a `.keras` file with a `geoseg.json` that describes how to use the network on a scene."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import index
from pathlib import Path
from typing import Any, TypeVar

from geoseg.errors import BundleError
from geoseg.files import check_outputs, check_suffix

from .archive import CONFIG, DAMAGED, METADATA, WEIGHTS, count_values, parse_json, read_members, readable, reason
from .legend import Legend

MEMBER = "geoseg.json"
FORMAT = 1
PHYSICAL = "physical"
"""Key of a card's scaling for rasters that declare how stored values become physical ones."""
INT8 = "int8"
"""Key of a card's provenance: how the bundle's 8-bit form was made, and its differences."""

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Scaling of one data type to network inputs: `(value - offset) * gain`, clipped to 0–255."""

    offset: float = 0.0
    gain: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.offset) and math.isfinite(self.gain) and self.gain):
            raise ValueError(f"offset and gain must be finite and the gain not 0, not {self.offset}, {self.gain}.")

    def of_stored(self, *, scale: float, offset: float) -> "Scaling":
        """Return the same scaling for stored values that stand for `stored * scale + offset`."""
        return Scaling(offset=(self.offset - offset) / scale, gain=self.gain * scale)


@dataclass(frozen=True, kw_only=True)
class Card:
    """Description of a bundle's network: the content of `geoseg.json`."""

    name: str
    version: str
    bands: tuple[str, ...]
    """Names of the input bands in order."""
    scaling: Mapping[str, Scaling]
    """By NumPy data type of the scene, for rasters that declare no scale and offset; by `physical`, for the others."""
    gsd_m: float
    """Ground sample distance of the training data, and of scenes to predict, unless there is a range."""
    gsd_range_m: tuple[float, float] | None = None
    """Finest and coarsest ground sample distance that the network works at: scenes between them keep their pixels, and
    others are resampled to the nearer of the two."""
    tile: int
    """Side of a tile, in pixels."""
    overlap: int
    """Pixels shared by neighbouring tiles."""
    window: str
    """Blend window, one of `geoseg.tiling.FAMILIES`."""
    multiple: int
    """Tile sides must be multiples of this: 2 to the power of the network's depth."""
    legend: Legend
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Preset, training data, licences and metrics, for people and for tags."""

    def __post_init__(self) -> None:
        if not self.bands or not self.scaling:
            raise ValueError("a card needs at least one band and one data type.")
        for text in (self.name, self.version, *self.bands, *self.scaling, self.window, *self.legend.names):
            if not (text and text.isprintable()):
                raise ValueError(f"names must be printable text, not {text!r}.")
        if not 0 < self.gsd_m < math.inf:
            raise ValueError(f"the ground sample distance must be a positive number of metres, not {self.gsd_m}.")
        finest, coarsest = self.gsd_range_m or (self.gsd_m, self.gsd_m)
        if not 0 < finest <= self.gsd_m <= coarsest < math.inf:
            raise ValueError(
                f"the range of ground sample distances must include {self.gsd_m:g} m, which {finest:g} to {coarsest:g} "
                "does not."
            )
        if self.multiple < 1 or not 1 <= self.tile < 2**31 or self.tile % self.multiple:
            raise ValueError(f"the tile must be a positive multiple of {self.multiple}, not {self.tile}.")
        if not 0 <= self.overlap <= self.tile // 2:
            raise ValueError(f"the overlap must be between 0 and half the tile of {self.tile}, not {self.overlap}.")

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads back."""
        plain = {"format": FORMAT, "bands": list(self.bands), "legend": self.legend.to_json()}
        document = asdict(self) | plain | {"provenance": dict(self.provenance)}
        if document.pop("gsd_range_m") is not None:
            document["gsd_range_m"] = list(self.gsd_range_m or ())
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Card":
        """Read a card written by `to_json`; raises KeyError, OverflowError, TypeError or ValueError if invalid."""
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']}; this version of geoseg reads {FORMAT}")
        scaling = {
            dtype: Scaling(offset=float(entry["offset"]), gain=float(entry["gain"]))
            for dtype, entry in _get(document, "scaling", dict).items()
        }
        return cls(
            name=_get(document, "name", str),
            version=_get(document, "version", str),
            bands=tuple(map(str, _get(document, "bands", list))),
            scaling=scaling,
            gsd_m=float(document["gsd_m"]),
            gsd_range_m=_read_range(document["gsd_range_m"]) if "gsd_range_m" in document else None,
            tile=index(document["tile"]),
            overlap=index(document["overlap"]),
            window=_get(document, "window", str),
            multiple=index(document["multiple"]),
            legend=Legend.from_json(document["legend"]),
            provenance=_get(document, "provenance", dict),
        )


@dataclass(frozen=True, kw_only=True)
class NetworkSummary:
    """Size of a network, and the version of Keras that saved it."""

    layers: Mapping[str, int]
    """Number of layers by class, most frequent first."""
    parameters: int
    """Number of kernel, bias and normalisation values."""
    keras_version: str


def read_card(path: Path) -> Card:
    """Read the card of a bundle without loading Keras; raises BundleError if there is no valid one."""
    if path.suffix != ".keras":
        raise BundleError(f"model {path} is not a .keras file; use a bundle saved by geoseg.")
    try:
        (text,) = read_members(path, MEMBER)
    except FileNotFoundError:
        raise BundleError(f"model {path} does not exist; `geoseg models` lists the shipped models.") from None
    except KeyError:
        raise BundleError(
            f"model {path} has no {MEMBER}, so its bands, scaling and legend are unknown; save it with geoseg."
        ) from None
    except DAMAGED as error:
        raise BundleError(f"model {path} cannot be read as a .keras archive ({reason(error)}).") from error
    try:
        document = parse_json(text)
    except ValueError as error:
        raise BundleError(f"the {MEMBER} of model {path} is not valid JSON ({error}).") from error
    try:
        return Card.from_json(document)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        missing = f"it has no {error}" if isinstance(error, KeyError) else reason(error)
        raise BundleError(f"the {MEMBER} of model {path} is not a valid card ({missing}).") from error


def read_summary(path: Path) -> NetworkSummary:
    """Count the layers and parameters of a bundle; raises BundleError if its network cannot be read."""
    read_card(path)  # raises the clearest error if the file is not a bundle
    with readable(path):
        config, metadata, weights = read_members(path, CONFIG, METADATA, WEIGHTS)
        kinds = Counter(str(layer["class_name"]) for layer in parse_json(config)["config"]["layers"])
        return NetworkSummary(
            layers=dict(kinds.most_common()),
            parameters=count_values(weights),
            keras_version=str(parse_json(metadata)["keras_version"]),
        )


def _read_range(values: Sequence[Any]) -> tuple[float, float]:
    """Read a finest and a coarsest ground sample distance; raises TypeError or ValueError if it is something else."""
    finest, coarsest = map(float, values)
    return finest, coarsest


def _get(document: Mapping[str, Any], key: str, kind: type[_Kind]) -> _Kind:
    """Return a value of a card; raises KeyError if it is missing, TypeError if it has another type."""
    value = document[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key} must be a {kind.__name__}, not {value!r}")
    return value


def name_copy(bundle: Path, purpose: str, output: str | Path | None, *, overwrite: bool) -> Path:
    """Return the path of a changed copy of a bundle, by default `<model>_<purpose>.keras` in the current folder.

    Raises OutputError if it cannot be written, or is not called `.keras`.
    """
    target = Path(f"{bundle.stem}_{purpose}.keras" if output is None else output)
    check_suffix(target, ".keras")
    check_outputs([target], overwrite=overwrite)
    return target
