"""Find out what to add: a bundle, or models of a registry, on a server or on disk."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin

from geoseg.errors import BundleError, UsageError
from geoseg.files import check_regular
from geoseg.models.texts import without_secrets

from .document import MOST_BYTES, Entry, parse_registry
from .download import download, is_url

_ARCHIVE = b"PK\x03\x04"
"""First bytes of a bundle."""

Report = Callable[[str, int, int | None], None]
"""Callback `(name, bytes, of bytes)` while a bundle is downloaded; of None if its size is unknown."""


def no_report(name: str, done: int, total: int | None) -> None:
    """Report nothing."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A bundle to add."""

    place: str
    """URL or path."""
    name: str | None
    """None for the name in its card."""
    sha256: str | None
    size: int | None = None


def check_place(place: str) -> None:
    """Raise UsageError for a URL that is not one of a web server."""
    scheme, separator, _ = place.partition("://")
    if separator and not is_url(place) and not os.path.lexists(place):  # a path may have such a name
        raise UsageError(f"{without_secrets(place)} is a URL of {scheme}; only http and https are taken.")


def fetch(place: str, file: Path, *, max_size: int, report: Report) -> bool:
    """Copy what the user named to `file`; return whether it is a bundle and not a registry."""
    if is_url(place):
        label = without_secrets(place).rpartition("/")[2]
        download(place, file, most=max_size, size=None, resume=False, report=lambda *done: report(label, *done))
    else:
        copy(Path(place), file)
    with file.open("rb") as opened:
        return opened.read(len(_ARCHIVE)) == _ARCHIVE


def copy(path: Path, file: Path) -> None:
    """Copy what the user named; raises BundleError if it cannot be opened."""
    try:
        check_regular(path)
        source = path.open("rb")
    except FileNotFoundError:
        raise BundleError(f"{path} does not exist; give a registry or a bundle, or its URL.") from None
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror or error}).") from error
    with source, file.open("wb") as target:
        shutil.copyfileobj(source, target)


def read_entries(file: Path, place: str) -> tuple[Entry, ...]:
    """Read a registry; raises BundleError if it is something else."""
    if file.stat().st_size > MOST_BYTES:
        raise BundleError(
            f"{without_secrets(place)} is neither a bundle nor a registry: it has {file.stat().st_size:,} bytes."
        )
    content = file.read_bytes()
    if not content.lstrip().startswith(b"{"):
        raise BundleError(
            f"{without_secrets(place)} is neither a bundle nor a registry: it begins with {content[:20]!r}."
        )
    return parse_registry(content, without_secrets(place))


def choose(entries: Sequence[Entry], registry: str, names: Sequence[str]) -> list[Wanted]:
    """Return the chosen models of a registry, all by default."""
    known = {entry.name: entry for entry in entries}
    for name in names:
        if name not in known:
            raise UsageError(f"{without_secrets(registry)} has no model {name}; it has {', '.join(known) or 'none'}.")
    chosen = [known[name] for name in dict.fromkeys(names)] if names else list(entries)
    return [
        Wanted(place=_place(entry, registry), name=entry.name, sha256=entry.sha256, size=entry.bytes)
        for entry in chosen
    ]


def _place(entry: Entry, registry: str) -> str:
    """Return URL or path of a registry's bundle; one on a server names files on servers, one on disk files below it."""
    if is_url(entry.url):
        return entry.url
    if is_url(registry):
        url = urljoin(registry, entry.url)
        if is_url(url):
            return url
        raise BundleError(
            f"the url of model {entry.name} in {without_secrets(registry)} is {entry.url!r}, not http or https."
        )
    folder = Path(registry).absolute().parent
    try:
        path = folder / os.fsdecode(unquote_to_bytes(entry.url))
        below = path.resolve().is_relative_to(folder.resolve())
    except ValueError:  # no path has a NUL
        below = False
    if not below:
        raise BundleError(f"the url of model {entry.name} in {registry} is {entry.url!r}, which is not below {folder}.")
    return str(path)
