"""What setup.cfg declares and what the code needs are the same."""

import ast
import sys
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BROUGHT = {"distributed", "pandas", "pydantic-core", "torch"}
"""Brought by dask, geopandas and pydantic; and a backend of Keras that users install themselves."""


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _names(text):
    return {canonicalize_name(Requirement(line).name) for line in text.splitlines() if line and line[0] != "#"}


def _imported():
    for path in sorted((ROOT / "geoseg").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (name.name.split(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.split(".")[0]


def test_every_imported_package_is_declared(setup):
    """Whatever `geoseg` imports is a dependency or an extra of setup.cfg."""
    declared = _names(setup["options"]["install_requires"]) | BROUGHT
    for packages in setup["options.extras_require"].values():
        declared |= _names(packages)
    distributions = packages_distributions()
    foreign = set(_imported()) - set(sys.stdlib_module_names) - {"geoseg"}
    assert not {
        name for name in foreign if declared.isdisjoint(map(canonicalize_name, distributions.get(name, [name])))
    }


def test_the_command_and_the_files_beside_the_modules_are_declared(setup):
    """The command `geoseg` and every file that is no module are part of the package."""
    assert setup["options.entry_points"]["console_scripts"].strip() == "geoseg = geoseg.cli:main"
    packed = {
        path
        for package, patterns in setup["options.package_data"].items()
        for pattern in patterns.split()
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert packed == {
        path
        for path in (ROOT / "geoseg").rglob("*")
        if path.is_file() and path.suffix != ".py" and path.parent.name != "__pycache__"
    }
