"""Legend and provenance in the tags of the rasters that geoseg writes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio

from geoseg.errors import SceneError
from geoseg.models.archive import parse_json
from geoseg.models.bundle import Card
from geoseg.models.legend import Legend
from geoseg.models.texts import without_secrets
from geoseg.version import __version__

_LEGEND, _MODEL, _SETTINGS, _STRETCH = "GEOSEG_LEGEND", "GEOSEG_MODEL", "GEOSEG_SETTINGS", "GEOSEG_STRETCH"


def result_tags(scene: str, card: Card, settings: Mapping[str, Any]) -> dict[str, str]:
    """Tags of a result, equal for two runs of the same job."""
    return {
        "TIFFTAG_SOFTWARE": f"geoseg {__version__}",
        "GEOSEG_SCENE": Path(without_secrets(scene)).name,
        _MODEL: f"{card.name} {card.version}",
        "GEOSEG_MODEL_PROVENANCE": json.dumps(dict(card.provenance)),
        _SETTINGS: json.dumps(settings, allow_nan=False),
        _LEGEND: json.dumps(card.legend.to_json()),
    }


def legend_of(raster: rasterio.DatasetReader) -> Legend | None:
    """Legend of a class raster that geoseg wrote; None without the tag, SceneError if it is damaged."""
    text = raster.tags().get(_LEGEND)
    try:
        return None if text is None else Legend.from_json(parse_json(text))
    except (KeyError, TypeError, ValueError) as error:
        raise SceneError(
            f"{raster.name} has a {_LEGEND} tag that is not a legend ({error}); correct it or remove it."
        ) from error


def check_same_classes(ours: str, legend: Legend | None, theirs: str, other: Legend | None) -> None:
    """Raise SceneError if two sides that must share class ids have legends (if any) with different names."""
    if legend is not None and other is not None and legend.names != other.names:
        raise SceneError(
            f"{ours} has the classes {', '.join(legend.names)}, but {theirs} has {', '.join(other.names)}; their ids "
            "cannot be compared."
        )


def model_of(raster: rasterio.DatasetReader) -> str | None:
    """Name and version of the model that made a raster; None without the tag."""
    name: str | None = raster.tags().get(_MODEL)
    return name


def check_same_run(raster: rasterio.DatasetReader, other: rasterio.DatasetReader) -> None:
    """Raise SceneError if two results belong together by name, but their tags are of different runs."""
    ours, theirs = (_run_of(each.tags()) for each in (raster, other))
    for tag in ours.keys() & theirs.keys():
        if ours[tag] != theirs[tag]:
            raise SceneError(
                f"{raster.name} comes from another run than {Path(other.name).name}: their tags {tag} differ; predict "
                "both again, or move one away."
            )


def _run_of(tags: Mapping[str, str]) -> dict[str, Any]:
    """Tags on which probabilities depend, in a fixed order."""
    found: dict[str, Any] = {tag: tags[tag] for tag in ("GEOSEG_SCENE", _MODEL, _STRETCH) if tag in tags}
    try:
        settings = dict(parse_json(tags[_SETTINGS]))
    except (KeyError, TypeError, ValueError):
        return found
    settings.pop("min_confidence", None)  # changes no probability
    return found | {_SETTINGS: settings}


def refuse_result(source: str, model: str | None) -> None:
    """Raise SceneError for a raster whose tags name a model of geoseg: it is a result, not an image."""
    if model is not None:
        raise SceneError(
            f"{source} is a result of geoseg (of model {model}), not a scene; give the scene that it was made from."
        )
