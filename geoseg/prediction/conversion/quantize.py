"""Add an 8-bit form of its network to a model, and measure how well the two agree on other images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import compress, cycle, islice
from pathlib import Path
from typing import Unpack

from geoseg.datasets.listing import find_images
from geoseg.errors import SceneError, UsageError
from geoseg.files import whole
from geoseg.models.bundle import INT8, Card, name_copy, read_card
from geoseg.models.engines.engine import EngineOptions
from geoseg.models.engines.on_openvino import OpenVINOEngine
from geoseg.models.int8.quantize import make_form, require_nncf
from geoseg.models.int8.stored import write_form
from geoseg.models.shipped import find_model
from geoseg.prediction.inputs.pooling import pool_stretch
from geoseg.prediction.settings import ImageryOptions, Settings
from geoseg.tiling.progress import Progress, no_progress

from .agreement import Agreement, compare
from .sample_tiles import Sample, deal_tiles, read_samples

_SHARE = 5
"""Every fifth image, or tile of a single image, is held out."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """A model with an 8-bit form, and how well that agrees with float32."""

    path: Path
    calibration_tiles: int
    """Number of tiles that it was calibrated on."""
    agreement: Agreement
    """Between float32 and int8, on tiles that it was not calibrated on."""


@dataclass(frozen=True, kw_only=True)
class _Pick:
    """Tiles of an image."""

    image: Path
    count: int
    """Consider this many tiles with data."""
    pattern: tuple[bool, ...] = (True,)
    """Which of these to take, repeated."""


def quantize(
    model: str | Path,
    output: str | Path | None = None,
    *,
    calibrate: str | Path | Sequence[str | Path],
    tiles: int = 100,
    overwrite: bool = False,
    progress: Progress = no_progress,
    **imagery: Unpack[ImageryOptions],
) -> Quantization:
    """Write a copy of a model with an 8-bit form of its network, for `precision="int8"`.

    Every fifth image is held out from calibration, and float32 and int8 are compared on it; of a single image, every
    fifth tile. The comparison becomes part of the model's provenance.

    Parameters
    ----------
    model
        Name of a model, as `geoseg models` lists it, or path of a bundle.
    output
        Bundle to write; by default `<model>_int8.keras` in the current folder.
    calibrate
        Images like those to predict: a folder, a glob pattern, a file, or several of these. Images without a
        georeference are assumed to have the model's GSD.
    tiles
        Largest number of tiles to calibrate on, spread over the images; a quarter as many are compared.
    overwrite
        Replace an existing bundle.
    progress
        Called before each tile with the tiles done, all tiles, and the purpose and image of the tile.
    **imagery
        bands, nodata, stretch, stretch_from: how to read the images, as in `geoseg.Settings`.

    Raises
    ------
    UsageError, DataError, SceneError, BundleError, OutputError
        With one sentence: what was found, what was expected, what to do.
    """
    require_nncf()
    if tiles < 1:
        raise UsageError(f"`tiles` must be at least 1, got {tiles}.")
    bundle = find_model(model)
    card = read_card(bundle)
    target = name_copy(bundle, "int8", output, overwrite=overwrite)
    places = [calibrate] if isinstance(calibrate, str | Path) else calibrate
    calibration, held_out = _split(find_images(*map(str, places)), tiles)
    images = dict.fromkeys(str(pick.image) for pick in (*calibration, *held_out))
    settings = pool_stretch(list(images), card, Settings(**imagery), gsd_m=card.gsd_m)
    imagery |= {"bands": settings.bands, "nodata": settings.nodata_values, "stretch": settings.stretch}
    read = partial(_read, card, imagery, progress)
    with whole(target) as new:
        pixels = (sample.pixels for sample in read(calibration, "calibrate on"))
        form, calibrated = make_form(bundle, pixels, most=tiles)
        write_form(bundle, form, card, new)
        agreement = compare(
            OpenVINOEngine(bundle),
            OpenVINOEngine(new, EngineOptions(precision="int8")),
            ((sample.pixels, sample.valid) for sample in read(held_out, "compare on")),
            card.legend,
        )
        figures = _describe(calibrated, agreement)
        write_form(bundle, form, replace(card, provenance={**card.provenance, INT8: figures}), new)
    return Quantization(path=target, calibration_tiles=calibrated, agreement=agreement)


def _describe(calibrated: int, agreement: Agreement) -> dict[str, str | float]:
    """Return the provenance of an 8-bit form, for the card."""
    return {
        "made_with": f"NNCF {version('nncf')}, OpenVINO {version('openvino')}",
        "calibration_tiles": calibrated,
        "held_out_tiles": agreement.tiles,
        "held_out_pixels": agreement.pixels,
        "same_class_as_float32": agreement.same_class,
        **{f"same_class_as_float32, {name}": share for name, share in agreement.by_class.items()},
        "mean_probability_difference": agreement.probability_difference,
    }


def _read(
    card: Card, imagery: ImageryOptions, progress: Progress, picks: Sequence[_Pick], purpose: str
) -> Iterator[Sample]:
    """Yield the tiles of `picks`, and report their number; raises SceneError if there are none."""
    number, most = 0, sum(pick.count for pick in picks)
    for pick in picks:
        samples = read_samples(pick.image, card, card.tile, spread=True, **imagery)
        for sample in compress(islice(samples, pick.count), cycle(pick.pattern)):
            progress(number, most, f"{purpose} {pick.image.name}")
            yield sample
            number += 1
    if not number:
        found = f"{picks[0].image}{' and others' * (len(picks) > 1)}"
        raise SceneError(f"{found}: no tile with data to {purpose}; add images to `calibrate`.")


def _split(images: Sequence[Path], tiles: int) -> tuple[list[_Pick], list[_Pick]]:
    """Choose about `tiles` tiles to calibrate on, and a quarter as many to compare on."""
    compared = -(-tiles // (_SHARE - 1))
    if len(images) == 1:
        held_out = (True, *[False] * (_SHARE - 1))
        all_tiles = _Pick(image=images[0], count=tiles + compared, pattern=held_out)
        return [replace(all_tiles, pattern=tuple(not each for each in held_out))], [all_tiles]
    others = [image for number, image in enumerate(images) if number % _SHARE]
    return _spread(others, tiles), _spread(images[::_SHARE], compared)


def _spread(images: Sequence[Path], tiles: int) -> list[_Pick]:
    """Take `tiles` tiles of images, of each about as many."""
    dealt = zip(images, deal_tiles(tiles, len(images)), strict=True)
    return [_Pick(image=image, count=count) for image, count in dealt if count]
