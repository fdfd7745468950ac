"""JSON Schemas of recipes and bundle cards, and tables of their keys, generated from the code that reads them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import griffe

RECIPE = ("geoseg.training.recipe.recipe", "geoseg.training.recipe.learning")
CARD = ("geoseg.models.bundle", "geoseg.models.legend")
_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def recipe_schema() -> dict[str, Any]:
    """Schema of a recipe, as the value that its TOML stands for; `name` is the file's by default."""
    from geoseg.training.recipe.recipe import Recipe

    schema = Recipe.model_json_schema()
    schema["required"].remove("name")
    return _DIALECT | _described(schema, *RECIPE)


def card_schema() -> dict[str, Any]:
    """Schema of `geoseg.json` in a bundle."""
    from pydantic import TypeAdapter

    from geoseg.models.bundle import FORMAT, Card

    schema = TypeAdapter(Card).json_schema(mode="serialization")
    _described(schema, *CARD)
    of_file = {"const": FORMAT, "description": "Version of this format."}
    schema["properties"] = {"format": of_file} | schema["properties"]
    schema["required"] = ["format", *schema["required"], "provenance"]
    schema["$defs"]["Scaling"]["required"] = ["offset", "gain"]
    schema["$defs"]["Legend"]["required"] = ["classes", "road"]
    return _DIALECT | schema


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {"recipe": recipe_schema, "card": card_schema}


def describe_schema(name: str | None) -> str:
    """Return a Markdown section for each table of a schema, the outermost first."""
    schema = SCHEMAS[str(name)]()
    tables = {schema["title"]: schema} | schema.get("$defs", {})
    return "\n".join(line for title, table in tables.items() for line in _section(title, table))


def _section(title: str, table: dict[str, Any]) -> Iterator[str]:
    yield f"\n### {title}\n"
    yield f"{table.get('description', '')}\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    for key, value in table["properties"].items():
        needed = key in table.get("required", ())
        default = "required" if needed else _default(value)
        yield f"| `{key}` | {_kind(value)} | {default} | {value.get('description', '')} |"


def _default(value: dict[str, Any]) -> str:
    if "default" not in value or value["default"] is None:
        return "–"
    if isinstance(value["default"], dict) and value["default"]:
        return "its defaults"
    return f"`{json.dumps(value['default'], ensure_ascii=False)}`"


def _kind(value: dict[str, Any]) -> str:
    """Type of a value, with its bounds."""
    if "$ref" in value:
        title = value["$ref"].rpartition("/")[2]
        return f"[{title}](#{title.lower()})"
    if "anyOf" in value:
        return " or ".join(_kind(part) for part in value["anyOf"] if part.get("type") != "null")
    if "enum" in value or "const" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        parts = value.get("prefixItems") or [value.get("items", {})]
        return f"list of {_kind(parts[0])}"
    if isinstance(value.get("additionalProperties"), dict):
        return f"table of {_kind(value['additionalProperties'])}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {value[key]:g}" for key, sign in signs.items() if key in value]
    return " ".join([value.get("type", "any"), ", ".join(bounds)]).strip()


def _described(schema: dict[str, Any], *modules: str) -> dict[str, Any]:
    """Add the docstrings of the attributes that keys stand for."""
    classes = {name: found for module in modules for name, found in griffe.load(module).classes.items()}
    for title, table in [(schema["title"], schema), *schema.get("$defs", {}).items()]:
        for key, value in table["properties"].items():
            value.pop("title", None)
            attribute = classes[title].members.get(key)
            if attribute is not None and attribute.docstring:
                value["description"] = " ".join(attribute.docstring.value.split())
    return schema
