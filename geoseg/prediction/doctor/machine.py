"""Examine versions, memory, folders and models, without any library."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.version import __version__

from .findings import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_LITTLE_MEMORY = 10**9
"""Bytes below which predictions of ordinary scenes fail: libraries, weights and a few tiles."""
_LITTLE_SPACE = 10**9
_MISSING = "is not installed"
_COMPILED = (".nbi", ".nbc")
"""Endings of Numba's files."""


def find_versions() -> Iterator[Finding]:
    """Find the versions of geoseg and Python, and whether all packages that geoseg needs are installed."""
    folder = Path(__file__).parents[2]
    yield Finding(topic="versions", name="geoseg", value=f"{__version__}, {folder}", facts={"version": __version__})
    python = platform.python_version()
    yield Finding(topic="versions", name="Python", value=f"{python}, {sys.executable}", facts={"version": python})
    yield Finding(topic="versions", name="system", value=platform.platform())


def required_packages() -> "list[Requirement]":
    """Packages that geoseg needs without any extra; raises PackageNotFoundError if it is not installed."""
    from packaging.requirements import Requirement

    declared = map(Requirement, requires("geoseg") or [])
    return [each for each in declared if each.marker is None or each.marker.evaluate({"extra": ""})]


def find_packages() -> Iterator[Finding]:
    """Compare the packages that geoseg requires with those installed."""
    try:
        required = required_packages()
    except PackageNotFoundError:
        yield Finding(
            topic="versions",
            name="packages",
            value="unknown",
            problem="geoseg runs from a folder and is not installed, so what it needs is unknown; `pip install` it.",
        )
        return
    found, wrong = {}, []
    for requirement in required:
        try:
            found[requirement.name] = version(requirement.name)
        except PackageNotFoundError:
            wrong.append((requirement, _MISSING))
            continue
        if not requirement.specifier.contains(found[requirement.name], prereleases=True):
            wrong.append((requirement, f"is {found[requirement.name]}"))
    yield Finding(
        topic="versions",
        name="packages",
        value=f"{len(found)} of {len(found) + sum(fault == _MISSING for _, fault in wrong)} required",
        facts=found,
    )
    for requirement, fault in wrong:
        yield Finding(
            topic="versions",
            name=requirement.name,
            value=fault.removeprefix("is "),
            problem=f"{requirement.name} {fault}; geoseg needs {requirement.specifier or 'it'}: "
            f"`pip install '{requirement.name}{requirement.specifier}'`.",
        )


def find_limits() -> Iterator[Finding]:
    """Find memory that is free or allowed, and the space for temporary files."""
    free, limit = _free_memory()
    yield Finding(
        topic="limits",
        name="memory",
        value=f"{free / 1e9:.1f} GB free{f' ({limit})' if limit else ''}",
        problem=""
        if free >= _LITTLE_MEMORY
        else "a prediction takes about 1 GB and more; end other programs, or raise the limit.",
        facts={"bytes": free},
    )
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        yield Finding(
            topic="limits",
            name="temporary files",
            value="no folder",
            problem="no folder for temporary files can be written; set TMPDIR to one that can.",
            blocks=True,
        )
        return
    space = shutil.disk_usage(folder).free
    problem = f"{folder} is nearly full; make room, or set TMPDIR to a folder on another disk."
    yield Finding(
        topic="limits",
        name="temporary files",
        value=f"{space / 1e9:.1f} GB free in {folder}",
        problem=problem if space < _LITTLE_SPACE else "",
        facts={"path": folder, "bytes": space},
    )


def _free_memory() -> tuple[int, str]:
    """Return the bytes that this process may still allocate, and any limit other than the machine's memory."""
    from geoseg.models.engines.hardware import address_limit, left_in_groups, machine_memory

    found = [(machine_memory(), ""), *((left, "limited by the control group") for left in left_in_groups())]
    limit = address_limit()
    if limit is not None:
        found.append((limit, "limited by ulimit -v"))
    return min(found)


def find_caches() -> Iterator[Finding]:
    """Find the folders of geoseg's caches."""
    from geoseg.compilation import cache_folders
    from geoseg.models.added import models_folder
    from geoseg.models.engines.devices import compilation_cache

    yield _folder("models", models_folder(), "no model can be added; set GEOSEG_MODELS to a folder that can be written")
    folders = cache_folders("geoseg.roads")
    compiled = next((folder for folder in folders if not _unwritable(folder)), folders[0])
    yield _folder(
        "compiled code",
        compiled,
        "the road tracer is compiled again in each process, which takes half a minute; set NUMBA_CACHE_DIR to a "
        "folder that can be written",
        # Numba keeps it beside each module.
        within=compiled.parents[1] if compiled.name == "__pycache__" else compiled,
        endings=_COMPILED,
    )
    yield _folder(
        "compiled for GPUs",
        Path(os.environ.get("JAX_COMPILATION_CACHE_DIR") or compilation_cache()),
        "JAX compiles networks again in each process; set JAX_COMPILATION_CACHE_DIR to a folder that can be written",
    )


def _folder(
    name: str, folder: Path, consequence: str, *, within: Path | None = None, endings: tuple[str, ...] = ()
) -> Finding:
    """Describe a folder, its files with certain endings `within` another one, and whether it can be written."""
    size = 0
    for path in (within or folder).rglob("*"):
        if not endings or path.suffix in endings:
            size += path.lstat().st_size
    fault = _unwritable(folder)
    return Finding(
        topic="caches",
        name=name,
        value=f"{folder}, {size / 1e6:.1f} MB" if folder.exists() else f"{folder}, not there yet",
        problem=f"{folder} cannot be written ({fault}), so {consequence}." if fault else "",
        facts={"path": str(folder), "bytes": size, "writable": not fault},
    )


def _unwritable(folder: Path) -> str:
    """Return why no file can be written to a folder, or to the one that it would be made in; empty if one can."""
    place = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def find_models() -> Iterator[Finding]:
    """Find the models that have a name, read their cards, and compare those that were added with their checksums."""
    from geoseg.errors import BundleError
    from geoseg.files import sha256_of
    from geoseg.models.added import AddedModel, added_models
    from geoseg.models.bundle import read_card
    from geoseg.models.shipped import DEFAULT_MODEL, SHIPPED, NamedModel, named_models, shipped_models

    default = False
    try:
        added, named = added_models(), named_models()
    except BundleError as error:
        yield Finding(topic="models", name="added", value="cannot be used", problem=str(error))
        added = {}
        named = tuple(NamedModel(name=name, origin=SHIPPED, path=path) for name, path in shipped_models().items())
    for model in named:
        problem, value = model.problem, "cannot be used"
        if model.path is not None:
            try:
                card = read_card(model.path)
                value = f"{card.name} {card.version}, from {model.origin}"
                record = added.get(model.name)
                if isinstance(record, AddedModel) and sha256_of(model.path) != record.sha256:
                    problem = (
                        f"the bundle {model.path} was changed since it was added; remove the model with `geoseg models "
                        f"remove {model.name}`, and add it again."
                    )
                default = default or model.name == DEFAULT_MODEL
            except BundleError as error:
                problem = str(error)
        yield Finding(topic="models", name=model.name, value=value, problem=problem, facts={"path": str(model.path)})
    if not default:
        yield Finding(
            topic="models",
            name="default",
            value=f"{DEFAULT_MODEL} cannot be used",
            problem=f"the default model {DEFAULT_MODEL} is missing or damaged; install geoseg again.",
            blocks=True,
        )
