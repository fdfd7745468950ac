"""Plan a prediction: where, from what values, and at what cost, before the network sees a pixel."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geoseg.errors import BundleError, MismatchError
from geoseg.messages import warn
from geoseg.models.bundle import Card
from geoseg.models.engines.runtime import Runtime
from geoseg.models.graph.size import SHIPPED, NetworkSize
from geoseg.rasters.georeference import placed
from geoseg.rasters.grid import Grid
from geoseg.rasters.overviews import Overview, find_overview
from geoseg.rasters.scene import Scene, open_scene
from geoseg.rasters.sources.allowed import check_size
from geoseg.tiling import FAMILIES, roi_shape

from .disk import find_share
from .inputs.bands import choose_imagery, examine_imagery, find_imagery
from .inputs.imagery import Imagery
from .inputs.stretching import Scalings, scale_values
from .layout import check_overlap, choose_grid, choose_lattice, cut_blocks, scene_pixels
from .memory import max_columns
from .plan import Plan
from .settings import Settings

if TYPE_CHECKING:
    from .aoi import Aoi


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
    # Bands first: an elevation model lacks them, whatever else is chosen.
    imagery, assumed = find_imagery(scene, card, settings)
    grid = choose_grid(scene, card, settings)
    check_size(scene.source, grid.shape, settings.max_pixels, what="would be predicted at")
    lattice = choose_lattice(grid, card, settings)
    window = settings.window or card.window
    if settings.disagreement:
        check_overlap(scene, lattice, window)
    aoi = _read_aoi(scene, grid, settings)
    roi = lattice.roi if aoi is None else aoi.roi
    scene_roi = scene_pixels(scene, grid, roi)
    if settings.match_input and 0 in roi_shape(scene_roi):
        raise MismatchError(f"the area of interest contains no pixel centre of {scene.source}.")
    imagery = examine_imagery(imagery, assumed)
    scaling, stretch = _scale_values(imagery, card, settings)
    _warn_of_what_is_missing(scene, card, settings)
    in_one_block = Plan(
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
        blocks=(roi,),
        share=find_share(scene, imagery.bands, imagery.validity, scene_roi),
    )
    widest = max_columns(in_one_block.worker_memory, settings, runtime)
    return replace(in_one_block, blocks=tuple(cut_blocks(lattice, roi, max_columns=widest, workers=workers)))


def _read_aoi(scene: Scene, grid: Grid, settings: Settings) -> "Aoi | None":
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
    if not aoi.has_pixels:
        raise MismatchError("the area of interest contains no pixel centre of the grid; choose a larger one.")
    return aoi


def _scale_values(imagery: Imagery, card: Card, settings: Settings) -> Scalings:
    """Scale the values as the model does, or from a range of the scene or of `settings.stretch_from`."""
    if settings.stretch_from is None:
        return scale_values(imagery, card, settings.stretch)
    with placed(settings.stretch_from, card.gsd_m) as reference:  # whose location does not matter
        shown = choose_imagery(open_scene(reference, max_pixels=settings.max_pixels), card, settings)
        return scale_values(imagery, card, settings.stretch, shown)


def _warn_of_what_is_missing(scene: Scene, card: Card, settings: Settings) -> None:
    """Warn if the scene has no date for its STAC item, or the model no roads for a network in the formats chosen."""
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
