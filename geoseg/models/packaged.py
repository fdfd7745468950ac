"""Models of other packages: entry points that name the package in which a bundle is."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from .added import is_model_name

GROUP = "geoseg.models"
"""Entry points of other packages: `name = package` for the bundle `name.keras` among the files of `package`."""


@dataclass(frozen=True, kw_only=True)
class PackagedModel:
    """A model of another package."""

    name: str
    package: str
    """Name and version of the distribution."""
    path: Path | None
    problem: str = ""
    """Why there is no path, as the end of a sentence."""


def packaged_models() -> tuple[PackagedModel, ...]:
    """Return the models of all installed packages, sorted; two may have the same name. No package is imported."""
    found = {_describe(entry) for entry in entry_points(group=GROUP)}
    return tuple(sorted(found, key=lambda model: (model.name, model.package)))


def _describe(entry: EntryPoint) -> PackagedModel:
    package = entry.value if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
    if not is_model_name(entry.name):
        problem = "its name has characters other than letters, digits, _ and -"
        return PackagedModel(name=entry.name, package=package, path=None, problem=problem)
    file = f"{entry.name}.keras"
    for folder in _folders(entry.value.strip()):
        if (folder / file).is_file():
            return PackagedModel(name=entry.name, package=package, path=folder / file)
    return PackagedModel(name=entry.name, package=package, path=None, problem=f"there is no {file} in {entry.value}")


def _folders(package: str) -> list[Path]:
    """Return the folders of a package, found from those of its outermost one; empty if it is not installed."""
    top, *inner = package.split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # no name of a package
        return []
    locations = () if spec is None else spec.submodule_search_locations or ()
    return [Path(location, *inner) for location in locations]
