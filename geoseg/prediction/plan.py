"""The plan of a prediction, and its cost in tiles, memory and disk space, before the network sees a pixel."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from geoseg.models.bundle import Card, Scaling
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.hardware import count_streams
from geoseg.models.engines.runtime import Runtime
from geoseg.models.graph.size import NetworkSize
from geoseg.models.legend import LEVELS, Legend
from geoseg.rasters.grid import Grid, Shape
from geoseg.rasters.ground import ground_sample_distance
from geoseg.rasters.levels import PART
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.overviews import Overview
from geoseg.rasters.scene import Scene
from geoseg.rasters.stretch import Stretch
from geoseg.tiling import Lattice, Roi, roi_shape

from .disk import compressed
from .memory import Memory, choose_streams, estimate, least_of_tile
from .settings import Settings

if TYPE_CHECKING:
    from .aoi import Aoi


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that determines the bytes of a result and the cost of a run."""

    scene: Scene
    card: Card
    network: NetworkSize
    settings: Settings
    runtime: Runtime | None
    """Engine, precision and devices of the network; None for a loader of the caller."""
    bands: tuple[int, ...]
    """Band numbers of the scene, from 1, in the order of the model's bands."""
    validity: Validity
    """Which pixels of the scene have data."""
    scaling: tuple[Scaling, ...]
    """From the scene's values to the network's, for each band."""
    stretch: Stretch | None
    """The range of values that the scaling stands for; None if it is the model's own."""
    overview: Overview | None
    """Overview of the scene to read; None for its own pixels."""
    grid: Grid
    """Pixel grid of the network: extent and orientation of the scene at the working GSD."""
    lattice: Lattice
    window: str
    """Family of the blend window."""
    roi: Roi
    """Rows and columns of the grid to predict: all, or the bounds of the area of interest."""
    scene_roi: Roi
    """Rows and columns of the scene whose pixel centres are in `roi`."""
    aoi: "Aoi | None"
    """Area of interest; the result is nodata outside of it."""
    blocks: tuple[Roi, ...]
    """Regions that cover `roi`, each predicted by one worker."""
    share: float
    """Share of `scene_roi` that may have data, as the blocks of a large sparse file tell; else 1."""

    @property
    def gsd_m(self) -> float:
        """Ground sample distance of the grid, the geometric mean of those down and along.

        That of the settings or the model, rounded so that whole pixels divide the scene; or the scene's own.
        """
        return float(f"{math.sqrt(math.prod(ground_sample_distance(self.grid))):.6g}")

    @property
    def road(self) -> int | None:
        """Id of the road class; None if the legend has none, or roads are not requested."""
        return self.card.legend.road if self.settings.roads else None

    @property
    def read_shape(self) -> Shape:
        """Rows and columns of what is read: the scene, or its overview."""
        shape: Shape = self.scene.grid.shape
        return shape if self.overview is None else self.overview.shape

    @property
    def legend(self) -> Legend:
        """Legend of the class raster: the model's, with an entry for unknown pixels if there may be any."""
        legend = self.card.legend
        return legend if self.settings.min_confidence is None else legend.with_unknown()

    @property
    def lowest_level(self) -> int | None:
        """Lowest probability of a class, in `LEVELS`; pixels below it are unknown. None if every pixel has a class."""
        lowest = self.settings.min_confidence
        return None if lowest is None else sum(level / LEVELS < lowest for level in range(LEVELS + 1))

    @property
    def engine_options(self) -> EngineOptions:
        """How to run the network."""
        options = EngineOptions(batch_size=self.settings.batch_size, tta=self.settings.tta)
        run = self.runtime
        if run is None:
            return options
        # Fewer tiles at a time than by default, if they would not fit the memory.
        streams = choose_streams(self.worker_memory, self.settings, run)
        if run.engine == "openvino" and streams != count_streams(options.batch_size):
            options = replace(options, batch_size=streams)
        return replace(options, engine=run.engine, precision=run.precision, devices=run.devices)

    @property
    def tiles(self) -> int:
        """Number of tiles to predict; a tile shared by two blocks counts twice."""
        return sum(self.lattice.count_tiles(block) for block in self.blocks)

    @property
    def memory(self) -> int:
        """Upper estimate of the resident memory of one worker, in bytes, without the road network."""
        # The last tile of a narrow scene reaches beyond it.
        widest: int = max(self.lattice.tile, *(cols.stop - cols.start for _, cols in self.blocks))
        memory = self.worker_memory
        return memory.total(columns=widest, streams=choose_streams(memory, self.settings, self.runtime))

    @property
    def least_memory(self) -> int:
        """Lower estimate of the same, for a single tile: no machine with less can run the plan."""
        return least_of_tile(
            self.card, self.runtime, tile=self.lattice.tile, dtype=self.scene.dtype, network=self.network
        )

    @property
    def worker_memory(self) -> Memory:
        """Resident memory of one worker, for blocks of any width."""
        width: int = roi_shape(self.roi)[1]
        return estimate(
            self.scene,
            self.card,
            self.settings,
            self.runtime,
            network=self.network,
            tile=self.lattice.tile,
            width=width,
        )

    @property
    def in_parts(self) -> bool:
        """Whether the result's rasters are joined from parts, which several threads or workers make."""
        return self._result_pixels > PART

    @property
    def disk(self) -> int:
        """Upper estimate of the disk space for results and work files, in bytes; pure noise takes a little more."""
        return self.result_disk + self.work_disk

    @property
    def result_disk(self) -> int:
        """Upper estimate of the disk space for results with overviews, a third more than their pixels, in bytes."""
        return compressed(self._result_pixels, self._layers * 4 / 3, self.share)

    @property
    def work_disk(self) -> int:
        """Upper estimate of the disk space for the work folder, in bytes: each layer in pieces, whole and in parts.

        Before the parts, it is resampled to the scene's pixels on request.
        """
        alone = self.road is not None and not self.settings.probabilities  # a work layer only
        assembled = compressed(math.prod(roi_shape(self.roi)), 2 * (self._layers + alone), self.share)
        matched = self.settings.match_input * compressed(self._result_pixels, self._layers, self.share)
        return assembled + matched + self.in_parts * self.result_disk

    @property
    def _layers(self) -> int:
        asked = self.settings.confidence + self.settings.disagreement
        return 1 + asked + self.settings.probabilities * len(self.card.legend)

    @property
    def _result_pixels(self) -> int:
        return math.prod(roi_shape(self.scene_roi if self.settings.match_input else self.roi))
