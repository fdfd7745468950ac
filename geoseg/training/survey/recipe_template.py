"""A starting recipe for labelled imagery: what was found, and choices that suit it."""

import colorsys
import json
from collections.abc import Iterator
from glob import escape
from itertools import combinations
from pathlib import Path

import numpy as np

from geoseg.datasets.codings import CODINGS, LEGENDS
from geoseg.errors import UsageError
from geoseg.models.bundle import read_card
from geoseg.models.legend import NODATA
from geoseg.models.networks.presets import DEFAULT_PRESET
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.rasters.ground import crs_of
from geoseg.rasters.scene import Scene
from geoseg.training.data.splits import footprint
from geoseg.training.recipe.label_sets import BACKGROUND, IGNORE, OTHERS

from .images import Look, look
from .labels import FEW, LabelLook

WINDOWS = (512, 256, 128, 64)
"""Sides of a training window to choose from."""
FULL_SCALE = 255
SQUARES = 3
"""Along the shorter side of the smallest image that is divided by squares of ground, at least."""


def describe_data(images: str | Path, labels: str | Path | None = None) -> str:
    """A commented recipe in TOML to begin with, for images and labels that `geoseg.datasets.discovery` pairs.

    It says what was found: bands, data type, GSD, the values of labels and their shares. Classes of labels that are not
    of a built-in coding have names to be replaced.

    Raises
    ------
    SceneError, UsageError
        If images and labels cannot be paired, or one of them cannot be opened, or training would refuse them.
    """
    place = str(Path(images).absolute())
    seen = look(place, None if labels is None else str(Path(labels).absolute()))
    name = Path(place).name if Path(place).is_dir() else Path(place).parent.name
    # The shipped model takes the images' bands, so that training can begin with its weights.
    begins = tuple(_bands(seen)) == read_card(find_model(DEFAULT_MODEL)).bands
    lines = [
        f"# {len(seen.files)} images with labels were found; {len(seen.shapes)} of them were looked at.",
        *_found(seen),
        "",
        "seed = 0",
        *_legend(seen.labels),
        "",
        *_network(begins=begins),
        "",
        *_card(seen),
        "",
        "[[data]]",
        f"name = {_text(name)}",
        f"images = {_text(place)}",
        *([] if labels is None else [f"labels = {_text(str(Path(labels).absolute()))}"]),
        *_labels(seen),
        "",
        *_split(seen),
        "",
        "[loss]",
        'terms = [{ name = "cross_entropy" }, { name = "dice" }]',
        'class_weights = "median-frequency"  # or "none", "effective-number"',
        "",
        "[schedule]",
        "epochs = 40",
        "steps = 100",
        "batch = 8",
        f"window = {_window(seen)}",
        "rate = 3e-4  # 1e-3 for a new network" if begins else "rate = 1e-3",
    ]
    return "\n".join(lines) + "\n"


def _network(*, begins: bool) -> Iterator[str]:
    new = (f"preset = {_text(DEFAULT_PRESET)}", "width = 16")
    yield "[network]"
    if begins:
        yield f"initial = {_text(DEFAULT_MODEL)}  # begin with the shipped model's weights; a new network instead:"
        yield from (f"# {line}" for line in new)
    else:
        yield from new


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _found(seen: Look) -> Iterator[str]:
    sizes = sorted({f"{width} × {height}" for height, width in seen.shapes}, key=len)
    kinds = " or ".join(f"{len(bands)} bands ({', '.join(band.name for band in bands)})" for bands in seen.bands)
    span = " to ".join(dict.fromkeys((sizes[0], sizes[-1])))
    yield f"# Images: {kinds} of {' or '.join(seen.limits)}, {span} pixels."
    if len(seen.bands) > 1 or len(seen.limits) > 1:
        yield "# They are not alike: make sure that the bands below show the same in all of them."
    for dtype, (low, high) in seen.limits.items():
        yield f"# 98 % of the {dtype} values of bands {', '.join(map(str, seen.chosen))} lie in {low:g} to {high:g}."
    if seen.scenes:
        steps = sorted({f"{np.mean(scene.gsd_m):.3g}" for scene in seen.scenes}, key=float)
        systems = ", ".join(sorted({_system(scene) for scene in seen.scenes})[:3])
        yield f"# Ground sample distance: {' to '.join(dict.fromkeys((steps[0], steps[-1])))} m; CRS {systems}."
    else:
        yield "# The images have no georeference: their ground sample distance is a guess."
    unit = "features" if seen.labels.coding == "vector" else "pixels"
    yield f"# Labels ({seen.labels.coding}), share of {unit}:"
    names = CODINGS[seen.labels.coding].names if seen.labels.coding in CODINGS else {}
    counts = seen.labels.counts
    shown = sorted(counts, key=lambda value: -counts[value])[:FEW]
    for value in (value for value in counts if value in shown):
        known = names.get(int(value[1:], 16) if value.startswith("#") else int(value)) if names else None
        yield f"#   {value}{f' {known}' if known else ''}: {counts[value]:.2%}"
    if len(counts) > FEW:
        yield f"#   {len(counts) - FEW} more: {1 - sum(counts[value] for value in shown):.2%}"


