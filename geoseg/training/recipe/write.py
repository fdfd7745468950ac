"""Write a recipe as TOML: what a run folder keeps of how it was made."""

import json
from typing import Any

from .recipe import Recipe


def recipe_toml(recipe: Recipe) -> str:
    """The recipe with all its values, defaults too, as `load_recipe` reads it."""
    document = recipe.model_dump(exclude_none=True)
    lines = [f"{key} = {_value(value)}" for key, value in document.items() if not _is_table(value)]
    for key, value in document.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]", *_entries(value)]
        elif _is_table(value):
            for entry in value:
                lines += ["", f"[[{key}]]", *_entries(entry)]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:  # noqa: ANN401 - any TOML value
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _entries(table: dict[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else json.dumps(key)


def _value(value: Any) -> str:  # noqa: ANN401 - any TOML value
    match value:
        case dict():
            return "{ " + ", ".join(_entries(value)) + " }" if value else "{}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
    # A TOML basic string has JSON's escapes, and numbers and booleans are JSON's.
    return json.dumps(value, ensure_ascii=False)
