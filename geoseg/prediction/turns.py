"""Predict scenes in turn: the next is read and scored while the files of the last are written."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from geoseg.errors import GeosegError, MismatchError, OutputError, SceneError
from geoseg.tiling import GRACE_S, in_thread
from geoseg.tiling.progress import Progress

from .results import Prediction
from .run import Run, ignore

Outcome = Prediction | GeosegError
"""Of one scene among several."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A scene to predict when the scenes before it are predicted."""

    source: str
    """Path or URL for GDAL."""
    begin: Callable[[], Run]
    """Plans the run; its errors are those of the scene."""
    progress: Callable[[], Progress]
    """Called when the run begins, for the progress of its blocks."""
    published: Callable[[Prediction], None] = ignore
    """See `Run.finish`; called in another thread, for one scene at a time."""


T = TypeVar("T", bound=Turn)
Judge = Callable[[Exception], GeosegError | None]
"""Returns the error of a scene if it says nothing about other scenes, else None."""


def of_one_scene(error: Exception) -> GeosegError | None:
    """Judge errors by their kind."""
    return error if isinstance(error, SceneError | OutputError | MismatchError) else None


def take_turns(turns: Iterable[T], judge: Judge) -> Iterator[tuple[T, Outcome]]:
    """Predict scenes one after the other, and yield each with its result or error, in order.

    Other errors than those that `judge` returns end all: they are raised in place of their scene's result, after those
    of earlier scenes. The files of one scene are written at a time.
    """
    writing: deque[_Writing[T]] = deque()
    grace_s = None
    try:
        for turn in turns:
            try:
                run = _predicted(turn)
            except Exception as error:  # noqa: BLE001 - raised when it is this scene's turn
                failed: Future[Outcome] = Future()
                writing.append(_Writing(turn, failed))
                judged = judge(error)
                if judged is None:
                    failed.set_exception(error)
                    break
                failed.set_result(judged)
            else:
                task = partial(_finish, turn, run, [each.outcome for each in writing], judge)
                writing.append(_Writing(turn, in_thread(task, name="finish"), run))
            if len(writing) > 1:
                yield writing[0].turn, writing[0].outcome.result()
                writing.popleft()
        for each in writing:
            yield each.turn, each.outcome.result()
    except KeyboardInterrupt:
        grace_s = GRACE_S
        for each in writing:
            if each.run is not None:
                each.run.stop()
        raise
    finally:
        wait([each.outcome for each in writing], grace_s)


@dataclass(frozen=True)
class _Writing(Generic[T]):
    """A scene whose blocks are predicted, or that failed."""

    turn: T
    outcome: Future[Outcome]
    run: Run | None = None


def _predicted(turn: Turn) -> Run:
    run = turn.begin()
    with ExitStack() as stack:
        stack.enter_context(run)
        run.predict(turn.progress())
        stack.pop_all()
    return run


def _finish(turn: Turn, run: Run, after: Sequence[Future[Outcome]], judge: Judge) -> Outcome:
    """Write the files of a run after those of others, and leave it."""
    try:
        with ExitStack() as stack:
            stack.push(run)
            wait(after)
            return run.finish(turn.published)
    except Exception as error:
        judged = judge(error)
        if judged is None:
            raise
        return judged
