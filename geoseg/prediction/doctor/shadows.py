"""Find files that Python imports in place of an installed package, such as a `numpy.py` in the current folder."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path

from .findings import Finding
from .machine import required_packages


def find_shadows() -> Iterator[Finding]:
    """Find modules that hide those of the packages that geoseg requires; imports none of them.

    Other checks find what they break, since the hidden module may not be needed.
    """
    try:
        required = {each.name for each in required_packages()}
    except PackageNotFoundError:
        return
    for module, packages in packages_distributions().items():
        spec = find_spec(module) if required.intersection(packages) else None
        if spec is None or spec.origin is None:
            continue
        place = Path(spec.origin)
        installed = [Path(str(distribution(package).locate_file(module))) for package in packages]
        if not any((folder / "__init__.py").is_file() for folder in installed):
            continue
        if place.parent.resolve() in [folder.resolve() for folder in installed]:
            continue
        hiding = place.parent if place.name.startswith("__init__.") else place
        yield Finding(
            topic="packages",
            name=module,
            value="hidden",
            problem=f"{hiding} is imported in place of the installed {module}; rename it, run geoseg in another "
            "folder, or correct PYTHONPATH.",
        )
