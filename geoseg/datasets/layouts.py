"""Customary folder layouts of labelled imagery, and how images and labels are named."""

import re
from collections.abc import Iterable
from pathlib import Path

from geoseg.errors import DataError
from geoseg.files import looking

CONVENTIONS = {
    "images": ("labels", "masks", "gt"),
    "leftImg8bit": ("gtFine",),
    "2_Ortho_RGB": ("5_Labels_all",),
    "3_Ortho_IRRG": ("5_Labels_all",),
    "4_Ortho_RGBIR": ("5_Labels_all",),
    "top": ("gts_for_participants",),
}
"""Names of image folders, and of the label folders next to them, regardless of case. The three image folders of
Potsdam share their labels: the first that exists is used."""

IMAGE_MARK = re.compile("_(leftImg8bit|RGB|IRRG|RGBIR|sat|image|img)$")
"""Suffix of image names, before the ending."""
LABEL_MARK = re.compile("(_(gtFine_labelIds|label|labels|mask|gt))?(_noBoundary)?$")
"""Suffix of label names."""
_CLASSES = re.compile("_classes$")
"""Suffix of reference classes beside their image."""
OTHER_LABELS = re.compile("_(gtFine_color|gtFine_instanceIds|gtFine_labelTrainIds|gtFine_polygons)$")
"""Suffix of other forms of the same labels, which are skipped."""
_POTSDAM = re.compile(
    r"top_potsdam_(?P<tile>\d+_\d+)_(?:(?P<form>RGB|IRRG|RGBIR)|label(?:_noBoundary)?)|dsm_potsdam_.*"
)
"""Names of ISPRS Potsdam: images of a tile, its labels, and surface models."""


@looking()
def without_labels(paths: Iterable[Path]) -> list[Path]:
    """Leave out label rasters: those in a customary label folder next to an image folder, or named like another raster.

    `a_label.tif` or `a_classes.tif` belongs to `a.tif` or `a_RGB.tif` in the same folder. ISPRS Potsdam is recognised
    by its file names, in any folder: of each tile, the RGB image is kept, or else the RGBIR image; surface models are
    left out, too. DataError if a tile has only an IRRG image, which nothing in the file distinguishes from RGB.
    """
    paths = list(paths)
    bare = {
        (path.parent, IMAGE_MARK.sub("", path.stem)) for path in paths if LABEL_MARK.sub("", path.stem) == path.stem
    }
    tiles: dict[str, dict[str, list[Path]]] = {}
    found = []
    for path in paths:
        potsdam = _POTSDAM.fullmatch(path.stem)
        name = _CLASSES.sub("", LABEL_MARK.sub("", path.stem))
        if potsdam is not None:
            tiles.setdefault(potsdam["tile"] or "", {}).setdefault(potsdam["form"] or "", []).append(path)
        elif OTHER_LABELS.search(path.stem) or _among_labels(path):
            continue
        elif name == path.stem or (path.parent, IMAGE_MARK.sub("", name)) not in bare:
            found.append(path)
    for forms in tiles.values():
        if images := forms.get("RGB") or forms.get("RGBIR"):
            found += images
        elif "IRRG" in forms:
            raise DataError(
                f"{forms['IRRG'][0]} shows infrared, red and green by its name; give the RGB images, or name the files "
                "themselves, with `bands`."
            )
    return sorted(found, key=paths.index)


def _among_labels(path: Path) -> bool:
    """Whether a file is in a customary label folder next to an image folder, at any depth."""
    for folder in path.parents:
        for images, siblings in CONVENTIONS.items():
            if any(same_name(folder.name, sibling) for sibling in siblings) and any(
                same_name(beside.name, images) for beside in folder.parent.iterdir() if beside.is_dir()
            ):
                return True
    return False


def same_name(name: str, customary: str) -> bool:
    """Whether a file or folder has a customary name, regardless of case."""
    return name.casefold() == customary.casefold()
