"""Estimate memory, disk space and time of a batch before it starts, and compare them with the machine."""

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest
from pathlib import Path

from rich.filesize import decimal

from geoseg.models.texts import without_secrets
from geoseg.pages.page import duration
from geoseg.prediction.enough_memory import lacking
from geoseg.prediction.plan import Plan
from geoseg.sentences import counted
from geoseg.tiling import roi_shape

from .manifest import Record

_LISTED = 10
"""Maximum number of scenes to name; the others are counted."""
_SHOWN = 3
"""Maximum number of errors to show before the batch starts; each is shown again when its scene fails."""


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What a batch needs; memory and disk are upper estimates."""

    scenes: int
    """Number of scenes to predict."""
    pixels: int
    """Pixels of all scenes, on the model's grid."""
    memory: int
    """Bytes for the process that predicts the largest scene."""
    disk: int
    """Bytes of all results, and of the largest work folders that exist at the same time."""
    earlier: int
    """Number of earlier scenes from which the rate was measured."""
    pixels_per_s: float | None
    """Rate of earlier scenes in this folder with the same engine; None without any."""
    problems: tuple[str, ...]
    """A sentence for each scene that does not fit the memory, the largest first, and one if the disk is too small."""
    failing: tuple[str, ...] = ()
    """Errors of scenes that cannot be planned, and will fail."""

    @property
    def seconds(self) -> float | None:
        """Time of the batch; None if no rate is known."""
        return None if self.pixels_per_s is None else self.pixels / self.pixels_per_s

    def __str__(self) -> str:
        if not self.scenes:
            return f"{counted(len(self.failing), 'scene')} cannot be planned."  # their errors follow at once
        needs = f"up to {decimal(self.memory)} of memory and {decimal(self.disk)} of disk space"
        time = "the time is known after the first scenes"
        if self.seconds is not None:
            time = f"about {duration(self.seconds)} at the rate of {counted(self.earlier, 'earlier scene')}"
        return f"{counted(self.scenes, 'scene')}, {self.pixels / 1e6:,.1f} megapixels: {needs}; {time}.{self._failing}"

    @property
    def _failing(self) -> str:
        if not self.failing:
            return ""
        first = f"; the first {_SHOWN}" if len(self.failing) > _SHOWN else ""
        listed = " ".join(self.failing[:_SHOWN])
        return f" {counted(len(self.failing), 'other scene')} cannot be planned{first}: {listed}"


@dataclass(frozen=True, kw_only=True)
class _Need:
    """Needs of a scene."""

    source: str
    pixels: int
    memory: int
    results: int
    work: int


def check(
    plans: Iterable[Plan],
    folder: Path,
    *,
    records: Iterable[Record] = (),
    together: int = 2,
    memory: int | None = None,
    failing: Iterable[str] = (),
) -> Preflight:
    """Compare the needs of the planned scenes with this machine; nothing is predicted or refused.

    Parameters
    ----------
    plans
        Scenes to predict; they are not kept.
    folder
        Folder of the results, which may not exist yet. Only its disk is checked.
    records
        Earlier records of the folder, for the rate.
    together
        Scenes whose work files are in the folder at the same time: one is read while another is finished.
    memory
        Bytes that a process which predicts may use; None if that is not known.
    failing
        Errors of scenes that could not be planned.
    """
    needs: list[_Need] = []
    engines: set[str] = set()
    for plan in plans:
        engines.add(str(plan.runtime))
        needs.append(
            _Need(
                source=without_secrets(plan.scene.source),
                pixels=math.prod(roi_shape(plan.roi)),
                memory=plan.memory,
                results=plan.result_disk,
                work=plan.work_disk,
            )
        )
    of_engine = [each for each in records if each.state == "done" and each.pixels and each.engine in engines]
    disk = sum(each.results for each in needs) + sum(nlargest(together, (each.work for each in needs)))
    return Preflight(
        scenes=len(needs),
        pixels=sum(each.pixels for each in needs),
        memory=max((each.memory for each in needs), default=0),
        disk=disk,
        earlier=len(of_engine),
        pixels_per_s=_rate(of_engine),
        problems=(*(() if memory is None else _lacking_memory(needs, memory)), *_lacking_disk(needs, disk, folder)),
        failing=tuple(failing),
    )


def _rate(records: Sequence[Record]) -> float | None:
    """Return pixels per second while at least one of the scenes was in progress; None without any."""
    spans = sorted((datetime.fromisoformat(each.started), datetime.fromisoformat(each.ended)) for each in records)
    busy = timedelta()
    reached = None
    for start, end in spans:
        begin = start if reached is None else max(start, reached)
        busy += max(end - begin, timedelta())
        reached = end if reached is None else max(end, reached)
    return sum(each.pixels for each in records) / busy.total_seconds() if busy else None


def _lacking_memory(needs: Iterable[_Need], memory: int) -> Iterator[str]:
    larger = sorted((each for each in needs if each.memory > memory), key=lambda each: -each.memory)
    for each in larger[:_LISTED]:
        yield lacking(each.source, each.memory, memory)
    if more := larger[_LISTED:]:
        yield f"{counted(len(more), 'more scene')} may need more memory than the {decimal(memory)} that are available."


def _lacking_disk(needs: Iterable[_Need], disk: int, folder: Path) -> Iterator[str]:
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(existing).free
    if disk > free:
        largest = sorted(needs, key=lambda each: -each.results)[:_LISTED]
        named = ", ".join(f"{each.source} ({decimal(each.results)})" for each in largest)
        yield (
            f"the results may need {decimal(disk)} with their work files, and {folder} has {decimal(free)} free; free "
            f"some, or choose another `folder`. The largest: {named}."
        )
