"""One stretch for all scenes of a call."""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import rasterio

from geoseg.errors import GeosegWarning, MismatchError, SceneError
from geoseg.models.bundle import Card
from geoseg.prediction.settings import Settings
from geoseg.rasters.georeference import placed
from geoseg.rasters.opening.open import GDAL
from geoseg.rasters.scene import open_scene
from geoseg.rasters.stac import Asset, open_source
from geoseg.rasters.stretch import Percentiles

from .bands import choose_imagery
from .imagery import Imagery
from .stretching import pool_values


def pool_stretch(
    sources: Sequence[str | Asset], card: Card, settings: Settings, *, gsd_m: float | None = None
) -> Settings:
    """Replace a joint stretch by the range that the scenes have in common; return other settings as they are.

    Scenes that cannot be read are left out: their own prediction reports them. So are those without a georeference,
    unless `gsd_m` gives their metres per pixel. Raises SceneError or MismatchError if several others have no range in
    common.
    """
    if settings.stretch != "joint":
        return settings
    images: list[Imagery] = []
    with rasterio.Env(**GDAL), ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore", GeosegWarning)  # its own prediction warns of each scene
        for source in sources:
            try:
                if gsd_m is None or isinstance(source, Asset):
                    scene = open_source(source, max_pixels=settings.max_pixels)
                else:
                    scene = open_scene(stack.enter_context(placed(source, gsd_m)))
                images.append(choose_imagery(scene, card, settings))
            except (SceneError, MismatchError):
                continue
        if not images:
            return settings
        try:
            pooled = pool_values(images, Percentiles())
        except SceneError:
            if len(images) > 1:
                raise
            return settings  # its own prediction reports it
        return replace(settings, stretch=str(pooled))
