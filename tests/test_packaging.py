"""What setup.cfg declares, what the code needs, and what other ways of packaging say are the same."""

import ast
import sys
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import geoseg

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


CONDA_NAMES = {"dask": ("dask-core", "distributed"), "matplotlib": ("matplotlib-base",)}
"""Packages of conda-forge whose names, or cuts, differ from those on PyPI."""


def _read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_conda_and_pip_bring_the_same(setup):
    """The conda recipe requires the Pythons, packages and lower bounds of setup.cfg, those of training included."""
    wanted = {"python": SpecifierSet(setup["options"]["python_requires"])}
    needed = setup["options"]["install_requires"] + setup["options.extras_require"]["train"]
    for line in needed.split("\n"):
        if line and line[0] != "#":
            requirement = Requirement(line)
            names = CONDA_NAMES.get(requirement.name, (requirement.name,))
            wanted |= dict.fromkeys(names, requirement.specifier)
    run = _read_yaml("packaging/conda/recipe.yaml")["requirements"]["run"]
    assert run[0] == "__linux"  # what conda has of other systems would be installed, and not start
    assert {name: SpecifierSet(bound) for name, bound in (line.split(" ", 1) for line in run[1:])} == wanted


def test_the_container_finds_the_line_it_changes():
    """The container for CPUs replaces TensorFlow in a line of setup.cfg that is there."""
    assert (
        "sed -i 's/^    tensorflow >=/    tensorflow-cpu >=/' setup.cfg" in (ROOT / "packaging/Dockerfile").read_text()
    )
    assert (ROOT / "setup.cfg").read_text().count("\n    tensorflow >=") == 1


def test_versions_agree():
    """Package, citation and conda recipe have one version."""
    recipe = _read_yaml("packaging/conda/recipe.yaml")
    assert recipe["context"]["version"] == _read_yaml("CITATION.cff")["version"] == geoseg.__version__


def test_every_python_allowed_is_listed_and_checked(setup):
    """Classifiers and the workflow name the Pythons that setup.cfg allows, no more and no less."""
    allowed = SpecifierSet(setup["options"]["python_requires"])
    pythons = {f"3.{minor}" for minor in range(30) if allowed.contains(f"3.{minor}")}
    listed = {
        line.rpartition(" :: ")[2] for line in setup["metadata"]["classifiers"].split("\n") if "Python :: 3." in line
    }
    jobs = _read_yaml(".github/workflows/checks.yml")["jobs"]
    assert pythons == listed == set(jobs["everything"]["strategy"]["matrix"]["python"])
