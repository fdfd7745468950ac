"""Events of a batch, for progress bars, reports and other programs alike."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

from .manifest import Record


@dataclass(frozen=True)
class Started:
    """The scenes are planned; prediction starts."""

    scenes: int
    """Number of scenes to predict."""
    pixels: int
    """Pixels of all scenes to predict, on the model's grid."""
    skipped: int
    """Number of scenes that were done before."""
    needs: str = ""
    """Estimate of memory, disk space and time, as a sentence."""


@dataclass(frozen=True)
class SceneStarted:
    """A scene starts, or starts again after a failure: none of its pixels are done."""

    scene: str
    name: str
    pixels: int
    note: str = ""
    """Explains a slow first run on a machine."""


@dataclass(frozen=True)
class BlockDone:
    """Another block of a scene is predicted."""

    scene: str
    pixels: int
    """Pixels of this block alone."""


@dataclass(frozen=True)
class SceneDone:
    """The results of a scene are written."""

    record: Record


@dataclass(frozen=True)
class SceneFailed:
    """A scene cannot be predicted or written."""

    record: Record
    again: bool
    """Whether the scene will be retried."""


@dataclass(frozen=True)
class Ended:
    """The batch ends; nothing follows."""

    done: int
    failed: int
    skipped: int
    seconds: float


Event = Started | SceneStarted | BlockDone | SceneDone | SceneFailed | Ended
Listener = Callable[[Event], None]


def to_json(event: Event) -> str:
    """Return an event as one line of JSON, with its type as `"event": "scene_done"`."""
    kind = re.sub("(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()
    return json.dumps({"event": kind, **asdict(event)}, allow_nan=False)
