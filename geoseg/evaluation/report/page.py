"""HTML pages that load nothing: templates on one base, plots inlined."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from geoseg.version import __version__

from .plots import COLOURS
from .sections import Figure, Table

BASE = "geoseg.evaluation.report"


def html_page(title: str, sentences: Iterable[str], sections: Iterable[Table | Figure]) -> str:
    """Render a page of sentences, tables and figures."""
    return render("evaluation.html.jinja", title=title, sentences=tuple(sentences), sections=tuple(sections))


def render(
    template: str,
    *,
    package: str = BASE,
    filters: Mapping[str, Callable[..., str]] | None = None,
    **values: Any,  # noqa: ANN401
) -> str:
    """Render a template of `package` that extends `base.html.jinja` of this one."""
    import jinja2

    loaders = [jinja2.PackageLoader(name, package_path=".") for name in dict.fromkeys((package, BASE))]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"inlined": inlined, **(filters or {})}
    return environment.get_template(template).render(version=__version__, **values)


def inlined(svg: str) -> str:
    """Turn an SVG file into an element of a page: no prolog, no ids but those it refers to, colours of the page."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element).replace("xlink:href", "href")
    element = re.sub(r' id="[\w.]+_\d+"', "", element)
    for name, colour in COLOURS.items():
        element = element.replace(f": {colour}", f": var(--{name})")
    return element
