"""Load a recipe from TOML with overrides; error messages name the key in one sentence."""

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from geoseg.errors import BundleError, UsageError
from geoseg.files import check_regular
from geoseg.home import expanded
from geoseg.models.bundle import read_card
from geoseg.models.shipped import find_model

from .recipe import DataSet, Network, Recipe
from .sections import Section

_ARCHITECTURE = ("preset", "width", "depth", "encoder")
"""Keys that define the layers of a network."""


def as_recipe(recipe: Recipe | str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe from a path; the paths of a Recipe are relative to the current folder."""
    if not isinstance(recipe, Recipe):
        return load_recipe(Path(recipe), overrides)
    if overrides:
        raise UsageError("a Recipe takes no `overrides`; change it with `model_copy(update=…)`.")
    return _settle(recipe, Path.cwd())


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, and make its paths absolute: they are relative to its folder, those of data to its `root`.

    Overrides are `key.path=value`, with the value in TOML or a bare word. Data sets are addressed by name or number:
    `data.dubai.share=2`.

    Raises UsageError if the file cannot be read, or a key or value is invalid; BundleError if the initial bundle cannot
    be read, or does not record its network.
    """
    advice = "for images and labels, begin with `geoseg train --init IMAGES LABELS`"
    if path.is_dir():
        raise UsageError(f"recipe {path} is a folder; {advice}.")
    try:
        check_regular(path)
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"recipe {path} is not a text file; {advice}.") from error
    except OSError as error:
        raise UsageError(f"recipe {path} cannot be read ({error.strerror or error}).") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"recipe {path} is not TOML: {error}.") from error
    document.setdefault("name", path.stem)
    for override in overrides:
        _override(document, override)
    return _settle(parse_recipe(document, source=path.name), path.absolute().parent)


def _settle(recipe: Recipe, folder: Path) -> Recipe:
    """Make the paths of a recipe in a folder absolute, and take its network from the initial bundle."""
    recipe = _make_paths_absolute(recipe, folder)
    return recipe.model_copy(update={"network": _complete(recipe.network)})


def parse_recipe(document: dict[str, Any], *, source: str) -> Recipe:
    """Check the values of a recipe in TOML; `source` is its name in errors."""
    _check_keys(Recipe, document, "", source)
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        # For a value of several possible types, the deepest errors are the most specific, one for each type.
        found = [(_locate(each, document)[0], each) for each in error.errors()]
        keys, deepest = max(found, key=lambda each: len(each[0]))
        others = [each for place, each in found if place == keys and each is not deepest]
        raise UsageError(f"recipe {source}: {_describe(deepest, others, document)}.") from error


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
    for depth, name in enumerate(parents):
        place = ".".join(parents[:depth])
        table = _find_entry(table, name, place, override) if isinstance(table, list) else table.setdefault(name, {})
        if not isinstance(table, dict | list):
            raise UsageError(f"override {override}: {name} is a value, not a table.")
    if isinstance(table, list):
        place = ".".join(parents)
        raise UsageError(f"override {override}: {place} is a list; name one of its entries{_listed(table, place)}.")
    table[last] = value


def _find_entry(entries: list[Any], name: str, place: str, override: str) -> Any:  # noqa: ANN401 - any TOML value
    """Find an entry of the list of tables at `place` by name, or by number from 0."""
    found = [entry for entry in entries if isinstance(entry, dict) and entry.get("name") == name]
    if not found and name.isdecimal():
        found = entries[int(name) :]
    if not found:
        raise UsageError(
            f"override {override}: {place} is a list without an entry {name}; name one of its entries"
            f"{_listed(entries, place)}."
        )
    return found[0]


def _listed(entries: list[Any], place: str) -> str:
    """List the first entries of a list as keys of an override."""
    names = [entry.get("name", number) if isinstance(entry, dict) else number for number, entry in enumerate(entries)]
    shown = ", ".join(f"{place}.{name}" for name in names[:3])
    return f": {shown}{', …' * (len(names) > 3)}" if names else ""


