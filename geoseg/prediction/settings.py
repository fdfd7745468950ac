"""What a user may choose about a prediction."""

from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.models.engine import ORIENTATIONS, TTA
from geoseg.tiling import FAMILIES
from geoseg.vectors.formats import VECTOR_ENDINGS

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Choices for one prediction; what is None is taken from the model or the scene."""

    bands: tuple[int, ...] | None = None
    """Numbers of the scene's bands, from 1, in the order of the model's bands."""
    tile: int | None = None
    """Side of a tile, in pixels of the grid."""
    overlap: float | None = None
    """Share of a tile that it has in common with its neighbour, 0 to 0.5."""
    window: str | None = None
    """Family of the blend window: hann, linear, spline or flat."""
    batch_size: int = 1
    """Tiles that the network sees at a time; more buys speed on a GPU and nothing on a CPU."""
    gsd_m: float | None = None
    """Ground sample distance to work at, in metres, in place of the model's own."""
    match_input: bool = False
    """Give rasters on the scene's own pixel grid instead of the model's."""
    aoi: Path | str | Bounds | None = None
    """Area of interest: a vector file, or west, south, east, north in degrees."""
    tta: TTA = "none"
    """Orientations averaged per tile: none, flips (4) or d4 (8)."""
    confidence: bool = False
    """Also write the probability of the winning class."""
    probabilities: bool = False
    """Also write the probability of every class."""
    roads: bool = True
    """Also trace the road network, where the model knows roads."""
    roads_format: tuple[str, ...] = ("geojson",)
    """Formats of the road network: geojson, gpkg, flatgeobuf, parquet."""
    memory: int = 2 * 10**9
    """Bytes of resident memory that the run should stay within; decides the width of a block."""

    def __post_init__(self) -> None:
        if self.bands is not None:
            object.__setattr__(self, "bands", tuple(int(number) for number in self.bands))
        if self.bands is not None and (not self.bands or min(self.bands) < 1):
            raise UsageError(f"bands are counted from 1, got {','.join(map(str, self.bands))}.")
        if self.tile is not None and not 1 <= self.tile < 2**31:
            raise UsageError(f"the tile must have 1 to {2**31 - 1} pixels along a side, got {self.tile}.")
        if self.overlap is not None and not 0 <= self.overlap <= 0.5:
            raise UsageError(f"the overlap is a share of the tile between 0 and 0.5, got {self.overlap}.")
        if self.window is not None and self.window not in FAMILIES:
            raise UsageError(f"window {self.window!r} is unknown; choose one of {', '.join(FAMILIES)}.")
        if self.tta not in ORIENTATIONS:
            raise UsageError(f"tta {self.tta!r} is unknown; choose one of {', '.join(ORIENTATIONS)}.")
        if self.batch_size < 1:
            raise UsageError(f"the batch size must be at least 1, got {self.batch_size}.")
        unknown = [name for name in self.roads_format if name not in VECTOR_ENDINGS]
        if unknown or not self.roads_format:
            found = ", ".join(unknown) or "nothing"
            raise UsageError(f"roads are written as {', '.join(VECTOR_ENDINGS)}, not as {found}.")
        if self.gsd_m is not None and not 0 < self.gsd_m < float("inf"):
            raise UsageError(f"the ground sample distance must be a positive number of metres, got {self.gsd_m}.")
