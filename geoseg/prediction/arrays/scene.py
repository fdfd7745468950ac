"""NumPy and xarray arrays as scenes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from geoseg.errors import SceneError, UsageError
from geoseg.messages import warn
from geoseg.rasters.bands.choice import find_bands
from geoseg.rasters.bands.identify import Band
from geoseg.rasters.grid import SAME_GSD
from geoseg.rasters.ground import crs_of
from geoseg.rasters.missing_data.validity import is_fill, may_have
from geoseg.rasters.opening.open import cause, unplaced
from geoseg.rasters.values import Units

from .data_array import grid_of, names_of, stored_values

if TYPE_CHECKING:
    from xarray import DataArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayScene:
    """Pixels in memory, with the metadata of a raster file."""

    pixels: npt.NDArray[Any]
    """`(bands, rows, columns)`."""
    geobox: GeoBox | None
    """None without a georeference."""
    nodata: float | None
    bands: tuple[str, ...] = ()
    """Names of the bands, if they have any."""
    units: Units = ()
    """Scale and offset of each band, if it has any."""
    masked: npt.NDArray[np.bool_] | None = None
    """Values without data `(bands, rows, columns)`, apart from those of the nodata value."""
    fill: float | None = None
    """Nodata value of the file from which `masked` was read, if any."""

    def __post_init__(self) -> None:
        if self.pixels.dtype == np.float16:  # which GDAL stores from version 3.11 on
            object.__setattr__(self, "pixels", self.pixels.astype(np.float32))
        if self.pixels.ndim != 3 or 0 in self.pixels.shape:
            raise UsageError(f"`array` must be (bands, rows, columns); its shape is {self.pixels.shape}.")
        size = self.pixels.shape[1:]
        if self.geobox is not None and self.geobox.shape.yx != size:
            raise UsageError(f"`geobox` has the shape {self.geobox.shape.yx}, `array` {size}; they must be equal.")

    @classmethod
    def from_array(cls, array: "npt.NDArray[Any] | DataArray", geobox: GeoBox | None) -> Self:
        """Take nodata value, band names and units from a DataArray, and the grid unless it is given."""
        if isinstance(array, np.ndarray):
            masked, fill = None, None
            if isinstance(array, np.ma.MaskedArray):
                masked = np.ma.getmaskarray(array)
                fill = float(array.fill_value) if array.dtype.kind in "iuf" else None
            return cls(pixels=np.ma.getdata(array), geobox=geobox, nodata=None, masked=masked, fill=fill)
        import odc.geo.xr  # noqa: F401 - adds the accessor `.odc`
        from xarray import DataArray

        if not isinstance(array, DataArray):
            raise UsageError(f"`array` must be a NumPy array or a DataArray, not a {type(array).__name__}.")
        spatial = array.odc.spatial_dims
        if array.ndim != 3 or spatial is None:
            dimensions = ", ".join(map(str, array.dims))
            raise UsageError(f"`array` must have bands, rows and columns; its dimensions are {dimensions}.")
        (dimension,) = (name for name in array.dims if name not in spatial)
        pixels, units = stored_values(array.transpose(dimension, *spatial), dimension)
        try:
            nodata = array.odc.nodata
        except (TypeError, ValueError) as error:
            raise UsageError(f"`array` has a nodata value that is no number ({error}).") from error
        return cls(
            pixels=pixels,
            geobox=grid_of(array) if geobox is None else geobox,
            nodata=nodata if nodata is not None and may_have(pixels.dtype, nodata) else None,
            bands=names_of(array, dimension),
            units=units,
        )

    def report_spacing(self, gsd_m: float) -> None:
        """Warn if coordinates without a CRS are another distance apart than the `gsd_m` that is assumed of pixels."""
        if self.geobox is None or self.geobox.crs is not None:
            return
        apart = abs(self.geobox.resolution.x)
        if abs(apart / gsd_m - 1) > SAME_GSD:
            warn(
                f"the array has coordinates {apart:.4g} apart but no CRS, and its pixels are taken for {gsd_m:g} m; "
                "assign it (`array.odc.assign_crs`), or give `image_gsd_m`."
            )

    def default_bands(self, wanted: Sequence[str]) -> tuple[int, ...] | None:
        """Numbers of bands without names: all in order if as many are wanted, or those of `band N`; else None."""
        if self.bands:
            return None
        if len(self.pixels) == len(wanted):
            return tuple(range(1, len(wanted) + 1))
        return find_bands([Band(name=None, colour=ColorInterp.undefined)] * len(self.pixels), wanted)

    @contextmanager
    def written(self, used: Sequence[int] | None = None) -> Iterator[str]:
        """Write the pixels to a GeoTIFF in memory, with the mask of the `used` bands or of all, and yield its name.

        Raises SceneError if GDAL cannot store them.
        """
        count, height, width = self.pixels.shape
        profile = {"count": count, "height": height, "width": width, "dtype": self.pixels.dtype, "nodata": self.nodata}
        if self.geobox is not None and self.geobox.crs is not None:
            profile |= {"transform": self.geobox.transform, "crs": crs_of(self.geobox)}
        with MemoryFile(ext=".tif") as memory, unplaced(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            try:
                with memory.open(driver="GTiff", bigtiff="if_safer", photometric="minisblack", **profile) as file:
                    file.descriptions = self.bands or [""] * count
                    if self.units:
                        file.scales = [unit.scale for unit in self.units]
                        file.offsets = [unit.offset for unit in self.units]
                    file.write(self.pixels)
                    if self.masked is not None:
                        file.write_mask(~self._missing(used or range(1, count + 1)))
            except (RasterioError, TypeError, ValueError) as error:
                raise SceneError(
                    f"the {self.pixels.dtype} array cannot be stored as a raster: {cause(error)}."
                ) from error
            yield memory.name

    def _missing(self, used: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Combine the masks of bands, counted from 1, to one `(rows, columns)`: as of files, see `Validity`."""
        assert self.masked is not None
        bands = [number - 1 for number in used if number <= len(self.pixels)]
        masked = self.masked[bands]
        if is_fill(self.fill):
            return np.asarray(masked.any(axis=0))
        colours = masked & (self.pixels[bands] == self.fill)
        return np.asarray((masked & ~colours).any(axis=0) | masked.all(axis=0))