def _system(scene: Scene) -> str:
    crs = crs_of(scene.geobox)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.name


def _values(labels: LabelLook) -> dict[str, str]:
    """What each value stands for, where the coding does not say: a class, or `ignore`."""
    silent = dict.fromkeys(sorted(labels.silent), IGNORE)
    if labels.coding in CODINGS:
        return silent if len(silent) <= FEW else {OTHERS: IGNORE}
    if labels.coding == "vector" and labels.attribute is None:
        return {BACKGROUND: BACKGROUND, OTHERS: "road" if labels.lines else "feature"}
    if labels.coding == "vector":
        # Where features have the value that is the key of uncovered ground, they go without a key of their own.
        ground = OTHERS if BACKGROUND in labels.counts else BACKGROUND
        return {ground: BACKGROUND} | {value: value for value in labels.counts if value != BACKGROUND} | silent
    # Masks of two values are often 0 and 255.
    values = [value for value in labels.counts if value != str(NODATA) or len(labels.counts) == 2]
    return {value: f"class_{value.removeprefix('#')}" for value in values}


def _classes(labels: LabelLook) -> dict[str, str]:
    """The value of each class, by its name, where the coding has no legend."""
    classes = {name: value for value, name in _values(labels).items() if name != IGNORE}
    if len(classes) < 2:
        found = " and ".join(labels.counts) if labels.counts else "nothing"
        raise UsageError(
            f"the labels that were looked at hold {found} beside nodata; training needs two classes at least: check "
            "the nodata value of the labels."
        )
    if len(classes) >= NODATA:
        raise UsageError(
            f"the labels that were looked at hold {len(classes)} values, too many for classes ({NODATA - 1} at most); "
            "were masks stored with a loss, as JPEG does? Save them as PNG or TIFF."
        )
    return classes


def _legend(labels: LabelLook) -> Iterator[str]:
    if labels.coding in LEGENDS:
        yield f"legend = {_text(labels.coding)}"
        return
    yield ""
    yield "# Names and colours to be replaced."
    yield "[legend]"
    classes = _classes(labels)
    if labels.lines:
        yield 'road = "road"'
    yield "classes = ["
    for number, (name, value) in enumerate(classes.items()):
        colour = value if labels.coding == "colours" else _colour(number, len(classes))
        yield f"    {{ name = {_text(name)}, colour = {_text(colour)} }},"
    yield "]"


def _colour(number: int, of: int) -> str:
    red, green, blue = (round(FULL_SCALE * part) for part in colorsys.hsv_to_rgb(number / of, 0.6, 0.8))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _bands(seen: Look) -> list[str]:
    kinds = {tuple(bands[number - 1].name for number in seen.chosen) for bands in seen.bands}
    names = list(kinds.pop())
    if kinds or len(set(names)) < len(names) or "undefined" in names:
        return [f"band {number}" for number in seen.chosen]
    return names


