"""The registry file: models by name, each with URL, size and SHA-256 of its bundle, and a description for people."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from geoseg.errors import BundleError, UsageError
from geoseg.files import sha256_of
from geoseg.models.added import is_model_name, is_sha256
from geoseg.models.archive import parse_json
from geoseg.models.bundle import Card, read_card

KIND = "geoseg model registry"
FORMAT = 1
MOST_BYTES = 10_000_000
"""Largest registry file."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The fields of a registry's model that are needed to add it; all others are for people."""

    name: str
    url: str
    """Absolute, or relative to the registry file's."""
    sha256: str
    bytes: int


def parse_registry(text: bytes, source: str) -> tuple[Entry, ...]:
    """Parse a registry file; raises BundleError, which names its `source`."""
    try:
        document = parse_json(text)
        if document["kind"] != KIND:
            raise ValueError(f"its kind is {document['kind']!r}")
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']!r}; this version of geoseg reads {FORMAT}")
        entries = tuple(_entry(number, each) for number, each in enumerate(document["models"], 1))
        if not entries:
            raise ValueError("its list of models is empty")
        names = [entry.name for entry in entries]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"it has several models named {name}")
    except (KeyError, TypeError, ValueError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"{source} is not a registry of models ({reason}).") from error
    return entries


def _entry(number: int, document: Any) -> Entry:  # noqa: ANN401 - any JSON value
    """Check an entry; raises KeyError, TypeError or ValueError."""
    name, url, sha256, size = (document[key] for key in ("name", "url", "sha256", "bytes"))
    if not (isinstance(name, str) and is_model_name(name)):
        raise ValueError(f"the name of model {number} is {name!r}; names are letters, digits, _ and -")
    if not (isinstance(url, str) and url):
        raise ValueError(f"the url of model {name} is {url!r}")
    if not (isinstance(sha256, str) and is_sha256(sha256.lower())):
        raise ValueError(f"the sha256 of model {name} is {sha256!r}, not 64 hexadecimal digits")
    if not (isinstance(size, int) and size > 0):
        raise ValueError(f"the bytes of model {name} are {size!r}")
    return Entry(name=name, url=url, sha256=sha256.lower(), bytes=size)


def make_registry(bundles: Sequence[Path], *, url_prefix: str = "") -> str:
    """Return the registry file of bundles, which are named by their cards.

    Parameters
    ----------
    bundles
        Files that will be served.
    url_prefix
        Prefix of their URLs; if empty, these are relative to the registry.

    Raises
    ------
    BundleError, UsageError
        If a bundle cannot be read, or its card's name cannot be a model's, or two have the same, or their
        files have.
    """
    models: dict[str, dict[str, Any]] = {}
    files: set[str] = set()
    for path in bundles:
        card = read_card(path)
        if not is_model_name(card.name):
            raise UsageError(
                f"the card of {path} names it {card.name!r}; names in a registry have letters, digits, _ and - only."
            )
        if card.name in models:
            raise UsageError(f"the cards of two bundles name them {card.name}; {path} is the second.")
        if path.name in files:
            raise UsageError(f"two bundles are files named {path.name}, which would have one URL; rename {path}.")
        files.add(path.name)
        models[card.name] = _describe(path, card, url_prefix)
    return json.dumps({"kind": KIND, "format": FORMAT, "models": [*models.values()]}, indent=2)


def _describe(path: Path, card: Card, url_prefix: str) -> dict[str, Any]:
    prefix = url_prefix if url_prefix.endswith(("/", "=")) or not url_prefix else f"{url_prefix}/"
    return {
        "name": card.name,
        "version": card.version,
        "url": prefix + quote(os.fsencode(path.name)),
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "license": card.provenance.get("license"),
        "gsd_m": card.gsd_m,
        "gsd_range_m": None if card.gsd_range_m is None else list(card.gsd_range_m),
        "bands": list(card.bands),
        "classes": list(card.legend.names),
        "scores": card.provenance.get("metrics"),
    }
