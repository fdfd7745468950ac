"""A starting recipe for labelled imagery: what was found, and choices that suit it."""

import colorsys
import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from rasterio.enums import ColorInterp

from geoseg.models.legend import NODATA
from geoseg.scene import Scene, crs_of

from .codings import CODINGS, LEGENDS
from .labels import BACKGROUND, IGNORE, OTHERS
from .looking import LabelLook, Look, look
from .splits import footprint

WINDOWS = (512, 256, 128, 64)
"""Sides of a training window to choose from."""
FULL_SCALE = 255


def describe_data(images: str | Path, labels: str | Path | None = None) -> str:
    """A commented recipe in TOML to begin with, for images and labels that `geoseg.training.discovery` pairs.

    It says what was found: bands, data type, GSD, the values of labels and their shares. Classes of labels that are not
    of a built-in coding have names to be replaced.

    Raises
    ------
    SceneError, UsageError
        If images and labels cannot be paired, or one of them cannot be opened.
    """
    place = str(Path(images).absolute())
    seen = look(place, None if labels is None else str(Path(labels).absolute()))
    name = Path(place).name if Path(place).is_dir() else Path(place).parent.name
    lines = [
        f"# {len(seen.files)} images with labels were found; {len(seen.shapes)} of them were looked at.",
        *_found(seen),
        "",
        "seed = 0",
        *_legend(seen.labels),
        "",
        "[network]",
        'preset = "attention_resunet"',
        "width = 16",
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
        'terms = [{ name = "cross_entropy" }]',
        'class_weights = "median-frequency"  # or "none", "effective-number"',
        "",
        "[schedule]",
        "epochs = 40",
        "steps = 100",
        "batch = 8",
        f"window = {_window(seen)}",
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _found(seen: Look) -> Iterator[str]:
    sizes = sorted({f"{width} × {height}" for height, width in seen.shapes}, key=len)
    kinds = ", ".join(band.name for band in seen.bands)
    span = " to ".join(dict.fromkeys((sizes[0], sizes[-1])))
    yield f"# Images: {len(seen.bands)} bands ({kinds}) of {seen.dtype}, {span} pixels."
    yield f"# 98 % of the values lie in {seen.limits[0]:g} to {seen.limits[1]:g}."
    if seen.scenes:
        steps = sorted({f"{np.mean(scene.gsd_m):.3g}" for scene in seen.scenes}, key=float)
        systems = ", ".join(sorted({_system(scene) for scene in seen.scenes})[:3])
        yield f"# Ground sample distance: {' to '.join(dict.fromkeys((steps[0], steps[-1])))} m; CRS {systems}."
    else:
        yield "# The images have no georeference: their ground sample distance is a guess."
    unit = "features" if seen.labels.coding == "vector" else "pixels"
    yield f"# Labels ({seen.labels.coding}), share of {unit}:"
    names = CODINGS[seen.labels.coding].names if seen.labels.coding in CODINGS else {}
    for value, share in seen.labels.counts.items():
        known = names.get(int(value[1:], 16) if value.startswith("#") else int(value)) if names else None
        yield f"#   {value}{f' {known}' if known else ''}: {share:.2%}"


def _system(scene: Scene) -> str:
    crs = crs_of(scene.geobox)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.name


def _classes(labels: LabelLook) -> dict[str, str]:
    """A class name for each value that stands for a class."""
    if labels.coding == "vector" and labels.attribute is None:
        return {BACKGROUND: BACKGROUND, OTHERS: "road" if labels.lines else "feature"}
    if labels.coding == "vector":
        return {value: value for value in labels.counts}
    # Masks of two values are often 0 and 255.
    values = [value for value in labels.counts if value != str(NODATA) or len(labels.counts) == 2]
    return {value: f"class_{value.removeprefix('#')}" for value in values}


def _legend(labels: LabelLook) -> Iterator[str]:
    if labels.coding in LEGENDS:
        yield f"legend = {_text(labels.coding)}"
        return
    yield ""
    yield "# Names and colours to be replaced."
    yield "[legend]"
    classes = _classes(labels)
    if "road" in classes.values():
        yield 'road = "road"'
    yield "classes = ["
    for number, (value, name) in enumerate(classes.items()):
        colour = value if value.startswith("#") else _colour(number, len(classes))
        yield f"    {{ name = {_text(name)}, colour = {_text(colour)} }},"
    yield "]"


def _colour(number: int, of: int) -> str:
    red, green, blue = (round(FULL_SCALE * part) for part in colorsys.hsv_to_rgb(number / of, 0.6, 0.8))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _card(seen: Look) -> Iterator[str]:
    numbers = _bands(seen)
    names = [seen.bands[number - 1].name for number in numbers]
    if len(set(names)) < len(names) or "undefined" in names:
        names = [f"band {number}" for number in numbers]
    yield "[card]"
    yield f"bands = {json.dumps(names)}"
    yield f"gsd_m = {_gsd(seen):.3g}  # images are resampled to it"
    yield f"tile = {_window(seen) * 2}"
    yield f"overlap = {_window(seen) // 2}"
    if seen.dtype != "uint8":
        low, high = seen.limits
        yield "# Values become 0–255, as networks take them: (value - offset) * gain."
        yield f"scaling.{seen.dtype} = {{ offset = {low:.6g}, gain = {FULL_SCALE / max(high - low, 1e-6):.6g} }}"


def _bands(seen: Look) -> list[int]:
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(colour in seen.bands for colour in colours):
        return [seen.bands.index(colour) + 1 for colour in colours]
    return [number for number, band in enumerate(seen.bands, 1) if band != ColorInterp.alpha][:3]


def _gsd(seen: Look) -> float:
    return float(np.median([np.mean(scene.gsd_m) for scene in seen.scenes])) if seen.scenes else 1.0


def _window(seen: Look) -> int:
    smallest = min(min(shape) for shape in seen.shapes)
    return next((side for side in WINDOWS[1:] if side <= smallest), WINDOWS[-1])


def _labels(seen: Look) -> Iterator[str]:
    labels = seen.labels
    yield f"bands = {_bands(seen)}"
    if not seen.scenes:
        yield f"gsd_m = {_gsd(seen):.3g}  # a guess: metres from one pixel to the next"
    yield f"coding = {_text(labels.coding)}"
    if labels.coding == "vector":
        if labels.attribute:
            yield f"attribute = {_text(labels.attribute)}"
        if labels.lines:
            yield "width_m = 6.0  # that lines are drawn in"
    if labels.coding not in CODINGS:
        yield f"# A list of classes where a label does not tell which of them; {_text(IGNORE)} where it says nothing."
        yield "[data.values]"
        for value, name in _classes(labels).items():
            yield f"{_text(value)} = {_text(name)}"


def _split(seen: Look) -> Iterator[str]:
    folders = sorted({pair.name.partition("/")[0] for pair in seen.files if "/" in pair.name})
    at_root = any("/" not in pair.name for pair in seen.files)
    yield "[data.split]"
    if len(seen.files) == 1:
        yield from ('by = "block"', "validation = 0.2", "block_m = 200.0  # side of the squares of ground")
    elif _overlap(seen):
        yield "# Some images show the same ground, so that images cannot be held out one by one."
        yield from ('by = "block"', "validation = 0.2", "block_m = 500.0")
    elif len(folders) > 1 and not at_root:
        customary = [folder for folder in folders if folder in ("val", "validation")]
        yield "# Images of one folder stay together; folders that show the same ground belong in one group."
        yield from (
            'by = "group"',
            f"validation = {json.dumps(customary) if customary else 0.2}",
            "[data.split.groups]",
        )
        yield from (f"{_text(folder)} = [{_text(f'{folder}/*')}]" for folder in folders)
    else:
        yield from ('by = "image"  # or "group", "block"', "validation = 0.2")


def _overlap(seen: Look) -> bool:
    shapes = [footprint(scene.geobox) for scene in seen.scenes]
    return any(one.intersects(other) for one, other in combinations(shapes, 2))
