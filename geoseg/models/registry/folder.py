"""Change the folder of added models: one process at a time, and a model at once or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.files import flush, lock, publish, sha256_of, write_text, writing
from geoseg.models.added import (
    RECORD,
    AddedModel,
    added_model,
    added_models,
    is_model_name,
    models_folder,
)
from geoseg.models.packaged import packaged_models
from geoseg.models.shipped import shipped_models
from geoseg.work_folders import WORK

PARTS = ".downloads"
"""Folder of downloads that broke off, named by the SHA-256 of the whole; no model's name begins with a dot."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the folder of models; what a killed one left of its work is removed."""
    with writing(folder):
        file = (folder / ".lock").open("w")
    with file:
        with writing(folder):
            lock(file, f"another command is adding or removing models in {folder}; wait for it.")
        for left in folder.glob(f"{WORK}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def check_name(name: str, sha256: str, *, overwrite: bool) -> None:
    """Raise UsageError or OutputError if a model cannot be added under a name."""
    if not is_model_name(name):
        raise UsageError(
            f"{name!r} cannot be the name of a model: use up to 64 letters, digits, _ and -, and set it with `names`."
        )
    if name in shipped_models():
        raise UsageError(f"geoseg ships a model named {name}; choose another name, in the registry or with `names`.")
    for packaged in packaged_models():
        if packaged.name == name:
            raise UsageError(f"{packaged.package} has a model named {name}; choose another name, or uninstall that.")
    if not overwrite and (models_folder() / name / RECORD).exists():
        there = added_model(name)
        if there is not None and there.sha256 != sha256:
            raise OutputError(
                f"model {name} was added before, from {there.source}; replace it with `overwrite=True`, or remove it "
                f"with `geoseg models remove {name}`."
            )


def find_same(name: str, sha256: str) -> AddedModel | None:
    """Return the model of a name if it was added before, is whole, and has this checksum."""
    try:
        there = added_model(name)
    except BundleError:
        return None
    whole = there is not None and there.path.is_file() and sha256_of(there.path) == sha256
    return there if whole else None


def mark_verified(model: AddedModel) -> AddedModel:
    """Record that a model was verified by an independent checksum, and return the updated model."""
    if model.verified:
        return model
    known = replace(model, verified=True)
    write_text(model.path.parent.parent / RECORD, known.to_json())
    return known


def publish_model(file: Path, model: AddedModel) -> None:
    """Move a checked bundle to its place; the record makes it the model of that name, and others go."""
    with writing(model.path):
        model.path.parent.mkdir(parents=True, exist_ok=True)
        flush(file)
        publish(file, model.path)
        folder = model.path.parent.parent
        write_text(folder / RECORD, model.to_json())
        for other in folder.iterdir():
            if other.is_dir() and other != model.path.parent:
                shutil.rmtree(other)


def remove_model(name: str) -> None:
    """Remove a model that was added; raises UsageError if there is none of that name."""
    folder = models_folder()
    if not is_model_name(name) or not (folder / name / RECORD).is_file():
        if name in shipped_models():
            raise UsageError(f"model {name} is shipped with geoseg and cannot be removed.")
        for packaged in packaged_models():
            if packaged.name == name:
                raise UsageError(f"model {name} belongs to {packaged.package}; uninstall that.")
        raise UsageError(f"no model {name} was added; added are: {', '.join(added_models()) or 'none'}.")
    with locked(folder), writing(folder / name):
        (folder / name / RECORD).unlink()  # from here on, the model is gone
        shutil.rmtree(folder / name)
