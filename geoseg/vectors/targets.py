"""Which vector files a run writes: made in a work folder, then renamed; a path holds all of a file or none of it."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyogrio.errors import DataLayerError, DataSourceError

from geoseg.errors import OutputError, UsageError

from .formats import VECTOR_ENDINGS

_UNWRITTEN = (DataSourceError, DataLayerError, pa.ArrowException, sqlite3.Error)
"""What the libraries that write vector files raise where they cannot."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The files of one run."""

    stem: Path
    """Path of all files, but for their endings."""

    by_format: dict[str, Path]
    style: Path | None
    """QGIS style, which QGIS finds beside a file of the same name; None where all that is written is a GeoPackage,
    which carries its own."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files; the style first, so that it is there when a layer is opened."""
        return (*([] if self.style is None else [self.style]), *self.by_format.values())


def targets(output: str | Path, formats: Sequence[str], source: str) -> Targets:
    """Name the files of a run: that of the output's ending, and those of the formats.

    Raises
    ------
    UsageError
        If there is no format, or one that is unknown, or the style would take the place of the raster's.
    """
    output = Path(output)
    unknown = [each for each in formats if each not in VECTOR_ENDINGS]
    if unknown:
        raise UsageError(f"format {unknown[0]!r} is unknown; choose from {', '.join(VECTOR_ENDINGS)}.")
    by_ending = {ending: name for name, ending in VECTOR_ENDINGS.items()}
    ending = by_ending.get(output.suffix.lower())
    stem = output.with_suffix("") if ending else output
    wanted = dict.fromkeys([*([ending] if ending else []), *formats])
    if not wanted:
        endings = ", ".join(VECTOR_ENDINGS.values())
        raise UsageError(f"{output.name} names no format; let it end in {endings}, or name a format beside it.")
    if stem.name in ("", ".", ".."):
        raise UsageError(f"{output} is no name for a file.")
    style = None if set(wanted) == {"gpkg"} else stem.with_name(f"{stem.name}.qml")
    if (
        style is not None
        and "://" not in source
        and stem.name == Path(source).stem
        and stem.parent.resolve() == Path(source).parent.resolve()
    ):
        raise UsageError(f"{style.name} is the style of {Path(source).name}; choose another name.")
    by_format = {
        name: output if name == ending else stem.with_name(f"{stem.name}{VECTOR_ENDINGS[name]}") for name in wanted
    }
    return Targets(stem=stem, by_format=by_format, style=style)


def refuse(wanted: Targets, *, overwrite: bool) -> None:
    """Raise OutputError if there is no folder for the files, or one of them exists and must not be replaced."""
    folder = wanted.stem.parent
    if not folder.is_dir():
        raise OutputError(f"{folder} is not a folder; create it first.")
    for path in wanted.files:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; choose another name.")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; choose another name, or replace it with --overwrite.")


@contextmanager
def work_folder(wanted: Targets) -> Iterator[Path]:
    """Make a folder beside the files, gone afterwards; what cannot be written in it ends in an OutputError."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{wanted.stem.name}.", dir=wanted.stem.parent) as folder:
            yield Path(folder)
    except (OSError, *_UNWRITTEN) as error:
        raise OutputError(f"{wanted.stem.name} cannot be written ({error}); is the disk full?") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Remove what is there, and tell what a library cannot write as an OutputError; the system's own errors pass."""
    path.unlink(missing_ok=True)
    try:
        yield
    except _UNWRITTEN as error:
        raise OutputError(f"{path.name} cannot be written ({error}); is the disk full?") from error


def publish(wanted: Targets, folder: Path) -> None:
    """Move all files of a run, complete by now, from the work folder to their names."""
    for path in wanted.files:
        (folder / path.name).replace(path)
