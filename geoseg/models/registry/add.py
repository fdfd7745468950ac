"""Add models to the user's folder, from a registry or a bundle, on a server or on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from geoseg.errors import BundleError, UsageError
from geoseg.files import sha256_of, writing
from geoseg.models.added import AddedModel, is_sha256, models_folder
from geoseg.models.archive import CONFIG, parse_json, read_members
from geoseg.models.bundle import Card, read_card, read_summary
from geoseg.models.stock import check_classes
from geoseg.models.texts import without_secrets
from geoseg.work_folders import work_folder

from .download import download, is_url
from .folder import PARTS, check_name, find_same, locked, mark_verified, publish_model
from .wanted import Report, Wanted, check_place, choose, copy, fetch, no_report, read_entries

MAX_SIZE = 1_000_000_000
"""Largest download, unless the user allows more."""


@dataclass(frozen=True, kw_only=True)
class Addition:
    """A model that was asked for."""

    model: AddedModel
    card: Card
    new: bool
    """Whether it was added now; if not, the same bundle was there."""


def add_models(
    source: str | Path,
    *,
    names: Sequence[str] = (),
    sha256: str | None = None,
    max_size: int = MAX_SIZE,
    overwrite: bool = False,
    report: Report = no_report,
) -> Iterator[Addition]:
    """Add the models of a registry, or one bundle; yields each once it is there.

    An interrupted download resumes if a checksum is known with which to verify the whole file.

    Parameters
    ----------
    source
        URL (http or https) or path of a registry or a bundle.
    names
        Which models of a registry to add, by default all; or one name for a bundle, by default its card's.
    sha256
        Checksum of a bundle, without which it cannot be verified; a registry has one for each of its models.
    max_size
        Largest download, bytes.
    overwrite
        Replace models of the same names.
    report
        Called as bytes come.

    Raises
    ------
    BundleError
        If a file cannot be found or downloaded, is neither registry nor bundle, or does not have its checksum.
    UsageError
        If a name or the kind of URL cannot be used.
    OutputError
        If a model of that name was added before, or the folder cannot be written.
    """
    if sha256 is not None and not is_sha256(sha256 := sha256.lower()):
        raise UsageError(f"`sha256` must be 64 hexadecimal digits, not {sha256!r}.")
    folder, place = models_folder(), str(source)
    check_place(place)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder), writing(folder), work_folder(folder) as work:
        file = work / "source.keras"
        if sha256 is not None or fetch(place, file, max_size=max_size, report=report):
            if len(names) > 1:
                raise UsageError(f"{without_secrets(place)} is one bundle, and `names` has {len(names)}; give one.")
            wanted = [Wanted(place=place, name=names[0] if names else None, sha256=sha256)]
        else:
            wanted = choose(read_entries(file, place), place, names)
        for each in wanted:
            if each.name is not None and each.sha256 is not None:
                check_name(each.name, each.sha256, overwrite=overwrite)  # before any is downloaded
        for each in wanted:
            yield _add(each, file, max_size=max_size, overwrite=overwrite, report=report)


def _add(wanted: Wanted, file: Path, *, max_size: int, overwrite: bool, report: Report) -> Addition:
    """Put a bundle into the folder of models; `file` is the copy of the one that the user named, if any."""
    if wanted.name is not None and wanted.sha256 is not None:
        there = find_same(wanted.name, wanted.sha256)
        if there is not None:
            return Addition(model=mark_verified(there), card=read_card(there.path), new=False)
    if wanted.sha256 is not None and is_url(wanted.place):
        file = _download_verified(wanted, wanted.sha256, max_size=max_size, report=report)
    elif wanted.sha256 is not None:
        copy(Path(wanted.place), file)
    checksum = sha256_of(file)
    if wanted.sha256 not in (None, checksum):
        file.unlink()
        raise BundleError(
            f"{without_secrets(wanted.place)} has the SHA-256 {checksum}, not {wanted.sha256}: it was changed or "
            "damaged, or the checksum is out of date; ask those who publish it."
        )
    try:
        card = _check_bundle(file, wanted.place)
    except BundleError:
        file.unlink()
        raise
    name = card.name if wanted.name is None else wanted.name
    check_name(name, checksum, overwrite=overwrite)
    there = find_same(name, checksum)
    if there is not None:
        file.unlink()
        return Addition(model=mark_verified(there) if wanted.sha256 else there, card=card, new=False)
    model = AddedModel(
        name=name,
        version=card.version,
        source=without_secrets(wanted.place) if is_url(wanted.place) else str(Path(wanted.place).absolute()),
        sha256=checksum,
        verified=wanted.sha256 is not None,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    publish_model(file, model)
    return Addition(model=model, card=card, new=True)


def _download_verified(wanted: Wanted, sha256: str, *, max_size: int, report: Report) -> Path:
    """Download a file whose checksum is known, and return its path; a part of it that is there is resumed."""
    parts = models_folder() / PARTS
    with writing(parts):
        parts.mkdir(exist_ok=True)
    file = parts / f"{sha256}.keras"
    label = wanted.name or without_secrets(wanted.place).rpartition("/")[2]

    def get() -> None:
        download(
            wanted.place,
            file,
            most=max_size,
            size=wanted.size,
            resume=True,
            report=lambda *done: report(label, *done),
        )

    resumed = file.exists()
    get()
    if resumed and sha256_of(file) != sha256:  # it may have been replaced meanwhile
        file.unlink()
        get()
    return file


def _check_bundle(file: Path, place: str) -> Card:
    """Read the card of a bundle; raises BundleError, which names its `place`, unless its network may be loaded."""
    try:
        card = read_card(file)
        read_summary(file)
        (config,) = read_members(file, CONFIG)
        check_classes(file, parse_json(config))
    except BundleError as error:
        raise BundleError(str(error).replace(str(file), without_secrets(place))) from error
    return card
