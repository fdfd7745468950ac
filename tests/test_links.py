"""External links of the documentation are well formed, and the script that asks their servers tells good from gone."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from web_server import serving

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "packaging" / "check_links.py"


@pytest.fixture(scope="module")
def links():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("check_links", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_of_the_documentation():
    """All links are listed, and none is malformed; no server is asked."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: Git lists the pages")
    done = subprocess.run([sys.executable, SCRIPT, "--list"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "https://docs.astral.sh/uv/ (docs/install.md, docs/qgis.md)" in done.stdout


def test_links_are_found(links, tmp_path):
    """Links end where Markdown or a sentence does; those of examples are left out, and repeated ones named once."""
    page = tmp_path / "page.md"
    page.write_text(
        "See [a](https://a.org/x_(y)), <https://b.org/>, https://c.org/d. `https://models.example.org/m`\n"
        "| https://…/scene.tif | https://e.org/f#g |; [again](https://b.org/) (https://h.org/i)."
    )
    assert list(links.find_links([page])) == [
        "https://a.org/x_(y)", "https://b.org/", "https://c.org/d", "https://e.org/f#g", "https://h.org/i",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("https://a.org/b", ""),
        ("http://a.org/b", "is not https"),
        ("https://user:secret@a.org/b", "has no plain host name"),
        ("https://a/b", "has no plain host name"),
        ("https://a.org//b", "has a path with spaces, other scripts or //"),
    ],
)
def test_forms(links, link, fault):
    """A link is https, to a host with a plain name, and a clean path."""
    assert links.fault_of(link) == fault


def test_servers_are_asked(links, tmp_path):
    """A page that is there holds, one that is gone does not; a server that is busy or refuses programs says nothing."""
    (tmp_path / "page.html").write_text("here")
    with serving(tmp_path) as server:
        assert links.ask(server.url("page.html")) == (True, "200")
        assert links.ask(server.url("gone.html")) == (False, "404")
        server.behave(codes=[403, 503])
        assert links.ask(server.url("page.html")) == (True, "403")
        assert links.ask(server.url("page.html")) == (True, "503")
        root = server.root
    holds, answer = links.ask(f"{root}page.html")
    assert not holds
    assert answer.startswith("no answer")
