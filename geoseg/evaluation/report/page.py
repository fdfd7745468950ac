"""Self-contained HTML pages with inline plots."""

import re
from collections.abc import Callable, Mapping
from typing import Any

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
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"inlined": _inline, **(filters or {})}
    return environment.get_template(template).render(version=__version__, **values)


def _inline(svg: str) -> str:
    """Turn an SVG file into an element of a page: without prolog and unused ids, in the page's colours."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element).replace("xlink:href", "href")
    element = re.sub(r' id="[\w.]+_\d+"', "", element)
    for name, colour in COLOURS.items():
        element = element.replace(f": {colour}", f": var(--{name})")
    return element
