"""Examine GDAL and PROJ: versions, data files and drivers, in rasterio, pyproj and pyogrio."""

import os
from collections.abc import Iterator
from pathlib import Path

from .findings import Finding

_RASTERS = {
    "GTiff": ("no GeoTIFF can be read or written", "install rasterio again"),
    "COG": ("no result can be written", "install rasterio 1.4 or newer, with GDAL 3.1 or newer"),
    "VRT": ("mosaics and scenes on other grids cannot be read", "install rasterio again"),
    "JP2OpenJPEG": ("JPEG 2000 scenes, as of Sentinel-2, cannot be read", "install rasterio from PyPI"),
}
"""By driver: what fails without it, and how to get it."""
_VECTORS = ("GPKG", "FlatGeobuf", "GeoJSON")


def find_gdal() -> Iterator[Finding]:
    """Find the versions of GDAL and PROJ, and whether PROJ's database is the one of its version."""
    import pyproj
    import rasterio

    from geoseg.rasters.proj_database import fault_in_gdal, fault_in_pyproj

    gdal = f"{rasterio.__gdal_version__} in rasterio {rasterio.__version__}"
    folder = os.environ.get("GDAL_DATA")
    problem = ""
    if folder is not None and not Path(folder, "gdalvrt.xsd").is_file():
        problem = f"GDAL_DATA is {folder}, where GDAL's own files are not; unset it."
    facts = {"version": rasterio.__gdal_version__}
    yield Finding(topic="versions", name="GDAL", value=gdal, problem=problem, facts=facts)
    problem = fault_in_gdal()
    yield Finding(
        topic="versions", name="PROJ in GDAL", value=rasterio.__proj_version__, problem=problem, blocks=bool(problem)
    )
    problem = fault_in_pyproj()
    value = f"{pyproj.proj_version_str} in pyproj {pyproj.__version__}"
    yield Finding(topic="versions", name="PROJ", value=value, problem=problem, blocks=bool(problem))


def _unskip(driver: str, otherwise: str) -> str:
    """Return how to get a driver back: by the variable that excludes it, or else other advice."""
    for variable in ("GDAL_SKIP", "OGR_SKIP"):
        if driver.upper() in os.environ.get(variable, "").upper().replace(",", " ").split():
            return f"unset {variable}, which names it"
    return otherwise


def find_raster_drivers() -> Iterator[Finding]:
    """Find the drivers of rasters, in the GDAL of rasterio."""
    from geoseg.rasters.sources.allowed import NEEDED, drivers

    present = drivers()
    for name, (consequence, advice) in _RASTERS.items():
        there = name in present
        yield Finding(
            topic="drivers",
            name=name,
            value="there" if there else "missing",
            problem="" if there else f"GDAL has no driver {name}, so {consequence}; {_unskip(name, advice)}.",
            blocks=not there and name in NEEDED,
        )


def find_vector_drivers() -> Iterator[Finding]:
    """Find the drivers of vectors, in the GDAL of pyogrio; and Parquet, which is written by pyarrow."""
    import pyogrio

    present = pyogrio.list_drivers(write=True)
    for name in _VECTORS:
        there = name in present
        yield Finding(
            topic="drivers",
            name=name,
            value=f"there, GDAL {pyogrio.__gdal_version_string__} in pyogrio" if there else "missing",
            problem=""
            if there
            else f"pyogrio's GDAL does not write {name}; {_unskip(name, 'install pyogrio from PyPI')}.",
        )
    import pyarrow.parquet

    yield Finding(topic="drivers", name="Parquet", value=f"there, pyarrow {pyarrow.__version__}")
