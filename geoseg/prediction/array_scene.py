"""NumPy and xarray arrays as scenes, and results as DataArrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from geoseg.errors import SceneError, UsageError
from geoseg.models.legend import NODATA, Legend
from geoseg.rasters.ground import crs_of
from geoseg.rasters.open import cause, unplaced

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
    masked: npt.NDArray[np.bool_] | None = None
    """Pixels without data `(rows, columns)`, apart from those of the nodata value."""

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
        """Take the nodata value and band names from a DataArray, and the grid unless it is given."""
        if isinstance(array, np.ndarray):
            # A pixel is valid if any of its bands is, as in files.
            masked = None
            if isinstance(array, np.ma.MaskedArray):
                masked = np.asarray(np.ma.getmaskarray(array).all(axis=0))
            return cls(pixels=np.ma.getdata(array), geobox=geobox, nodata=None, masked=masked)
        import odc.geo.xr  # noqa: F401 - adds the accessor `.odc`

        spatial = array.odc.spatial_dims
        if array.ndim != 3 or spatial is None:
            dimensions = ", ".join(map(str, array.dims))
            raise UsageError(f"`array` must have bands, rows and columns; its dimensions are {dimensions}.")
        (dimension,) = (name for name in array.dims if name not in spatial)
        names = array.coords[dimension].to_numpy() if dimension in array.coords else np.array([])
        return cls(
            pixels=array.transpose(dimension, *spatial).to_numpy(),
            geobox=array.odc.geobox if geobox is None else geobox,
            nodata=array.odc.nodata,
            bands=tuple(map(str, names)) if names.dtype.kind in "UO" else (),
        )

    @contextmanager
    def written(self) -> Iterator[str]:
        """Write the pixels to a GeoTIFF in memory, and yield its name; raises SceneError if GDAL cannot store them."""
        count, height, width = self.pixels.shape
        profile = {"count": count, "height": height, "width": width, "dtype": self.pixels.dtype, "nodata": self.nodata}
        if self.geobox is not None and self.geobox.crs is not None:
            profile |= {"transform": self.geobox.transform, "crs": crs_of(self.geobox)}
        with MemoryFile(ext=".tif") as memory, unplaced(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            try:
                with memory.open(driver="GTiff", bigtiff="if_safer", photometric="minisblack", **profile) as file:
                    file.descriptions = self.bands or [""] * count
                    file.write(self.pixels)
                    if self.masked is not None:
                        file.write_mask(~self.masked)
            except (RasterioError, TypeError, ValueError) as error:
                raise SceneError(
                    f"the {self.pixels.dtype} array cannot be stored as a raster: {cause(error)}."
                ) from error
            yield memory.name


def to_data_array(found: npt.NDArray[Any], geobox: GeoBox | None, legend: Legend) -> "DataArray":
    """Add grid and class names to class ids `(rows, columns)` or probabilities `(classes, rows, columns)`."""
    from odc.geo.xr import xr_coords
    from xarray import DataArray

    coords: dict[Any, Any] = {} if geobox is None else xr_coords(geobox)
    dims = ("y", "x") if geobox is None else geobox.dimensions
    if found.ndim == 2:
        names, colours = zip(*((entry.name, entry.colour) for entry in legend.entries), strict=True)
        attributes = {"nodata": NODATA, "classes": list(names), "colours": list(colours)}
        result = DataArray(found, coords, dims, "classes", attributes)
    else:
        result = DataArray(found, {"class": list(legend.names)} | coords, ("class", *dims), "probabilities")
    if geobox is not None:
        result.encoding["grid_mapping"] = "spatial_ref"
    return result
