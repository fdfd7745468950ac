"""Options for a prediction."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from geoseg.errors import UsageError
from geoseg.models.engines.engine import ORIENTATIONS, TTA, Precision
from geoseg.models.engines.runtime import Runtime, RuntimeOptions, choose_runtime
from geoseg.rasters.stretch import Stretch, parse_stretch
from geoseg.tiling import FAMILIES
from geoseg.vectors.targets import VECTOR_ENDINGS

Bounds = tuple[float, float, float, float]


class ImageryOptions(TypedDict, total=False):
    """How to read imagery: fields of `Settings` as optional keywords of public calls."""

    bands: tuple[int, ...] | None
    nodata: float | Iterable[float] | None
    stretch: str
    stretch_from: Path | str | None


class Options(RuntimeOptions, ImageryOptions, total=False):
    """Fields of `Settings` as optional keywords of public calls."""

    tile: int | None
    overlap: float | None
    window: str | None
    batch_size: int | None
    gsd_m: float | None
    overviews: bool
    match_input: bool
    aoi: Path | str | Bounds | None
    tta: TTA
    confidence: bool
    disagreement: bool
    probabilities: bool
    min_confidence: float | None
    roads: bool
    formats: tuple[str, ...]
    stac: bool
    report: bool
    memory: int | None
    max_pixels: int | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options for one prediction. `None`: use the model's or scene's value."""

    bands: tuple[int, ...] | None = None
    """Band numbers of the scene, from 1, in the order of the model's bands."""
    nodata: float | Iterable[float] | None = ()
    """Values without data that the scene does not declare: one, or one for each of the model's bands. As with declared
    values, a pixel is nodata if any band has a negative one, or all bands have another one."""
    stretch: str = "auto"
    """How the scene's values become the network's 0–255. `auto`: the model's scaling if it has one for them, else a
    stretch between percentiles 2 and 98 of each band; `none`: the model's scaling only; `pLOW,pHIGH`: these
    percentiles; `LOW,HIGH` or `LOW,HIGH;LOW,HIGH;…`: these values, for all bands or for each; `joint`: percentiles 2
    and 98 of all scenes of a call. Values are taken after the scale and offset that the scene declares."""
    stretch_from: Path | str | None = None
    """Scene whose percentiles stretch this one."""
    tile: int | None = None
    """Side of a tile, pixels of the grid."""
    overlap: float | None = None
    """Overlap of neighbouring tiles as a fraction of the tile, 0 to 0.5."""
    window: str | None = None
    """Blend window: hann, linear, spline or flat; without effect, and refused, if `overlap` is 0."""
    engine: str = "auto"
    """Engine that runs the network: openvino, onnxruntime, keras, or another package's; see `choose_runtime`."""
    precision: Literal["auto"] | Precision = "auto"
    """Number format of the network's layers: float32, bfloat16, float16 or int8."""
    devices: str = "auto"
    """`auto`, `cpu`, `all`, or devices of the Keras backend such as `gpu:0,1`."""
    batch_size: int | None = None
    """Tiles per network call on a GPU, by default 8, or fewer if its memory is small; in OpenVINO, tiles scored at the
    same time, by default one for every four cores and at most four. Keras and ONNX Runtime ignore it on a CPU."""
    gsd_m: float | None = None
    """Ground sample distance (GSD) to predict at, metres."""
    overviews: bool = False
    """Read the coarsest overview that is at least as fine as the working GSD, in place of the scene's own pixels."""
    match_input: bool = False
    """Write rasters on the scene's pixel grid instead of the model's."""
    aoi: Path | str | Bounds | None = None
    """Area of interest: a vector file, or (west, south, east, north) in degrees."""
    tta: TTA = "none"
    """Test-time augmentation: none, flips (4 orientations) or d4 (8)."""
    confidence: bool = False
    """Also write the probability of the winning class."""
    disagreement: bool = False
    """Also write how far overlapping tiles disagree: the root of the mean, by the window's weights, of half the squared
    distance between a tile's probabilities and the blended ones. For two classes, that is the standard deviation of
    their probability. 0 where one tile alone covers a pixel."""
    probabilities: bool = False
    """Also write the probability of every class."""
    min_confidence: float | None = None
    """Lowest probability of a class in the class raster, 0 to 1; a pixel below it is unknown, with an id of its own.
    Probabilities are compared as they are stored, in steps of 1/254. Does not affect roads."""
    roads: bool = True
    """Trace the road network, if the model has a road class."""
    formats: tuple[str, ...] = ("geojson",)
    """Formats of the road network: geojson, gpkg, flatgeobuf, parquet."""
    stac: bool = False
    """Also write a STAC item of all results, with a checksum of each."""
    report: bool = False
    """Also write a report: an HTML page with pictures of image, classes, confidence and roads, tables and provenance.
    For the picture of a scene without overviews, the scene is read once more."""
    memory: int | None = None
    """Limit of resident memory in bytes, which sets the width of a block; by default 2 GB, or more where devices and
    the width of the scene need it."""
    max_pixels: int | None = None
    """Most pixels of a scene, and of the grid to predict it on; by default 10¹², or those of the environment variable
    GEOSEG_MAX_PIXELS."""

    def __post_init__(self) -> None:
        if self.bands is not None:
            object.__setattr__(self, "bands", tuple(int(number) for number in self.bands))
        if self.bands is not None and (not self.bands or min(self.bands) < 1):
            raise UsageError(f"`bands` are numbered from 1, got {','.join(map(str, self.bands))}.")
        object.__setattr__(self, "nodata", self.nodata_values)
        given = isinstance(parse_stretch(self.stretch), Stretch) or self.stretch in {"none", "joint"}
        if given and self.stretch_from is not None:
            raise UsageError(f"`stretch_from` cannot be combined with `stretch={self.stretch!r}`; choose one.")
        if self.tile is not None and not 1 <= self.tile < 2**31:
            raise UsageError(f"`tile` must be 1 to {2**31 - 1} pixels, got {self.tile}.")
        if self.overlap is not None and not 0 <= self.overlap <= 0.5:
            raise UsageError(f"`overlap` must be a fraction of the tile from 0 to 0.5, got {self.overlap}.")
        if self.window is not None and self.window not in FAMILIES:
            raise UsageError(f"`window` {self.window!r} is unknown; choose one of {', '.join(FAMILIES)}.")
        if self.window is not None and self.overlap == 0:
            raise UsageError("`window` has no effect with `overlap=0`: it weights overlapping tiles; choose one.")
        if self.tta not in ORIENTATIONS:
            raise UsageError(f"`tta` {self.tta!r} is unknown; choose one of {', '.join(ORIENTATIONS)}.")
        counts = {"batch_size": self.batch_size, "max_pixels": self.max_pixels}
        if few := {name: count for name, count in counts.items() if count is not None and count < 1}:
            raise UsageError(
                "; ".join(f"`{name}` must be at least 1, got {count}" for name, count in few.items()) + "."
            )
        self._check_formats()
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise UsageError(f"`min_confidence` must be a probability from 0 to 1, got {self.min_confidence}.")
        if self.gsd_m is not None and not 0 < self.gsd_m < float("inf"):
            raise UsageError(f"`gsd_m` must be a positive number of metres, got {self.gsd_m}.")

    def _check_formats(self) -> None:
        if isinstance(self.formats, str):
            object.__setattr__(self, "formats", (self.formats,))
        object.__setattr__(self, "formats", tuple(self.formats))
        unknown = [name for name in self.formats if name not in VECTOR_ENDINGS]
        if unknown or not self.formats:
            found = ", ".join(unknown) or "nothing"
            raise UsageError(f"`formats` are {', '.join(VECTOR_ENDINGS)}, got {found}.")
        if self.formats_chosen and not self.roads:
            raise UsageError(
                "`formats` has no effect with `roads=False`, which leaves out the road network; choose one of the two."
            )

    @property
    def formats_chosen(self) -> bool:
        """Whether the formats are other than the default."""
        return self.formats != type(self).formats

    @property
    def nodata_values(self) -> tuple[float, ...]:
        """`nodata` as a tuple."""
        try:
            return tuple(map(float, _several(self.nodata)))
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"`nodata` must be a number, or one for each of the model's bands, got {self.nodata!r}."
            ) from error

    def choose_runtime(self) -> Runtime:
        """Choose engine, precision and devices on this machine; see `geoseg.models.engines.runtime`."""
        return choose_runtime(self.engine, self.precision, self.devices)


def _several(given: float | Iterable[float] | None) -> Iterable[Any]:
    """Return several values as they are, and a single one (a number, a text, or a 0-dimensional array) in a tuple."""
    if given is None:
        return ()
    if isinstance(given, Iterable) and not isinstance(given, str) and getattr(given, "ndim", 1) > 0:
        return given
    return (given,)
