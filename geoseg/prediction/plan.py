"""Plan a prediction: where, from what values, and at what cost, before the network sees a pixel."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from geoseg.errors import BundleError, MismatchError
from geoseg.models.bundle import Card, Scaling
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.hardware import count_streams
from geoseg.models.engines.runtime import Runtime
from geoseg.models.graph.size import SHIPPED, NetworkSize
from geoseg.models.legend import LEVELS, Legend
from geoseg.rasters.allowed import check_size
from geoseg.rasters.georeference import placed, warn
from geoseg.rasters.grid import Grid, Shape
from geoseg.rasters.ground import ground_sample_distance
from geoseg.rasters.levels import PART
from geoseg.rasters.overviews import Overview, find_overview
from geoseg.rasters.scene import Scene, open_scene
from geoseg.rasters.stretch import Stretch
from geoseg.rasters.validity import Validity
from geoseg.tiling import FAMILIES, Lattice, Roi, roi_shape

from .disk import compressed, find_share
from .layout import check_overlap, choose_grid, choose_lattice, cut_blocks, scene_pixels
from .memory import Memory, choose_streams, estimate, max_columns
from .scene_bands import choose_imagery, examine_imagery, find_imagery
from .settings import Settings
from .stretching import Imagery, scale_values

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
    """What runs the network; None for a loader of the caller."""
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
        """What the values of the class raster stand for."""
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
        streams = choose_streams(self._memory, self.settings, run)
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
        widest: int = max(cols.stop - cols.start for _, cols in self.blocks)
        streams = choose_streams(self._memory, self.settings, self.runtime)
        return self._memory.total(columns=widest, streams=streams)

    @property
    def _memory(self) -> Memory:
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


def plan(
    scene: Scene,
    card: Card,
    settings: Settings,
    *,
    network: NetworkSize = SHIPPED,
    runtime: Runtime | None = None,
    workers: int = 1,
) -> Plan:
    """Plan the prediction of `scene` with the model of `card`, whose `network` determines the memory.

    The lattice depends on scene, model and tile settings alone; `workers` and the memory budget only affect the blocks.
    A SceneError reports a scene that does not fit the model, a UsageError a setting that does not fit the model, and a
    MismatchError one that does not fit the scene.
    """
    if card.window not in FAMILIES:
        raise BundleError(f"model {card.name} names the window {card.window!r}; known are {', '.join(FAMILIES)}.")
    # First, since no other choice gives an elevation model its missing bands.
    imagery, assumed = find_imagery(scene, card, settings)
    grid = choose_grid(scene, card, settings)
    check_size(scene.source, grid.shape, settings.max_pixels, what="would be predicted at")
    lattice = choose_lattice(grid, card, settings)
    window = settings.window or card.window
    if settings.disagreement:
        check_overlap(scene, lattice, window)
    aoi = _aoi(scene, grid, settings)
    roi = lattice.roi if aoi is None else aoi.roi
    scene_roi = scene_pixels(scene, grid, roi)
    imagery = examine_imagery(imagery, assumed)
    if settings.stretch_from is None:
        scaling, stretch = scale_values(imagery, card, settings.stretch)
    else:
        with placed(settings.stretch_from, card.gsd_m) as reference:  # whose location does not matter
            shown = choose_imagery(open_scene(reference, max_pixels=settings.max_pixels), card, settings)
            scaling, stretch = scale_values(imagery, card, settings.stretch, shown)
    if settings.stac and scene.dates is None:
        warn(
            f"{scene.source} has no date (TIFFTAG_DATETIME, or that of a STAC item), so the STAC item of its results "
            "spans all time; set the date there."
        )
    if settings.roads and settings.formats_chosen and card.legend.road is None:
        warn(
            f"model {card.name} has no road class, so that no network is written in the `formats` "
            f"{', '.join(settings.formats)}."
        )
    memory = estimate(scene, card, settings, runtime, network=network, tile=lattice.tile, width=roi_shape(roi)[1])
    if settings.match_input and 0 in roi_shape(scene_roi):
        raise MismatchError(f"the area of interest contains no pixel centre of {scene.source}.")
    return Plan(
        scene=scene,
        card=card,
        network=network,
        settings=settings,
        runtime=runtime,
        bands=imagery.bands,
        validity=imagery.validity,
        scaling=scaling,
        stretch=stretch,
        overview=_find_overview(imagery, grid) if settings.overviews else None,
        grid=grid,
        lattice=lattice,
        window=window,
        roi=roi,
        scene_roi=scene_roi,
        aoi=aoi,
        blocks=tuple(cut_blocks(lattice, roi, max_columns=max_columns(memory, settings, runtime), workers=workers)),
        share=find_share(scene, imagery.bands, imagery.validity, scene_roi),
    )


def _aoi(scene: Scene, grid: Grid, settings: Settings) -> "Aoi | None":
    if settings.aoi is None:
        return None
    from .aoi import read_aoi  # imports more than all the rest of a plan

    aoi = read_aoi(settings.aoi, grid.geobox)
    if aoi is None:
        west, south, east, north = scene.bounds_lonlat
        raise MismatchError(
            f"the area of interest is outside {scene.source}, which reaches from longitude {west:.4f} to {east:.4f} "
            f"and from latitude {south:.4f} to {north:.4f}; bounds are west,south,east,north."
        )
    return aoi


def _find_overview(imagery: Imagery, grid: Grid) -> Overview | None:
    """Find the overview to read; a GeosegWarning reports that there is none."""
    alpha = imagery.validity.alpha
    bands = (*imagery.bands, *([] if alpha is None else [alpha]))
    found = find_overview(imagery.raster, bands, imagery.validity, grid.shape)
    if found is None:
        height, width = grid.shape
        warn(
            f"{imagery.name} has no overview of {width} × {height} pixels or more with its mask, so its own pixels "
            "are read, as without `overviews`."
        )
    return found
