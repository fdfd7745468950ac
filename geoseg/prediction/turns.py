"""Predict several scenes: the next are read and scored while the files of the last are written."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar

from geoseg.errors import GeosegError, MismatchError, OutputError, SceneError
from geoseg.threads import GRACE_S, in_thread
from geoseg.tiling.progress import Progress

from .executors import Executor
from .jobs import Work
from .results.write import Prediction
from .run import Run, ignore

Outcome = Prediction | GeosegError
"""Result or error of one scene among several."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A scene to predict when there is room for it."""

    begin: Callable[[], Run]
    """Plans the run; its errors are those of the scene."""
    progress: Callable[[], Progress]
    """Called when the run begins, for the progress of its blocks."""
    published: Callable[[Prediction], None] = ignore
    """See `Run.finish`; called in another thread, for as many scenes at the same time as are written."""


T = TypeVar("T", bound=Turn)
Judge = Callable[[Exception], GeosegError | None]
"""Returns an error if it concerns a single scene, else None."""


def judge_by_kind(error: Exception) -> GeosegError | None:
    """Return errors of the kinds that concern one scene."""
    return error if isinstance(error, SceneError | OutputError | MismatchError) else None


def take_turns(turns: Iterable[T], judge: Judge, executor: Executor) -> Iterator[tuple[T, Outcome]]:
    """Predict scenes, as many at a time as the executor takes, and yield each with its result or error when it ends.

    Progress is called in the caller's thread. An error for which `judge` returns None ends the call: it is raised after
    the results of scenes whose blocks are already predicted.
    """
    scenes = _InProgress(turns, judge)
    with ExitStack() as stack:
        stack.push(scenes.leave)
        try:
            for work, error in executor(scenes.begin()):
                if error is not None:
                    scenes.fail(work, error)
                else:
                    yield from scenes.ended(most=executor.writers - 1)
                    scenes.write(work)
                yield from scenes.ended(most=executor.writers)
            yield from scenes.ended(most=0)
        except Exception:
            yield from scenes.ended(most=0)
            raise


class _InProgress(Generic[T]):
    """The scenes in progress: first their blocks are predicted, then their files are written."""

    def __init__(self, turns: Iterable[T], judge: Judge) -> None:
        self._turns, self._judge = turns, judge
        self._predicting: dict[Work, tuple[T, Run]] = {}
        self._writing: dict[Future[Outcome], tuple[T, Run | None]] = {}
        """The files of a scene that failed need no run."""

    def begin(self) -> Iterator[Work]:
        """Begin the next scene whenever the executor requests one."""
        for turn in self._turns:
            try:
                with ExitStack() as stack:
                    run = stack.enter_context(turn.begin())
                    work = run.start(turn.progress())
                    stack.pop_all()
            except Exception as error:  # noqa: BLE001 - judged
                self._fail(turn, error)
            else:
                self._predicting[work] = turn, run
                yield work

    def fail(self, work: Work, error: Exception) -> None:
        """Leave a scene whose blocks cannot be predicted; raises the error if it ends the call."""
        turn, run = self._predicting.pop(work)
        try:
            run.__exit__(type(error), error, error.__traceback__)
        except Exception as named:  # noqa: BLE001 - the same, with the place where it happened
            error = named
        self._fail(turn, error)

    def _fail(self, turn: T, error: Exception) -> None:
        judged = self._judge(error)
        if judged is None:
            raise error
        outcome: Future[Outcome] = Future()
        outcome.set_result(judged)
        self._writing[outcome] = turn, None

    def write(self, work: Work) -> None:
        """Begin to write the files of a scene whose blocks are predicted."""
        turn, run = self._predicting[work]
        outcome: Future[Outcome] = Future()
        self._writing[outcome] = turn, run
        del self._predicting[work]
        in_thread(partial(_finish, turn, run, self._judge), name="finish", outcome=outcome)

    def ended(self, *, most: int) -> Iterator[tuple[T, Outcome]]:
        """Yield the scenes that have ended; waits until the files of `most` scenes at most are being written."""
        while len(self._writing) > most or any(each.done() for each in self._writing):
            wait(self._writing, return_when=FIRST_COMPLETED)
            for outcome in [each for each in self._writing if each.done()]:
                turn, _ = self._writing.pop(outcome)
                yield turn, outcome.result()

    def leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the scenes that are being predicted, and wait for the files of others, but not if interrupted."""
        pending: list[Future[Any]] = [
            in_thread(partial(run.__exit__, kind, error, traceback), name="leave")
            for _, run in self._predicting.values()
        ]
        interrupted = isinstance(error, KeyboardInterrupt)
        for _, run in self._writing.values() if interrupted else ():
            if run is not None:
                run.stop()
        wait([*pending, *self._writing], GRACE_S if interrupted else None)


def _finish(turn: Turn, run: Run, judge: Judge) -> Outcome:
    """Write the files of a run, and leave it."""
    try:
        with ExitStack() as stack:
            stack.push(run)
            return run.finish(turn.published)
    except Exception as error:
        judged = judge(error)
        if judged is None:
            raise
        return judged