def _check_keys(model: type[Section], table: dict[str, Any], prefix: str, source: str) -> None:
    """Refuse keys that are not fields of `model`, and suggest the nearest."""
    for key, value in table.items():
        if key not in model.model_fields:
            known = [prefix + name for name in model.model_fields]
            nearest = difflib.get_close_matches(prefix + key, known, 1, 0.7) or difflib.get_close_matches(
                prefix + key, [*known, *_list_keys(Recipe, "")], 1, 0
            )
            raise UsageError(f"recipe {source}: there is no key {prefix}{key}; the nearest is {nearest[0]}.")
        section = _find_section(model.model_fields[key].annotation)
        if section is None:
            continue
        entries = value if isinstance(value, list) else [value]
        for number, entry in enumerate(entries):
            if isinstance(entry, dict):
                place = f".{entry.get('name', number)}" if isinstance(value, list) else ""
                _check_keys(section, entry, f"{prefix}{key}{place}.", source)


def _find_section(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - any type expression
    """Find the table type in a field's type: alone, in a union or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    if getattr(annotation, "__origin__", None) is dict:
        return None  # its keys are the user's
    return next((found for part in get_args(annotation) if (found := _find_section(part)) is not None), None)


def _list_keys(model: type[Section], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        section = _find_section(field.annotation)
        if section is not None:
            yield from _list_keys(section, f"{prefix}{name}.")


def _describe(error: ErrorDetails, others: Sequence[ErrorDetails], document: dict[str, Any]) -> str:
    """Describe an error by key, value and reason, and that of `others`, the other types which the value could have."""
    parts, value = _locate(error, document)
    key = ".".join(parts)
    if error["type"] == "missing":
        return f"{'.'.join([*parts, str(error['loc'][-1])])} has no value"
    reasons = dict.fromkeys(_reason(each) for each in (error, *others))
    return f"{key or 'the whole'} is {value!r}: {', or '.join(reasons)}"


def _reason(error: ErrorDetails) -> str:
    if error["type"] in ("model_type", "dict_type"):
        return "it should be a table"
    reason = error["msg"].removeprefix("Value error, ").rstrip(".")
    return reason[0].lower() + reason[1:]


def _locate(error: ErrorDetails, document: dict[str, Any]) -> tuple[list[str], Any]:
    """Find the keys that lead to an error, and the value there."""
    keys: list[str] = []
    value: Any = document
    for part in error["loc"]:
        # Between the keys, Pydantic puts the names of the types that it tried.
        if isinstance(value, dict) and part in value:
            value = value[part]
            keys.append(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
            name = value.get("name") if isinstance(value, dict) else None
            keys.append(str(name or part))
    return keys, value


def _make_paths_absolute(recipe: Recipe, folder: Path) -> Recipe:
    root = (folder / expanded(recipe.root)).resolve()

    def with_absolute_paths(entry: DataSet) -> DataSet:
        labels = None if entry.labels is None else str(root / expanded(entry.labels))
        return entry.model_copy(update={"images": str(root / expanded(entry.images)), "labels": labels})

    network = recipe.network
    paths = {"encoder_weights": network.encoder_weights, "initial": network.initial}
    # Weights may also be the name of a shipped model, or `imagenet`, which have no file ending.
    files = {key: str(folder / expanded(value)) for key, value in paths.items() if value and Path(value).suffix}
    teachers = [
        teacher.model_copy(update={"bundle": str(folder / expanded(teacher.bundle))})
        if teacher.bundle is not None and Path(teacher.bundle).suffix
        else teacher
        for teacher in recipe.teacher
    ]
    return recipe.model_copy(
        update={
            "root": str(root),
            "data": [with_absolute_paths(entry) for entry in recipe.data],
            "network": network.model_copy(update=files),
            "teacher": teachers,
        }
    )


def _complete(network: Network) -> Network:
    """Take preset, width, depth and encoder from the initial bundle unless the recipe has any of them."""
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
