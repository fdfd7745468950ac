"""Self-contained HTML pages with inline plots."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from geoseg.models.texts import in_xml
from geoseg.version import __version__

from .plots import COLOURS

_BASE = "geoseg.evaluation.report"


def render(
    template: str,
    *,
    package: str = _BASE,
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,  # noqa: ANN401
) -> str:
    """Render a template of `package` that extends `base.html.jinja` of this one."""
    import jinja2

    loaders = [jinja2.PackageLoader(name, package_path=".") for name in dict.fromkeys((package, _BASE))]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    environment.filters |= {"inlined": _inline, "duration": duration, **(filters or {})}
    return environment.get_template(template).render(version=__version__, **values)


def _harmless(value: Any) -> Any:  # noqa: ANN401 - any value of a template
    """Escape control characters of a text, marked up or not."""
    return type(value)(in_xml(value, keep="\n\t")) if isinstance(value, str) else value


def _inline(svg: str) -> str:
    """Turn an SVG file into an element of a page: without prolog and unused ids, in the page's colours."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element).replace("xlink:href", "href")
    element = re.sub(r' id="[\w.]+_\d+"', "", element)
    for name, colour in COLOURS.items():
        element = element.replace(f": {colour}", f": var(--{name})")
    return element


def data_uri(kind: str, content: bytes) -> str:
    """Return a file of a MIME type as a URI, for a page without other files."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def duration(seconds: float) -> str:
    """Format seconds as `1 h 05 min`, `5 min 03 s` or `3 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
