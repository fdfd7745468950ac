"""The folder of models that the user added: a record and a bundle for each.

`<folder>/<name>/model.json` is the record; the bundle is `<folder>/<name>/<start of its SHA-256>/<name>.keras`. A model
is there once its record is, so replacing the record replaces the model at once.
"""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from geoseg.errors import BundleError
from geoseg.home import expanded, user_folder

from .archive import parse_json

RECORD = "model.json"
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class AddedModel:
    """A model that the user added."""

    name: str
    version: str
    """Of the bundle's card."""
    source: str
    """URL, without parts that may be secret, or path that the bundle was copied from."""
    sha256: str
    verified: bool
    """Whether the bundle was verified by an independent checksum, such as a registry's."""
    added: str
    """UTC, ISO 8601."""

    @property
    def path(self) -> Path:
        """The bundle, which may have been deleted."""
        return models_folder() / self.name / self.sha256[:16] / f"{self.name}.keras"

    def to_json(self) -> str:
        """Return the content of the record."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=2) + "\n"


def models_folder() -> Path:
    """Return the folder of added models, which may not exist: `GEOSEG_MODELS`, or a folder of the user's data.

    Raises BundleError if the user has no home, and the folder in its place is not the user's alone.
    """
    if given := os.environ.get("GEOSEG_MODELS"):
        return expanded(given).absolute()
    try:
        return user_folder("XDG_DATA_HOME", "~/.local/share").absolute() / "geoseg" / "models"
    except OSError as error:
        raise BundleError(
            f"there is no home folder for added models, and {error.filename} is not used instead "
            f"({error.strerror}); set the environment variable GEOSEG_MODELS to a folder of your own."
        ) from error


def is_model_name(text: str) -> bool:
    """Whether a text can name a model: ASCII letters, digits, `_` and `-`, so never a path."""
    return _NAME.fullmatch(text) is not None


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 in lower case."""
    return _SHA256.fullmatch(text) is not None


def added_models() -> dict[str, AddedModel | BundleError]:
    """Return the added models by name, or the fault of their records; raises BundleError as `models_folder`."""
    found: dict[str, AddedModel | BundleError] = {}
    try:
        names = sorted(entry.name for entry in os.scandir(models_folder()) if is_model_name(entry.name))
    except OSError:  # there is no such folder, or it is closed to this user
        return found
    for name in names:
        try:
            model = added_model(name)
        except BundleError as error:
            found[name] = error
        else:
            if model is not None:
                found[name] = model
    return found


def added_model(name: str) -> AddedModel | None:
    """Return an added model, or None; raises BundleError if its record cannot be read, and as `models_folder`."""
    if not is_model_name(name):
        return None
    record = models_folder() / name / RECORD
    try:
        document = parse_json(record.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(name, record) from error
    try:
        values = {key: document[key] for key in ("version", "source", "sha256", "verified", "added")}
        model = AddedModel(name=name, **values)
        if document["format"] != _FORMAT or not is_sha256(model.sha256):
            raise _unreadable(name, record)
    except (KeyError, TypeError) as error:
        raise _unreadable(name, record) from error
    return model


def _unreadable(name: str, record: Path) -> BundleError:
    return BundleError(
        f"the record {record} of model {name} cannot be read; remove the model with `geoseg models remove {name}`, and "
        "add it again."
    )
