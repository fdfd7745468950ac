"""Names of results: the scene's by default, or made by a template, so that scenes of the same name do not collide."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Formatter

from geoseg.errors import UsageError
from geoseg.files import LONGEST_NAME, is_file_name
from geoseg.rasters.sources.names import file_of, stem
from geoseg.rasters.stac import Asset, place_of

DEFAULT_NAME = "{stem}"
_FIELDS = {"stem", "parent", "n"}
_PROPOSALS = ("{parent}_{stem}", "{n}_{stem}")
"""Templates to propose for names that collide; the second never does."""


def name_results(sources: Sequence[str | Path | Asset], template: str = DEFAULT_NAME) -> list[str]:
    """Return the name of the results of each scene of a call.

    `{stem}` is the scene's file name without extension, or the id of its STAC item; `{parent}` the name of its folder,
    in a URL the last before the file, or else the host or bucket; `{n}` its number in the call, from 1, zero-padded to
    the width of the count. UsageError reports a template that makes no valid file names, or the same name for several
    scenes.
    """
    _check_fields(template)
    names = _fill(template, sources)
    bad = [name for name in names if not is_file_name(name)]
    if bad and template != DEFAULT_NAME:
        raise UsageError(
            f"`name={template!r}` makes {bad[0]!r}, which becomes a file name: no slashes, nothing invisible, 1 to "
            f"{LONGEST_NAME} bytes."
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        proposal = next(each for each in _PROPOSALS if each == _PROPOSALS[-1] or _works(each, sources))
        raise UsageError(
            f"several scenes are named {repeated[0]} and would overwrite each other's results; tell them apart with "
            f"`name={proposal!r}`."
        )
    return names


def _check_fields(template: str) -> None:
    known = "{stem}, {parent} and {n}"
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"`name={template!r}` is not a template ({error}); its fields are {known}.") from error
    for _, field, style, conversion in parts:
        if field is not None and (field not in _FIELDS or style or conversion):
            found = field + (f"!{conversion}" if conversion else "") + (f":{style}" if style else "")
            raise UsageError(f"`name={template!r}` has the field {{{found}}}; use {known} as they are.")


def _fill(template: str, sources: Sequence[str | Path | Asset]) -> list[str]:
    width = len(str(len(sources)))
    return [
        template.format(
            stem=source.name if isinstance(source, Asset) else stem(str(source)),
            parent=_parent(place_of(source)),
            n=f"{number:0{width}}",
        )
        for number, source in enumerate(sources, 1)
    ]


def _parent(source: str) -> str:
    file = file_of(source)
    # Not `resolve`: a user who links files into a folder means that folder.
    return Path(file if "://" in file else os.path.abspath(file)).parent.name  # noqa: PTH100


def _works(template: str, sources: Sequence[str | Path | Asset]) -> bool:
    names = _fill(template, sources)
    return len({*names}) == len(names) and all(map(is_file_name, names))
