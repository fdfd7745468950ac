"""Name the vector files of a run."""

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
    """Path of all files, without the ending."""

    by_format: dict[str, Path]
    style: Path | None
    """QGIS style, which QGIS finds by its name; None if only a GeoPackage is written, which contains its styles."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, the style first: it is there before a layer can be opened."""
        return (*([] if self.style is None else [self.style]), *self.by_format.values())


def targets(output: str | Path, formats: Sequence[str], source: str) -> Targets:
    """Name the files of a run from its output file and further formats.

    Raises
    ------
    UsageError
        If there is no format or an unknown one, or the style would replace the raster's.
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
        raise UsageError(f"{output.name} has no known ending ({endings}); add one, or give `formats`.")
    if stem.name in ("", ".", ".."):
        raise UsageError(f"{output} is not a file name.")
    style = None if set(wanted) == {"gpkg"} else stem.with_name(f"{stem.name}.qml")
    if (
        style is not None
        and "://" not in source
        and stem.name == Path(source).stem
        and stem.parent.resolve() == Path(source).parent.resolve()
    ):
        raise UsageError(f"{style.name} is the style of {Path(source).name}; choose another `output` name.")
    by_format = {
        name: output if name == ending else stem.with_name(f"{stem.name}{VECTOR_ENDINGS[name]}") for name in wanted
    }
    return Targets(stem=stem, by_format=by_format, style=style)


def requested(
    output: str | Path | None, formats: Sequence[str], source: str | Path, *, overwrite: bool
) -> Targets | None:
    """Name the files of a run and check that they can be written; None without an output.

    Raises
    ------
    UsageError
        See `targets`; also if there are formats but no output.
    OutputError
        See `check_outputs`.
    """
    if output is None:
        if formats:
            raise UsageError("`formats` are written next to `output`; give `output` too.")
        return None
    wanted = targets(output, formats, str(source))
    check_outputs(wanted.files, overwrite=overwrite)
    return wanted


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Remove an existing file, and turn errors of the libraries that write into an OSError with a `strerror`."""
    import sqlite3  # late: TensorFlow brings a SQLite of its own, whose version a GeoPackage then holds

    discard(path)
    try:
        yield
    except (DataSourceError, DataLayerError, pa.ArrowException, sqlite3.Error) as error:
        raise OSError(errno.EIO, f"{error}; is the disk full?") from error