def _card(seen: Look) -> Iterator[str]:
    yield "[card]"
    yield f"bands = {json.dumps(_bands(seen))}"
    yield f"gsd_m = {_gsd(seen):.3g}  # images are resampled to it"
    yield f"tile = {_window(seen) * 2}"
    yield f"overlap = {_window(seen) // 2}"
    if set(seen.limits) != {"uint8"}:
        yield "# Values become 0–255, as networks take them: (value - offset) * gain, cut off there."
    for dtype, (low, high) in seen.limits.items():
        if dtype != "uint8":
            yield f"scaling.{dtype} = {{ offset = {low:.6g}, gain = {FULL_SCALE / max(high - low, 1e-6):.6g} }}"
        elif len(seen.limits) > 1:
            yield "scaling.uint8 = { offset = 0, gain = 1 }"


def _gsd(seen: Look) -> float:
    return float(np.median([np.mean(scene.gsd_m) for scene in seen.scenes])) if seen.scenes else 1.0


def _window(seen: Look) -> int:
    smallest = min(min(shape) for shape in seen.shapes)
    return next((side for side in WINDOWS[1:] if side <= smallest), WINDOWS[-1])


def _labels(seen: Look) -> Iterator[str]:
    labels = seen.labels
    yield f"bands = {list(seen.chosen)}"
    if not seen.scenes:
        yield f"gsd_m = {_gsd(seen):.3g}  # a guess: metres from one pixel to the next"
    yield f"coding = {_text(labels.coding)}"
    if labels.coding == "vector":
        if labels.attribute:
            yield f"attribute = {_text(labels.attribute)}"
        if labels.lines:
            yield "width_m = 6.0  # that lines are drawn in"
    values = _values(labels)
    if labels.coding in CODINGS and values:
        share = sum(labels.counts[value] for value in labels.silent)
        yield f"# Coding {labels.coding} does not have these, which {share:.2%} of the pixels have."
    elif values:
        yield f"# A list of classes where a label does not tell which of them; {_text(IGNORE)} where it says nothing."
    if values:
        yield "[data.values]"
    for value, name in values.items():
        yield f"{_text(value)} = {_text(name)}{_remark(value, labels)}"


def _remark(value: str, labels: LabelLook) -> str:
    if value == BACKGROUND:
        return "  # ground that no feature covers; it is ignored without this line"
    if value == OTHERS and labels.attribute is not None:
        return "  # features of all other values; ground that no feature covers is ignored"
    return ""


def _split(seen: Look) -> Iterator[str]:
    folders = sorted({pair.name.partition("/")[0] for pair in seen.files if "/" in pair.name})
    at_root = any("/" not in pair.name for pair in seen.files)
    yield "[data.split]"
    if len(seen.files) == 1:
        yield from _blocks(seen, 200)
    elif _overlap(seen):
        yield "# Some images show the same ground, so that images cannot be held out one by one."
        yield from _blocks(seen, 500)
    elif len(folders) > 1 and not at_root:
        customary = [folder for folder in folders if folder in ("val", "validation")]
        yield "# Images of one folder stay together; folders that show the same ground belong in one group."
        yield from (
            'by = "group"',
            f"validation = {json.dumps(customary) if customary else 0.2}",
            "[data.split.groups]",
        )
        yield from (f"{_text(folder)} = [{_text(f'{escape(folder)}/*')}]" for folder in folders)
    else:
        yield from ('by = "image"  # or "group", "block"', "validation = 0.2")


def _blocks(seen: Look, usual_m: float) -> Iterator[str]:
    """A split by squares of the usual side, or so much smaller that each side of an image has some of them."""
    shown_m = min(map(min, seen.shapes)) * _gsd(seen)
    yield from ('by = "block"', "validation = 0.2")
    yield f"block_m = {float(f'{min(usual_m, shown_m / SQUARES):.2g}')}  # side of squares of ground"


def _overlap(seen: Look) -> bool:
    shapes = [footprint(scene.geobox) for scene in seen.scenes]
    return any(one.intersects(other) for one, other in combinations(shapes, 2))
