"""Load a recipe from TOML with overrides; errors are one sentence that names the key."""

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from geoseg.errors import BundleError, UsageError
from geoseg.models.bundle import read_card
from geoseg.models.shipped import find_model

from .recipe import DataSet, Network, Recipe, Section

_ARCHITECTURE = ("preset", "width", "depth", "encoder")
"""Keys that define how a network is built."""


def as_recipe(recipe: Recipe | str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe given as a path; one that is loaded already takes no overrides."""
    if not isinstance(recipe, Recipe):
        return load_recipe(Path(recipe), overrides)
    if overrides:
        raise UsageError("a Recipe takes no `overrides`; change it with `model_copy(update=…)`.")
    return recipe


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, with paths made absolute.

    Parameters
    ----------
    path
        TOML file. Paths in it are relative to its folder, paths of data to its `root`.
    overrides
        `key.path=value`, the value in TOML or a bare word; data sets by name or number: `data.dubai.share=2`. Paths
        are relative to the recipe's folder, too.

    Raises
    ------
    UsageError
        If the file cannot be read, or a key or value is invalid; the message names the key.
    BundleError
        If the network is taken from a bundle that cannot be read, or does not record how it is built.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"recipe {path} cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"recipe {path} is not TOML: {error}.") from error
    document.setdefault("name", path.stem)
    for override in overrides:
        _override(document, override)
    return _placed(parse_recipe(document, source=path.name), path.absolute().parent)


def parse_recipe(document: dict[str, Any], *, source: str) -> Recipe:
    """Check a recipe's values, as TOML gives them; `source` names it in errors."""
    _check_keys(Recipe, document, "", source)
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        # For a value of several possible types, the deepest error is the most specific.
        nearest = max(error.errors(), key=lambda found: len(_path(found, document)[0]))
        raise UsageError(f"recipe {source}: {_sentence(nearest, document)}.") from error


def _override(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *parents, last = (part.strip() for part in key.split("."))
    if not equals or not last:
        raise UsageError(f"override {override} is not of the form key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word or path, whose quotes the shell removed
    table: Any = document
    for name in parents:
        table = _entry(table, name, override) if isinstance(table, list) else table.setdefault(name, {})
        if not isinstance(table, dict | list):
            raise UsageError(f"override {override}: {name} is a value, not a table.")
    if isinstance(table, list):
        raise UsageError(f"override {override}: {key.rpartition('.')[0]} is a list; name one of its entries.")
    table[last] = value


def _entry(entries: list[Any], name: str, override: str) -> Any:  # noqa: ANN401 - any TOML value
    """Entry of a list of tables by name, or by number from 0."""
    found = [entry for entry in entries if isinstance(entry, dict) and entry.get("name") == name]
    if not found and name.isdecimal():
        found = entries[int(name) :]
    if not found:
        raise UsageError(f"override {override}: the list has no entry {name}.")
    return found[0]


def _check_keys(model: type[Section], table: dict[str, Any], prefix: str, source: str) -> None:
    """Refuse a key that is no field of `model`, and suggest the nearest."""
    for key, value in table.items():
        if key not in model.model_fields:
            known = [prefix + name for name in model.model_fields]
            nearest = difflib.get_close_matches(prefix + key, known, 1, 0.7) or difflib.get_close_matches(
                prefix + key, [*known, *_all_keys(Recipe, "")], 1, 0
            )
            raise UsageError(f"recipe {source}: there is no key {prefix}{key}; the nearest is {nearest[0]}.")
        section = _section(model.model_fields[key].annotation)
        if section is None:
            continue
        entries = value if isinstance(value, list) else [value]
        for number, entry in enumerate(entries):
            if isinstance(entry, dict):
                place = f".{entry.get('name', number)}" if isinstance(value, list) else ""
                _check_keys(section, entry, f"{prefix}{key}{place}.", source)


def _section(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - any type expression
    """Table type of a field, alone, in a union or in a list; None if it has none."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    if getattr(annotation, "__origin__", None) is dict:
        return None  # its keys are the user's
    return next((found for part in get_args(annotation) if (found := _section(part)) is not None), None)


def _all_keys(model: type[Section], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        section = _section(field.annotation)
        if section is not None:
            yield from _all_keys(section, f"{prefix}{name}.")


def _sentence(error: ErrorDetails, document: dict[str, Any]) -> str:
    """Key and reason of an error."""
    parts, value = _path(error, document)
    key = ".".join(parts)
    if error["type"] == "missing":
        return f"{'.'.join([*parts, str(error['loc'][-1])])} has no value"
    reason = error["msg"].removeprefix("Value error, ").rstrip(".")
    if error["type"] in ("model_type", "dict_type"):
        reason = "it should be a table"
    return f"{key or 'the whole'} is {value!r}: {reason[0].lower()}{reason[1:]}"


def _path(error: ErrorDetails, document: dict[str, Any]) -> tuple[list[str], Any]:
    """Keys that lead to an error, and the value there."""
    keys: list[str] = []
    value: Any = document
    for part in error["loc"]:
        # Pydantic puts names of the types that it tried between the keys.
        if isinstance(value, dict) and part in value:
            value = value[part]
            keys.append(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            name = value.get("name") if isinstance(value, dict) else None
            keys.append(str(name or part))
    return keys, value


def _placed(recipe: Recipe, folder: Path) -> Recipe:
    """Make the paths of a recipe absolute."""
    root = (folder / Path(recipe.root).expanduser()).resolve()

    def placed(entry: DataSet) -> DataSet:
        labels = None if entry.labels is None else str(root / Path(entry.labels).expanduser())
        return entry.model_copy(update={"images": str(root / Path(entry.images).expanduser()), "labels": labels})

    network = recipe.network
    paths = {"encoder_weights": network.encoder_weights, "initial": network.initial}
    # Weights may also be names, of shipped models or known to Keras; these have no ending.
    files = {
        key: str(folder / Path(value).expanduser()) for key, value in paths.items() if value and Path(value).suffix
    }
    return recipe.model_copy(
        update={
            "root": str(root),
            "data": [placed(entry) for entry in recipe.data],
            "network": _begun(network.model_copy(update=files)),
        }
    )


def _begun(network: Network) -> Network:
    """Take the network from the initial bundle, unless the recipe describes it."""
    if network.initial is None or not network.model_fields_set.isdisjoint(_ARCHITECTURE):
        return network
    bundle = find_model(network.initial)
    try:
        recorded = read_card(bundle).provenance["recipe"]["network"]
        return Network.model_validate(
            network.model_dump(exclude_unset=True) | {key: recorded[key] for key in _ARCHITECTURE if key in recorded}
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise BundleError(
            f"{bundle} does not record how its network is built; give preset, width, depth and encoder in the recipe."
        ) from error
