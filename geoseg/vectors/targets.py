"""Name the vector files of a run."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.files import check_outputs

VECTOR_ENDINGS = {"geojson": ".geojson", "gpkg": ".gpkg", "flatgeobuf": ".fgb", "parquet": ".parquet"}
"""File name endings by format."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The files of one run."""

    by_format: dict[str, Path]
    style: Path | None
    """QGIS style, found by its name; `None` if only a GeoPackage is written, which contains its styles."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, the style first: it must exist before a layer is opened."""
        return (*([] if self.style is None else [self.style]), *self.by_format.values())


def name_targets(output: str | Path, formats: Sequence[str], source: str) -> Targets:
    """Name the files of a run from its output file and more formats; none may replace the raster or its style."""
    output = Path(output)
    formats = [formats] if isinstance(formats, str) else formats
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
    for path in by_format.values():
        with suppress(OSError):  # one of them does not exist
            if path.samefile(source):
                raise UsageError(f"{path.name} is the raster itself; choose another `output` name.")
    return Targets(by_format=by_format, style=style)


def prepare_targets(
    output: str | Path | None, formats: Sequence[str], source: str | Path, *, overwrite: bool
) -> Targets | None:
    """Name the files of a run and check that they can be written; return `None` without an output."""
    if output is None:
        if formats:
            raise UsageError("`formats` are written next to `output`; give `output` too.")
        return None
    wanted = name_targets(output, formats, str(source))
    check_outputs(wanted.files, overwrite=overwrite)
    return wanted
