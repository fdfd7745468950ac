"""Self-contained HTML pages in one frame."""

import base64
from collections.abc import Callable, Iterable, Mapping
from math import isfinite, isnan
from typing import Any
from urllib.parse import quote

from geoseg.models.texts import in_xml
from geoseg.version import __version__


def render(
    template: str,
    *,
    package: str,
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,  # noqa: ANN401
) -> str:
    """Render a template of `package` that extends `base.html.jinja` of this one."""
    import jinja2

    loaders = [jinja2.PackageLoader(name, package_path=".") for name in (package, __package__)]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    environment.filters |= {
        "area": area, "duration": duration, "largest_area": largest_area, "link": link, **(filters or {}),
    }  # fmt: skip
    return environment.get_template(template).render(version=__version__, **values)


def _harmless(value: Any) -> Any:  # noqa: ANN401 - any value of a template
    """Escape control characters in a text or in markup."""
    return type(value)(in_xml(value, keep="\n\t")) if isinstance(value, str) else value


def data_uri(kind: str, content: bytes) -> str:
    """Return a file's content as a data URI of a MIME type, for a page without other files."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def area(area_m2: float | None, largest_m2: float = 0.0) -> str:
    """Format square metres as km², or as ha if neither they nor the largest area of their table is that large.

    None and NaN are unknown.
    """
    if area_m2 is None or isnan(area_m2):
        return "unknown"
    return f"{area_m2 / 1e6:,.2f} km²" if max(area_m2, largest_m2) >= 1e6 else f"{area_m2 / 1e4:,.2f} ha"


def largest_area(areas_m2: Iterable[float | None]) -> float:
    """Return the largest area of a table, unknown ones left out; 0 if there is no other."""
    return max((each for each in areas_m2 if each is not None and isfinite(each)), default=0.0)


def duration(seconds: float) -> str:
    """Format seconds as `1 h 05 min`, `5 min 03 s` or `3 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def link(path: str) -> str:
    """Return a path below the page's folder as a URL that cannot be mistaken for one with a scheme or server."""
    return "./" + quote(path, errors="backslashreplace")
