"""The site's pages that are made from code, or speak of it."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest

import geoseg
from geoseg.models.bundle import MEMBER
from geoseg.models.shipped import find_model

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_every_public_name_is_documented():
    """The reference of Python has each name that `import geoseg` offers, once."""
    documented = re.findall(r"^::: geoseg\.(\w+)$", "\n".join(page.read_text() for page in DOCS.rglob("*.md")), re.M)
    assert sorted(documented) == sorted(set(geoseg.__all__) - {"__version__"})


def test_tests_of_guarantees_exist():
    """Each guarantee names tests that are there."""
    named = 0
    file = ""
    for name in re.findall(r"`((?:tests/[\w/]+\.py)?::\w+)`", (DOCS / "explanation" / "guarantees.md").read_text()):
        path, _, function = name.partition("::")
        file = path or file
        assert re.search(rf"^def {function}\(", (ROOT / file).read_text(), re.MULTILINE), name
        named += 1
    assert named > 30


@pytest.fixture(scope="module")
def schemas():
    """JSON Schemas as the site offers them."""
    pytest.importorskip("griffe", reason="schemas take their descriptions from docstrings, by the extra `docs`")
    code = "import json, schemas; print(json.dumps({name: make() for name, make in schemas.SCHEMAS.items()}))"
    return json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=DOCS / "site", text=True))


@pytest.mark.parametrize("name", ["aerial", "roads"])
def test_schema_of_cards(schemas, name):
    """Cards of shipped models follow their schema; one without a legend, or of another format, does not."""
    with zipfile.ZipFile(find_model(name)) as bundle:
        card = json.loads(bundle.read(MEMBER))
    check = jsonschema.Draft202012Validator(schemas["card"])
    check.validate(card)
    assert not check.is_valid(card | {"format": 0})
    assert not check.is_valid({key: value for key, value in card.items() if key != "legend"})


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_schema_of_recipes(schemas, path):
    """Shipped recipes follow the schema; one with an unknown key does not."""
    recipe = tomllib.loads(path.read_text())
    check = jsonschema.Draft202012Validator(schemas["recipe"])
    check.validate(recipe)
    assert not check.is_valid(recipe | {"epochs": 3})
