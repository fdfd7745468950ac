"""Rasters of STAC items: of an Item, or of an ItemCollection or search result with all its pages.

The files are plain JSON, of which geoseg needs ids and links; no library is needed to read them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from geoseg.errors import DataError, SceneError
from geoseg.files import LONGEST_NAME, check_regular, is_file_name

from .dates import Dates, dates_of_item
from .opening.apart import read_apart
from .opening.behind import check_named
from .opening.open import on_disk
from .scene import Scene, open_scene
from .sources.allowed import INDICES
from .sources.servers import download, is_remote, on_server

_INDIRECT = ("VRT", *INDICES)
"""GDAL drivers of files that name other files."""
_LONGEST = 2**28
"""Bytes of a document from a server, at most."""
_MOST_PAGES = 1000
"""Pages of a search result, at most: a server could link them in a circle of ever new addresses."""


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A raster of a STAC item."""

    name: str
    """Id of the item, after which results are named."""
    source: str
    """Path or URL for GDAL."""
    document: str
    """Path or URL of the document that names it."""
    item: str | None = None
    """Path or URL of the item; None if only a list of items holds it."""
    dates: Dates | None = None
    """When the item's assets were taken."""

    @property
    def served(self) -> bool:
        """Whether the item comes from a server."""
        return is_remote(self.document)

    def check(self) -> None:
        """Raise SceneError if an item's raster refers to files elsewhere here, or comes from a server and could."""
        if not self.served:
            check_named(self.source, self.document)
            return
        driver = read_apart(self.source, lambda dataset: str(dataset.driver))
        if driver in _INDIRECT:
            raise SceneError(
                f"{self.source} is a {driver} file, which may name files of this machine, and its STAC item comes from "
                "a server; if you trust it, give its URL as a scene."
            )


def place_of(source: str | Path | Asset) -> str:
    """Return the path or URL of a scene, or of the raster of a STAC item."""
    return source.source if isinstance(source, Asset) else str(source)


def open_source(source: str | Path | Asset, *, max_pixels: float | None = None) -> Scene:
    """Describe a scene, or the raster of a STAC item with the item's metadata; raises SceneError as `open_scene`.

    An item's raster must not lead to files of this machine if the item comes from a server, nor to files elsewhere if
    it is on disk.
    """
    if not isinstance(source, Asset):
        return open_scene(source, max_pixels=max_pixels)
    source.check()
    opened = open_scene(source.source, max_pixels=max_pixels)
    return replace(opened, name=source.name, item=source.item, dates=source.dates or opened.dates)


def read_assets(document: str | Path, asset: str) -> list[Asset]:
    """Return the asset of that key of each item of a STAC document, which is a file or a URL.

    Links are relative to the document. DataError reports a document that cannot be read or an item without the asset,
    SceneError a server that does not answer.
    """
    assets = [
        _asset(item, asset, place, alone=item is page)
        for page, place in _pages(str(document))
        for item in _items(page, place)
    ]
    if not assets:
        raise DataError(f"{document} lists no items; widen the search.")
    return assets


def _pages(document: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield a document and those that it names as next, each with its place."""
    seen: list[str] = []
    following: str | None = document
    while following is not None:
        if following in seen or len(seen) == _MOST_PAGES:
            raise DataError(
                f"{document} links its pages in a circle, or has more than {_MOST_PAGES}; narrow the search."
            )
        seen.append(following)
        page = _read(following)
        yield page, following
        following = _next(page, following)


def _read(document: str) -> dict[str, Any]:
    try:
        if is_remote(document):
            text = download(document, most=_LONGEST)
        elif not on_disk(document) and ("://" in document or document.startswith("/vsi")):
            raise ValueError("it must be a file, or on a web server; save it as a file")
        else:
            check_regular(Path(document))
            text = Path(document).read_bytes()
        content = json.loads(text)
    except FileNotFoundError as error:
        raise DataError(f"{document} does not exist.") from error
    except (OSError, ValueError, RecursionError, HTTPException) as error:
        raise DataError(f"{document} cannot be read as a STAC document: {error}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{document} is not a STAC document: it holds no JSON object.")
    return content


def _next(page: dict[str, Any], place: str) -> str | None:
    links = _links(page, "next")
    if page.get("type") != "FeatureCollection" or not links:
        return None
    if str(links[0].get("method", "GET")).upper() != "GET" or not isinstance(links[0].get("href"), str):
        raise DataError(
            f"{place} has further pages, which cannot be asked for by a link; save the whole result as a file."
        )
    return _resolve(links[0]["href"], place)


def _items(page: dict[str, Any], place: str) -> list[dict[str, Any]]:
    kind, features = page.get("type"), page.get("features")
    items = [page] if kind == "Feature" else features if kind == "FeatureCollection" else None
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get("assets"), dict)
        for item in items
    ):
        raise DataError(
            f"{place} is not a STAC Item or ItemCollection (its type is {kind!r}); name one, or the result of a search."
        )
    return items


def _asset(item: dict[str, Any], key: str, place: str, *, alone: bool) -> Asset:
    name, asset = item["id"], item["assets"].get(key)
    if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
        found = ", ".join(item["assets"]) or "none"
        raise DataError(f"item {name} of {place} has no asset {key!r}; choose another with `asset`: {found}.")
    if not is_file_name(name):
        raise DataError(
            f"results cannot be named after item {name!r} of {place}; give it another id in a copy of the document: no "
            f"slashes, at most {LONGEST_NAME} bytes."
        )
    return Asset(
        name=name,
        source=_resolve(asset["href"], place),
        document=place,
        item=_own_link(item) or (place if alone else None),
        dates=dates_of_item(item.get("properties")),
    )


def _own_link(item: dict[str, Any]) -> str | None:
    """Return the item's own URL, which documents that list items give."""
    found = (str(link.get("href")) for link in _links(item, "self"))
    return next(filter(on_server, found), None)


def _links(document: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    links = document.get("links")
    found = links if isinstance(links, list) else []
    return [link for link in found if isinstance(link, dict) and link.get("rel") == rel]


def _resolve(href: str, place: str) -> str:
    """Resolve a link of a document; DataError if it is not a link, or leads from a server to this machine."""
    try:
        href.encode()  # JSON may hold half of a character
        return _join(href, place)
    except ValueError as error:
        raise DataError(f"{place} has the link {href!r}, which is neither a file nor a URL ({error}).") from error


def _join(href: str, place: str) -> str:
    if is_remote(place):
        found = urljoin(place.removeprefix("/vsicurl/"), href)
        if not on_server(found):
            raise DataError(f"{place} comes from a server, but names {href}, which is not on one; it is not opened.")
        return found
    if href.startswith("file:"):
        return unquote(urlsplit(href).path)
    if "://" in href or href.startswith("/vsi"):
        return href
    found, decoded = (str(Path(place).parent / each) for each in (href, unquote(href)))
    return decoded if on_disk(decoded) and not on_disk(found) else found
