"""Acquisition date of a scene, from its file or its STAC item."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rasterio

_ACQUISITION = "ACQUISITIONDATETIME"
"""In the domain `IMAGERY`, where GDAL puts the metadata of satellites, in UTC."""
_TIFF = "TIFFTAG_DATETIME"
"""By the standard without a time zone; other programs write ISO 8601."""
_TIFF_DAY = re.compile(r"^\s*(\d{4}):(\d\d):(\d\d)")


@dataclass(frozen=True, kw_only=True)
class Dates:
    """A moment, or the start and end of a period, or both; in UTC, as STAC writes them."""

    moment: str | None = None
    period: tuple[str, str] | None = None

    def to_stac(self) -> dict[str, str | None]:
        """Return the fields of a STAC item."""
        period = {} if self.period is None else dict(zip(("start_datetime", "end_datetime"), self.period, strict=True))
        return {"datetime": self.moment, **period}


def dates_of(raster: rasterio.DatasetReader) -> Dates | None:
    """Read the date of acquisition, or else that of the TIFF, taken as UTC; None without either."""
    acquired, made = raster.tags(ns="IMAGERY").get(_ACQUISITION), raster.tags().get(_TIFF, "")
    moment = _utc(acquired) or _utc(_TIFF_DAY.sub(r"\1-\2-\3", made))
    return None if moment is None else Dates(moment=moment)


def dates_of_item(properties: object) -> Dates | None:
    """Read the dates of a STAC item from its properties; None if it has none."""
    if not isinstance(properties, Mapping):
        return None
    moment, start, end = (_utc(properties.get(name)) for name in ("datetime", "start_datetime", "end_datetime"))
    period = None if start is None or end is None else (start, end)
    return None if moment is None and period is None else Dates(moment=moment, period=period)


def _utc(text: Any) -> str | None:  # noqa: ANN401 - what a file says
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (AttributeError, ValueError, OverflowError):  # in UTC, a year may be 0
        return None
    return moment.isoformat().replace("+00:00", "Z")
