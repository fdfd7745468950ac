"""Resolve a recipe: check it against legend and network, and split it into the parts of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoseg.errors import UsageError
from geoseg.models.bundle import Card, Scaling, read_card
from geoseg.models.legend import Legend
from geoseg.models.networks.backbones import ENCODERS
from geoseg.models.networks.presets import PRESETS
from geoseg.models.shipped import find_model
from geoseg.tiling.window import FAMILIES
from geoseg.version import __version__

from .label_sets import LabelSets, build_legend, collect_label_sets
from .learning import Augmentation, ClassWeights, Loss, LossTerm, Schedule, TeacherTable
from .recipe import DataSet, Network, Recipe, Rendered


@dataclass(frozen=True, kw_only=True)
class Run:
    """A checked recipe, split into parts."""

    card: Card
    """Card of the bundle; epochs and metrics are added at the end."""
    mantissa_bits: int | None
    """Mantissa bits of the weights that the bundle keeps; None for all."""
    labels: LabelSets
    network: Network
    """With its depth, and the path of its initial bundle."""
    data: tuple[DataSet, ...]
    rendered: Rendered | None
    loss: Loss
    augmentation: Augmentation
    schedule: Schedule
    seed: int
    teachers: tuple[TeacherTable, ...] = ()
    """With the paths of their bundles."""


def resolve(recipe: Recipe) -> Run:
    """Check a recipe as far as possible without opening its imagery.

    Raises UsageError for contradictions, or an unknown legend, class, preset, encoder or window; BundleError if the
    initial bundle or a teacher does not exist.
    """
    legend = build_legend(recipe.legend)
    depth = _find_depth(recipe.network)
    initial = None if recipe.network.initial is None else str(find_model(recipe.network.initial))
    multiple, window = 2**depth, recipe.schedule.window
    if window % multiple:
        raise UsageError(f"schedule.window is {window}; for this network it must be a multiple of {multiple}.")
    card = _build_card(recipe, legend, multiple)
    _check_data(recipe)
    _check_class_weights(recipe.loss, legend)
    _check_terms(recipe.loss)
    mappings = [(entry.name, entry.values) for entry in recipe.data]
    if recipe.rendered is not None:
        mappings.append(("rendered", recipe.rendered.values))
    labels = collect_label_sets(legend, mappings)
    teachers = tuple(_find_teacher(choice, card, recipe.schedule) for choice in recipe.teacher)
    if not labels.partial.any() and not all(teacher.weight for teacher in teachers):
        raise UsageError(
            "no label leaves open which class a pixel is, so that the teacher has none to name; set teacher.weight for "
            "its probabilities to be learnt, or leave the teacher out."
        )
    return Run(
        card=card,
        mantissa_bits=recipe.card.mantissa_bits,
        labels=labels,
        network=recipe.network.model_copy(update={"depth": depth, "initial": initial}),
        data=tuple(recipe.data),
        rendered=recipe.rendered,
        loss=recipe.loss,
        augmentation=recipe.augmentation,
        schedule=recipe.schedule,
        seed=recipe.seed,
        teachers=teachers,
    )


def _find_teacher(choice: TeacherTable, card: Card, schedule: Schedule) -> TeacherTable:
    """Find the bundle of a teacher; UsageError if it cannot teach this network."""
    if choice.bundle is None and not schedule.ema:
        raise UsageError("a teacher without a bundle is the average of the network's weights; set schedule.ema.")
    if choice.bundle is None:
        return choice
    bundle = find_model(choice.bundle)
    known = read_card(bundle)
    if known.bands != card.bands:
        raise UsageError(
            f"the teacher {choice.bundle} sees {', '.join(known.bands)}, but the recipe's bands are "
            f"{', '.join(card.bands)}; they must be the same."
        )
    if not set(known.legend.names) & set(card.legend.names):
        raise UsageError(
            f"the teacher {choice.bundle} knows {', '.join(known.legend.names)}, none of which is in the legend: "
            f"{', '.join(card.legend.names)}."
        )
    if schedule.window % known.multiple:
        raise UsageError(
            f"schedule.window is {schedule.window}; for the teacher it must be a multiple of {known.multiple}."
        )
    return choice.model_copy(update={"bundle": str(bundle)})


def _find_depth(network: Network) -> int:
    """Find the number of halvings of a network."""
    if network.preset not in PRESETS:
        raise UsageError(f"preset {network.preset!r} is unknown; choose one of {', '.join(PRESETS)}.")
    if network.encoder is None:
        return network.depth or PRESETS[network.preset].depth
    if network.encoder not in ENCODERS:
        raise UsageError(f"encoder {network.encoder!r} is unknown; choose one of {', '.join(ENCODERS)}.")
    depth = ENCODERS[network.encoder].depth
    if network.depth not in (None, depth):
        raise UsageError(
            f"network.depth is {network.depth}, but encoder {network.encoder} halves {depth} times; leave it out."
        )
    return depth


def _build_card(recipe: Recipe, legend: Legend, multiple: int) -> Card:
    choice = recipe.card
    if choice.window not in FAMILIES:
        raise UsageError(f"card.window {choice.window!r} is unknown; choose one of {', '.join(FAMILIES)}.")
    try:
        return Card(
            name=recipe.name,
            version=recipe.version,
            bands=tuple(choice.bands),
            scaling={dtype: Scaling(offset=entry.offset, gain=entry.gain) for dtype, entry in choice.scaling.items()},
            gsd_m=choice.gsd_m,
            gsd_range_m=None if choice.gsd_range_m is None else (choice.gsd_range_m[0], choice.gsd_range_m[1]),
            tile=choice.tile,
            overlap=choice.overlap,
            window=choice.window,
            multiple=multiple,
            legend=legend,
            provenance={
                "geoseg": __version__,
                "preset": recipe.network.preset,
                "width": recipe.network.width,
                "epochs": 0,
                "license": choice.license,
                "attribution": choice.attribution,
                "metrics": {},
                "recipe": _portable(recipe),
            },
        )
    except ValueError as error:
        raise UsageError(f"the recipe's card cannot be used: {error}") from error


def _portable(recipe: Recipe) -> dict[str, Any]:
    """Dump a recipe with relative paths: a bundle must not reveal the machine it was trained on."""
    document: dict[str, Any] = recipe.model_dump(exclude_none=True, exclude={"root"})
    for entry in document["data"]:
        entry.update((key, _make_relative(entry[key], recipe.root)) for key in ("images", "labels") if key in entry)
    network = document["network"]
    network.update((key, Path(network[key]).name) for key in ("encoder_weights", "initial") if key in network)
    for teacher in document["teacher"]:
        if "bundle" in teacher:
            teacher["bundle"] = Path(teacher["bundle"]).name
    return document


def _make_relative(path: str, root: str) -> str:
    """Make a path relative to `root`; of a path elsewhere, keep the last part."""
    place = Path(path)
    return str(place.relative_to(root)) if place.is_relative_to(root) else place.name


def _check_data(recipe: Recipe) -> None:
    if not recipe.data and recipe.rendered is None:
        raise UsageError(f"recipe {recipe.name} has no data: add a data set, or rendered scenes.")
    names = [entry.name for entry in recipe.data]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UsageError(f"two data sets are named {repeated[0]!r}; give each a name of its own.")
    for entry in recipe.data:
        if entry.bands is not None and len(entry.bands) != len(recipe.card.bands):
            raise UsageError(
                f"data set {entry.name} takes bands {', '.join(map(str, entry.bands))}; "
                f"the card has {len(recipe.card.bands)} ({', '.join(recipe.card.bands)})."
            )


def _check_class_weights(loss: Loss, legend: Legend) -> None:
    places: dict[str, ClassWeights | None] = {"loss": loss.class_weights}
    places |= {f"loss.terms[{number}]": term.class_weights for number, term in enumerate(loss.terms)}
    for place, weights in places.items():
        if not isinstance(weights, dict):
            continue
        for name in weights:
            if name not in legend.names:
                raise UsageError(f"{place}.class_weights names {name!r}; the legend has {', '.join(legend.names)}.")
        if not any(weights.get(name, 1.0) for name in legend.names):
            raise UsageError(f"{place}.class_weights are 0 for every class; give one class a weight.")


def _check_terms(loss: Loss) -> None:
    """Refuse parameters of a loss that none of its terms has."""
    for number, term in enumerate(loss.terms):
        for key, owner in (("gamma", "focal"), ("alpha", "tversky")):
            if getattr(term, key) != LossTerm.model_fields[key].default and term.name != owner:
                raise UsageError(f"loss.terms[{number}].{key} is for {owner}, and changes nothing in {term.name}.")
    if loss.boundary_weight and not any(term.name in ("cross_entropy", "focal") for term in loss.terms):
        raise UsageError("loss.boundary_weight is for cross_entropy and focal, and loss.terms has neither.")
