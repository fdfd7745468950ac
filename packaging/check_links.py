"""Check the external links of the documentation: their form, and that their servers have them.

    python packaging/check_links.py         # asks the servers
    python packaging/check_links.py --list  # only lists the links, and checks their form

The exit code is 1 if a link is malformed or its page gone; a server that refuses programs or is busy is only reported.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "*.cff", "*.ipynb", "mkdocs.yml", "qgis/geoseg_qgis/metadata.txt")
"""Files with links, as Git lists them."""
RESERVED = re.compile(r"(^|\.)example(\.(org|com|net))?$|^localhost$|^127\.|^…$")
"""Hosts of examples, which nobody is to open."""
UNDECIDED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS}
"""Answers that say nothing about a page."""

_LINK = re.compile(r"\bhttps?://[^\s<>\"'`|\\\]}]+")


def find_links(pages: Iterable[Path]) -> dict[str, list[Path]]:
    """Return links to other sites, sorted, each with the pages that it is on; those of examples are left out."""
    found: dict[str, list[Path]] = {}
    for page in pages:
        for link in _links(page.read_text(encoding="utf-8")):
            if not RESERVED.search(urlsplit(link).hostname or ""):
                found.setdefault(link, []).append(page)
    return dict(sorted(found.items()))


def _links(text: str) -> Iterator[str]:
    for match in _LINK.finditer(text):
        link = match[0].rstrip(".,;:!?*_")
        while link.endswith(")") and link.count(")") > link.count("("):  # Markdown's own
            link = link[:-1].rstrip(".,;:!?*_")
        yield link


def fault_of(link: str) -> str:
    """Return what is wrong with the form of a link, or nothing."""
    parts = urlsplit(link)
    if parts.scheme != "https":
        return "is not https"
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", parts.netloc):
        return "has no plain host name"
    if re.search(r"[^\x21-\x7e]|//", parts.path):
        return "has a path with spaces, other scripts or //"
    return ""


def ask(link: str) -> tuple[bool, str]:
    """Ask a server for a page; returns whether the link holds, and what was answered."""
    request = Request(link, headers={"User-Agent": "Mozilla/5.0 (links of geoseg's documentation)"})
    try:
        with urlopen(request, timeout=30) as answer:
            return True, str(answer.status)
    except HTTPError as error:
        return error.code in UNDECIDED or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR, str(error.code)
    except (URLError, TimeoutError, ConnectionError) as error:
        return False, f"no answer ({getattr(error, 'reason', error)})"


def main() -> None:
    """List the links, and check them."""
    listed = subprocess.check_output(["git", "ls-files", "--", *PAGES], cwd=ROOT, text=True).splitlines()
    links = find_links(ROOT / name for name in listed)
    faults = {link: fault for link in links if (fault := fault_of(link))}
    sound = [link for link in links if link not in faults]
    answers = {}
    if "--list" not in sys.argv[1:]:
        with ThreadPoolExecutor(8) as threads:
            answers = dict(zip(sound, threads.map(ask, sound), strict=True))
    for link, pages in links.items():
        holds, answer = answers.get(link, (True, "")) if link in sound else (False, faults[link])
        if not holds:
            faults[link] = answer
        print(f"{answer or '-':<4} {link} ({', '.join(str(page.relative_to(ROOT)) for page in pages)})")
    print(f"{len(links)} links, {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
