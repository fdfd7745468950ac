"""Write a commented starting recipe for surveyed imagery."""

import colorsys
import json
from collections.abc import Mapping
from functools import partial
from glob import escape
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geoseg.datasets.codings import CODINGS, LEGENDS
from geoseg.errors import UsageError
from geoseg.models.bundle import read_card
from geoseg.models.legend import NODATA
from geoseg.models.networks.presets import DEFAULT_PRESET
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.models.texts import escaped
from geoseg.rasters.bands.identify import Band, image_bands
from geoseg.rasters.ground import crs_name, crs_of
from geoseg.sentences import counted, join_words
from geoseg.training.data.leakage import footprint
from geoseg.training.recipe.label_sets import BACKGROUND, IGNORE, OTHERS

from .images import ImageSurvey, survey_images
from .labels import FEW, LabelSurvey

WINDOWS = (256, 128, 64)
"""Sides of a training window to choose from."""
LEAST_BLOCKS = 3
"""Blocks along the shorter side of the smallest image, at least."""


def _in_one_line(value: Any) -> Any:  # noqa: ANN401 - any value of the template
    """Escape control characters of a text as TOML does in a string; in a comment, they would end it."""
    if not isinstance(value, str):
        return value
    return "".join(each if escaped(each) == each else f"\\u{ord(each):04x}" for each in value)


def describe_data(images: str | Path, labels: str | Path | None = None) -> str:
    """Write a recipe in TOML for images and labels, paired by `geoseg.datasets.pairs`.

    Its comments report bands, data type, GSD, and the values of labels with their shares. Classes get placeholder names
    unless the labels have a built-in coding.
    """
    import jinja2

    place = str(Path(images).absolute())
    label_place = None if labels is None else str(Path(labels).absolute())
    seen = survey_images(place, label_place)
    bands = _name_bands(seen)
    values = _suggest_values(seen.labels)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("geoseg.training.survey", package_path="."),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        finalize=_in_one_line,
    )
    # JSON's strings and lists are TOML's.
    environment.filters |= {
        "toml": partial(json.dumps, ensure_ascii=False),
        "percent": "{:.2%}".format,
        "counted": counted,
    }
    return environment.get_template("recipe.toml.jinja").render(
        **_report(seen),
        **_suggest_split(seen),
        seen=seen,
        labels=seen.labels,
        name=Path(place).name if Path(place).is_dir() else Path(place).parent.name,
        image_place=place,
        label_place=label_place,
        bands=bands,
        gsd_m=_median_gsd(seen),
        window=_choose_window(seen),
        # The shipped model's weights fit only images with its bands.
        begins=tuple(bands) == read_card(find_model(DEFAULT_MODEL)).bands,
        model=DEFAULT_MODEL,
        preset=DEFAULT_PRESET,
        classes=_colour_classes(seen.labels, values),
        values=values,
        remarks={value: _explain(value, seen.labels) for value in values},
        strays=sum(seen.labels.counts[value] for value in seen.labels.ignored),
    )


def _report(seen: ImageSurvey) -> dict[str, Any]:
    """Format bands, sizes, GSDs, CRSs and shares of label values for the first comments."""
    sizes = sorted({f"{width} × {height}" for height, width in seen.shapes}, key=len)
    steps = sorted({f"{np.mean(scene.gsd_m):.3g}" for scene in seen.scenes}, key=float)
    names = CODINGS[seen.labels.coding].names if seen.labels.coding in CODINGS else {}
    counts = seen.labels.counts
    shown = sorted(counts, key=lambda value: -counts[value])[:FEW]

    unused = {
        f"{number} ({_show(bands[number - 1])})"
        for bands in seen.bands
        for number in image_bands(bands)
        if number not in seen.chosen
    }

    def named(value: str) -> str:
        known = names.get(int(value[1:], 16) if value.startswith("#") else int(value)) if names else None
        return f"{value} {known}" if known else value

    return {
        "kinds": list(
            dict.fromkeys(f"{counted(len(bands), 'band')} ({', '.join(map(_show, bands))})" for bands in seen.bands)
        ),
        "unused": sorted(unused),
        "sizes": list(dict.fromkeys((sizes[0], sizes[-1]))),
        "steps": list(dict.fromkeys((steps[0], steps[-1]))) if steps else [],
        "systems": sorted({crs_name(crs_of(scene.geobox)) for scene in seen.scenes})[:3],
        "shares": {named(value): counts[value] for value in counts if value in shown},
    }


