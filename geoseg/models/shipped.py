"""Find models by name: shipped with geoseg, added by the user, or installed with another package."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from geoseg.errors import BundleError
from geoseg.sentences import join_words

from .added import added_models
from .packaged import packaged_models

DEFAULT_MODEL = "aerial"
SHIPPED = "geoseg"
"""Origin of the models shipped with geoseg."""


@dataclass(frozen=True, kw_only=True)
class NamedModel:
    """A model with a name, or with a claim to one that it cannot use."""

    name: str
    origin: str
    """`geoseg`, the URL or path that it was added from, or name and version of a package."""
    path: Path | None
    """None if it cannot be used by its name."""
    problem: str = ""
    """Why not, in one sentence."""


def shipped_models() -> dict[str, Path]:
    """Return the paths of the shipped bundles by name."""
    folder = Path(str(files("geoseg"))) / "bundles"
    return {path.stem: path for path in sorted(folder.glob("*.keras"))}


def named_models() -> tuple[NamedModel, ...]:
    """Return all models that have a name: the shipped ones, those that were added, and those of other packages."""
    shipped = shipped_models()
    found = [NamedModel(name=name, origin=SHIPPED, path=path) for name, path in shipped.items()]
    for name, added in added_models().items():
        if isinstance(added, BundleError):
            found.append(NamedModel(name=name, origin="unknown", path=None, problem=str(added)))
        else:
            found.append(NamedModel(name=name, origin=added.source, path=added.path))
    for packaged in packaged_models():
        problem = ""
        if packaged.path is None:
            problem = f"model {packaged.name} of {packaged.package} cannot be used: {packaged.problem}."
        found.append(NamedModel(name=packaged.name, origin=packaged.package, path=packaged.path, problem=problem))
    return tuple(_with_conflicts(found))


def _with_conflicts(models: list[NamedModel]) -> list[NamedModel]:
    """Remove the paths of models that share their name with another one; a shipped model keeps its own."""
    rivals = {model.name: [other for other in models if other.name == model.name] for model in models}
    return [
        model
        if len(rivals[model.name]) == 1 or model.origin == SHIPPED
        else NamedModel(name=model.name, origin=model.origin, path=None, problem=_conflict(rivals[model.name]))
        for model in models
    ]


def _conflict(models: list[NamedModel]) -> str:
    name, origins = models[0].name, [model.origin for model in models]
    if SHIPPED in origins:
        others = join_words([origin for origin in origins if origin != SHIPPED])
        return f"model {name} of {others} is not used: geoseg ships a model of that name."
    return (
        f"several models are named {name}: of {join_words(origins)}; uninstall all but one package, "
        f"`geoseg models remove {name}` if it was added, or give the path of a bundle."
    )


def find_named_model(name: str) -> Path | None:
    """Return the path of the model that has a name, or None; raises BundleError if it cannot be used."""
    shipped = shipped_models()
    if name in shipped:
        return shipped[name]
    if Path(name).name != name or Path(name).suffix == ".keras":
        return None
    found = [model for model in named_models() if model.name == name]
    for model in found:
        if model.path is None:
            raise BundleError(model.problem)
        if not model.path.is_file():
            raise BundleError(
                f"the bundle {model.path} of model {name} is missing; remove the model with `geoseg models remove "
                f"{name}`, and add it again."
            )
    return found[0].path if found else None


def find_model(name: str | Path) -> Path:
    """Return the path of a bundle, given its name or its file; raises BundleError if there is neither."""
    named = find_named_model(str(name))
    if named is not None:
        return named
    path = Path(name)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # no path has a NUL
        names = dict.fromkeys(model.name for model in named_models())
        raise BundleError(
            f"there is no model {name}: neither a file nor the name of a model ({', '.join(names)})."
        ) from None
    except OSError as error:
        raise BundleError(f"model {name} cannot be opened ({error.strerror}).") from error
    return path
