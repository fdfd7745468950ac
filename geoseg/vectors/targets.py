"""Which vector files a run writes."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyogrio.errors import DataLayerError, DataSourceError

from geoseg.errors import UsageError
from geoseg.files import check_outputs, discard

from .formats import VECTOR_ENDINGS


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


def requested(
    output: str | Path | None, formats: Sequence[str], source: str | Path, *, overwrite: bool
) -> Targets | None:
    """Name the files of a run, none without an output, and refuse those that cannot be written.

    Raises
    ------
    UsageError
        As `targets`, or if there are formats and no output.
    OutputError
        As `check_outputs`.
    """
    if output is None:
        if formats:
            raise UsageError("`formats` are written beside `output`, which is not given.")
        return None
    wanted = targets(output, formats, str(source))
    check_outputs(wanted.files, overwrite=overwrite)
    return wanted


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Remove what a stopped run left there; what a library cannot write is an OSError with the reason as `strerror`."""
    import sqlite3  # late: TensorFlow brings a SQLite of its own, whose version a GeoPackage then holds

    discard(path)
    try:
        yield
    except (DataSourceError, DataLayerError, pa.ArrowException, sqlite3.Error) as error:
        raise OSError(errno.EIO, f"{error}; is the disk full?") from error