def _show(band: Band) -> str:
    return band.name or band.colour.name


def _suggest_values(labels: LabelSurvey) -> dict[str, str]:
    """Suggest a class, or `ignore`, for each label value that the coding does not define."""
    ignored = dict.fromkeys(sorted(labels.ignored), IGNORE)
    if labels.coding in CODINGS:
        return ignored if len(ignored) <= FEW else {OTHERS: IGNORE}
    if labels.coding == "vector" and labels.attribute is None:
        return {BACKGROUND: BACKGROUND, OTHERS: "road" if labels.lines else "feature"}
    if labels.coding == "vector":
        # `background` is the key of uncovered ground; features with this value share the entry of all others.
        ground = OTHERS if BACKGROUND in labels.counts else BACKGROUND
        return {ground: BACKGROUND} | {value: value for value in labels.counts if value != BACKGROUND} | ignored
    # Masks of two values are often 0 and 255.
    values = [value for value in labels.counts if value != str(NODATA) or len(labels.counts) == 2]
    return {value: f"class_{value.removeprefix('#')}" for value in values}


def _explain(value: str, labels: LabelSurvey) -> str:
    if value == BACKGROUND:
        return "  # ground that no feature covers; ignored without this line"
    if value == OTHERS and labels.attribute is not None:
        return "  # features of all other values; ground that no feature covers is ignored"
    return ""


def _colour_classes(labels: LabelSurvey, values: Mapping[str, str]) -> dict[str, str]:
    """Choose a colour for each class of the legend; empty for a built-in legend."""
    if labels.coding in LEGENDS:
        return {}
    classes = {name: value for value, name in values.items() if name != IGNORE}
    if len(classes) < 2:
        found = join_words([*labels.counts]) if labels.counts else "nothing"
        raise UsageError(
            f"the labels surveyed hold {found} besides nodata; training needs at least two classes: check the nodata "
            "value of the labels."
        )
    if len(classes) >= NODATA:
        raise UsageError(
            f"the labels surveyed hold {len(classes)} values, too many for classes ({NODATA - 1} at most); are they "
            "the images, given in the place of the labels, or masks saved with lossy compression, such as JPEG? Save "
            "masks as PNG or TIFF."
        )
    if labels.coding == "colours":
        return classes
    return {name: _hex_colour(number / len(classes)) for number, name in enumerate(classes)}


def _hex_colour(hue: float) -> str:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.6, 0.8))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _name_bands(seen: ImageSurvey) -> list[str]:
    kinds = {tuple(bands[number - 1].name for number in seen.chosen) for bands in seen.bands}
    names = [name for name in kinds.pop() if name is not None]
    if kinds or len(set(names)) < len(seen.chosen):
        return [f"band {number}" for number in seen.chosen]
    return names


def _median_gsd(seen: ImageSurvey) -> float:
    return float(np.median([np.mean(scene.gsd_m) for scene in seen.scenes])) if seen.scenes else 1.0


def _choose_window(seen: ImageSurvey) -> int:
    smallest = min(min(shape) for shape in seen.shapes)
    return next((side for side in WINDOWS if side <= smallest), WINDOWS[-1])


def _suggest_split(seen: ImageSurvey) -> dict[str, Any]:
    """Split a single image or overlapping images by block, images in several folders by folder, others by image."""
    folders = sorted({pair.name.partition("/")[0] for pair in seen.files if "/" in pair.name})
    at_root = any("/" not in pair.name for pair in seen.files)
    customary = [folder for folder in folders if folder in ("val", "validation")]
    overlapping = len(seen.files) > 1 and _overlap(seen)
    usual_m = 500 if overlapping else 200 if len(seen.files) == 1 else None
    shown_m = min(map(min, seen.shapes)) * _median_gsd(seen)
    grouped = len(folders) > 1 and not at_root
    return {
        "overlapping": overlapping,
        # Smaller if an image would have too few blocks.
        "block_m": None if usual_m is None else float(f"{min(usual_m, shown_m / LEAST_BLOCKS):.2g}"),
        "groups": {folder: f"{escape(folder)}/*" for folder in folders} if grouped else {},
        "held_out": customary or 0.2,
    }


def _overlap(seen: ImageSurvey) -> bool:
    shapes = [footprint(scene.geobox) for scene in seen.scenes]
    return any(shapely.intersects(one, other) for one, other in combinations(shapes, 2))
