"""Fields that the STAC items of models and of results share (STAC 1.1, stacspec.org)."""

import re
from pathlib import Path
from typing import Any

from geoseg.files import sha256_of

from .legend import Legend

VERSION = "1.1.0"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
ANY_TIME = {"datetime": None, "start_datetime": "1900-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}
"""Dates of undated items: STAC requires a date, or a start and an end."""
_SHA256 = "1220"
"""Multihash prefix: algorithm, and length of 32 bytes."""


def describe_classes(legend: Legend) -> list[dict[str, Any]]:
    """Return `classification:classes`, in the order of the legend, unknown pixels last."""
    return [
        {
            "value": number,
            "name": ascii_name(entry.name),
            "description": entry.name,
            "color_hint": entry.colour[1:].upper(),
        }
        for number, entry in enumerate(legend.entries)
    ]


def describe_file(path: Path) -> dict[str, Any]:
    """Return size and checksum of a file."""
    return {"file:size": path.stat().st_size, "file:checksum": _SHA256 + sha256_of(path)}


def identifier(text: str) -> str:
    """Replace whitespace and ASCII punctuation, which may be special in paths; letters of any script stay."""
    return re.sub(r"(?:\s|[^0-9A-Za-z_.\-\u0080-\U0010ffff])+", "_", text)


def ascii_name(text: str) -> str:
    """Convert to ASCII letters, digits, hyphens and underscores, which all extensions allow in names.

    Other letters are encoded as in host names: `xn--` and Punycode (RFC 3492), so different texts stay different.
    """
    name = identifier(text).replace(".", "_")
    return name if name.isascii() else "xn--" + name.encode("punycode").decode()
