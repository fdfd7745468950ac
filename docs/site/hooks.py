"""Extend MkDocs: pages and files from outside `docs/`, and the parts of the reference that are generated from code."""

import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from commands import describe_commands
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from schemas import SCHEMAS, describe_schema

import geoseg

ROOT = Path(__file__).parents[2]
ADDED = ("CHANGELOG.md", "CONTRIBUTING.md", "sample_rasters/README.md", "recipes/*.md", "recipes/*.toml")
"""Files of the repository that the site has, too."""

_LINK = re.compile(r"(\]\()([^)#\s:]+)(#[^)\s]*)?(\))")
_PUBLIC = re.compile(r"^::: geoseg\.(\w+)$", re.MULTILINE)
_PART = re.compile(r"^<!-- generated: (\w+)(?: (\w+))? -->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add files from outside `docs/`, and the JSON Schemas."""
    for pattern in ADDED:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, _of_site(path.relative_to(ROOT).as_posix()), abs_src_path=str(path)))
    for name, make in SCHEMAS.items():
        content = json.dumps(make(), indent=2, ensure_ascii=False)
        files.append(File.generated(config, f"reference/{name}.schema.json", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in the generated parts, and turn links between files of the repository into links of the site."""
    markdown = _PART.sub(lambda match: _GENERATED[match[1]](*match.groups()[1:]), markdown)
    markdown = _PUBLIC.sub(lambda match: f"::: {_home(match[1])}", markdown)
    here = page.file.src_uri
    within = Path(str(page.file.abs_src_path)).relative_to(ROOT)

    def rewrite(match: re.Match[str]) -> str:
        opening, link, anchor, closing = match.groups()
        target = _of_site(posixpath.normpath(posixpath.join(within.parent.as_posix(), link)))
        if files.get_file_from_path(target) is None:
            return match[0]  # MkDocs reports it
        return f"{opening}{posixpath.relpath(target, posixpath.dirname(here) or '.')}{anchor or ''}{closing}"

    return _LINK.sub(rewrite, markdown)


def _of_site(path: str) -> str:
    """Path on the site of a file of the repository; MkDocs takes a README for the front page of its section."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/").replace("/README.md", "/about.md")


def _home(name: str) -> str:
    """Path of the module and object that a public name stands for; some modules are named like it."""
    public = getattr(geoseg, name)
    return f"{public.__module__}.{public.__qualname__}"


def _readme_table(heading: str | None) -> str:
    """Return the README's table whose first column is `heading`, with spaces for underscores."""
    text = (ROOT / "README.md").read_text()
    start = text.index(f"| {(heading or '').replace('_', ' ')} |")
    return text[start : text.index("\n\n", start)]


_GENERATED: dict[str, Callable[[str | None], str]] = {
    "commands": describe_commands,
    "schema": describe_schema,
    "table": _readme_table,
}
