"""Lay out a prediction: its pixel grid, the tiles on it, and the blocks that workers take."""

import math

from geoseg.errors import MismatchError, SceneError, UsageError
from geoseg.messages import warn
from geoseg.models.bundle import Card
from geoseg.rasters.grid import SAME_GSD, Grid, choose_gsd, grid_at
from geoseg.rasters.scene import Scene
from geoseg.tiling import Axis, Lattice, Roi, cut, targets_before

from .settings import Settings

MAX_ENLARGEMENT = 4.0
"""Largest enlargement of a scene, within `SAME_GSD`: beyond it, the network would see invented detail."""
_BLURRED = 2.0
"""Enlargement beyond which, within `SAME_GSD`, a scene is much more blurred than what models are trained on."""
_ROOM = 1.25
"""A scene that fits a tile this much larger than the model's is one tile: less work than two or four, and no seam."""
_BLOCKS_EACH = 8
"""Blocks for each of several workers, if there are enough tiles."""
_TILES_DOWN = 4
"""Most rows of tiles in a block when there are several workers: a lost worker's block is predicted again."""
_TILES_ACROSS = 8
"""Fewest tiles across a block where a scene is cut into columns for several workers."""


def choose_grid(scene: Scene, card: Card, settings: Settings) -> Grid:
    """Divide the scene's extent into square pixels of the working GSD, as nearly as whole pixels allow."""
    gsd_m = settings.gsd_m or choose_gsd(card, scene.gsd_m)
    coarsest = max(scene.gsd_m)
    found = f"{coarsest:.3g}" if coarsest < 100 else f"{coarsest:.0f}"
    if coarsest / gsd_m > MAX_ENLARGEMENT * (1 + SAME_GSD):
        if settings.gsd_m is not None:
            raise MismatchError(
                f"{scene.source} has pixels of {found} m, which can be enlarged {MAX_ENLARGEMENT:g} times at most, "
                f"not to {gsd_m:g} m; choose `gsd_m={found}`."
            )
        raise SceneError(
            f"{scene.source} has pixels of {found} m, too coarse for a model that works at {gsd_m:g} m; "
            f"use a model for such imagery, or keep the scene's pixels with `gsd_m={found}`, for a map of limited use."
        )
    if settings.gsd_m is None and coarsest / gsd_m > _BLURRED * (1 + SAME_GSD):
        warn(
            f"{scene.source} has pixels of {found} m, enlarged {coarsest / gsd_m:.2g} times for {card.name}: "
            "no detail is added, so that roads, buildings and all that is a few pixels wide may be missing or wrong."
        )
    trained_m = max(card.gsd_range_m or (card.gsd_m,))
    if settings.gsd_m is not None and settings.gsd_m > trained_m * MAX_ENLARGEMENT * (1 + SAME_GSD):
        warn(
            f"model {card.name} was made for pixels of {trained_m:g} m; at {settings.gsd_m:g} m (`gsd_m`) it sees "
            "nothing like its training images, and its map cannot be trusted."
        )
    return grid_at(gsd_m, scene.grid, scene.gsd_m)


def choose_lattice(grid: Grid, card: Card, settings: Settings) -> Lattice:
    """Cover a grid with tiles; UsageError if their side does not fit the model."""
    tile = settings.tile or card.tile
    if tile % card.multiple:
        raise UsageError(f"`tile` must be a multiple of {card.multiple} pixels for model {card.name}, got {tile}.")
    chosen = settings.tile is not None or settings.overlap is not None or settings.disagreement
    larger = math.floor(_ROOM * tile / card.multiple) * card.multiple
    if not chosen and tile < max(grid.shape) <= larger:
        tile = larger
    overlap = card.overlap * tile // card.tile if settings.overlap is None else int(tile * settings.overlap)
    return Lattice(shape=grid.shape, tile=tile, overlap=overlap)


def check_overlap(scene: Scene, lattice: Lattice, window: str) -> None:
    """Raise UsageError if tiles cannot disagree, and warn if there is one only."""
    if not lattice.overlap or window == "flat":
        found = f"`window={window!r}` takes each pixel from one tile" if lattice.overlap else "tiles do not overlap"
        raise UsageError(f"`disagreement` compares overlapping tiles, and {found}; change that, or leave it out.")
    if lattice.rows.count == lattice.cols.count == 1:
        warn(f"{scene.source} fits into one tile of {lattice.tile} pixels: no tiles can disagree, `disagreement` is 0.")


def scene_pixels(scene: Scene, grid: Grid, roi: Roi) -> Roi:
    """Rows and columns of the scene whose pixel centres are in a region of the grid."""
    rows, cols = (
        slice(targets_before(part.start, native, worked), targets_before(part.stop, native, worked))
        for native, worked, part in zip(scene.grid.shape, grid.shape, roi, strict=True)
    )
    return rows, cols


def cut_blocks(lattice: Lattice, roi: Roi, *, max_columns: int, workers: int) -> list[Roi]:
    """Cut `roi` between tiles: into columns that fit the memory, and for several workers, rows.

    Workers get small blocks, of which little is lost with a worker, and enough of them to end at about the same time.
    """
    rows, cols = roi
    width = cols.stop - cols.start
    # Cuts move to the nearest tile, so a block may grow by a stride.
    across = 1 if width <= max_columns else math.ceil(width / (max_columns - lattice.cols.stride))
    down = 1
    if workers > 1:
        high, wide = (len(touched) for touched in lattice.touching(roi))
        # Tiles at the sides of a block are scored twice, so a scene is cut into columns for want of rows only.
        across = max(across, min(math.ceil(2 * workers / high), wide // _TILES_ACROSS))
        down = max(math.ceil(_BLOCKS_EACH * workers / across), math.ceil(high / _TILES_DOWN))
    return [(part, column) for column in _cut(lattice.cols, cols, across) for part in _cut(lattice.rows, rows, down)]


def _cut(axis: Axis, span: slice, parts: int) -> list[slice]:
    """Cut `span` at starts of tiles into about `parts` pieces of similar length, or fewer if there are fewer tiles."""
    tiles = axis.touching(span.start, span.stop)
    length = span.stop - span.start

    def nearest_start(place: float) -> int:
        before = min(max(tiles.start, math.floor((place - axis.start) / axis.stride)), tiles.stop - 1)
        starts: list[int] = [axis.span(index).start for index in range(before, min(before + 2, tiles.stop))]
        return min(starts, key=lambda start: abs(start - place))

    return cut(span, (nearest_start(span.start + part * length / parts) for part in range(1, parts)))
