"""Run a batch: plan its scenes, predict them in turn, and report the outcome of each."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from textwrap import shorten

from geoseg.errors import (
    BundleError,
    ClusterError,
    DataError,
    GeosegError,
    MismatchError,
    OutputError,
    SceneError,
    UsageError,
)
from geoseg.messages import warn
from geoseg.prediction.digests import digest_results
from geoseg.prediction.plan import Plan
from geoseg.prediction.prepare import Prepared
from geoseg.prediction.results.write import Prediction
from geoseg.prediction.run import Run, discard_work
from geoseg.prediction.turns import Turn, take_turns
from geoseg.tiling import Stopped
from geoseg.tiling.progress import Progress

from .earlier import note_others
from .events import BlockDone, Ended, Event, Listener, SceneDone, SceneFailed, SceneStarted, Started
from .joint import Shared
from .manifest import Manifest, Record
from .members import Member
from .preflight import check
from .records import Attempt, record_done, record_failed


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Outcome of a batch."""

    done: tuple[Record, ...]
    failed: tuple[Record, ...]
    skipped: tuple[Record, ...]
    """Scenes done by an earlier batch."""
    seconds: float
    exit_code: int
    """0, or that of the first scene that failed."""


@dataclass(frozen=True, kw_only=True)
class _Turn(Turn):
    """The turn of a scene in one attempt."""

    attempt: Attempt


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A batch in progress: call `start`, then `attempt` once or more, then `end`."""

    folder: Path
    prepared: Prepared
    manifest: Manifest
    on_event: Listener
    shared: Shared | None = None
    """Basis of the stretch, if all scenes share one."""
    _published: SimpleQueue[Record] = field(default_factory=SimpleQueue)
    """Scenes that are done, to be reported in the caller's thread."""
    _done: list[Record] = field(default_factory=list)
    _failed: dict[str, tuple[Record, GeosegError]] = field(default_factory=dict)
    _skipped: list[Record] = field(default_factory=list)
    _listener_errors: list[Exception] = field(default_factory=list)

    def start(self, members: Sequence[Member], *, overwrite: bool) -> list[Member]:
        """Plan all scenes; returns those to predict."""
        planned = (replace(member, planned=self._plan(member), overwrite=overwrite) for member in members)
        waiting = [left for member in planned if (left := self._compare(member)) is not None]
        executor = self.prepared.executor
        found = check(
            (member.planned for member in waiting if isinstance(member.planned, Plan)),
            self.folder,
            records=self.manifest.records.values(),
            memory=executor.memory,
            together=executor.workers + executor.writers if executor.parts is None else 0,
            failing=[member.sentence(member.planned) for member in waiting if isinstance(member.planned, GeosegError)],
        )
        for problem in (*found.problems, *note_others(waiting, self.manifest)):
            warn(problem)
        self._emit(Started(len(waiting), found.pixels, len(self._skipped), str(found) if waiting else ""))
        return waiting

    def attempt(self, members: Sequence[Member], number: int, *, last: bool) -> list[Member]:
        """Predict scenes; returns those that failed and may succeed in another attempt."""
        failed = []
        try:
            for turn, outcome in take_turns(self._turns(members, number), self._judge, self.prepared.executor):
                self._report_done()
                if isinstance(outcome, GeosegError):
                    member = turn.attempt.member
                    record = self._fail(turn.attempt, outcome)
                    again = not last and member.may_succeed
                    if again:
                        failed.append(replace(member, planned=None))
                    self._emit(SceneFailed(record, again=again))
        finally:
            self._report_done()
        return failed

    def end(self, seconds: float) -> Summary:
        """Report the end, and return the outcome of all scenes."""
        failed = tuple(record for record, _ in self._failed.values())
        self._emit(Ended(len(self._done), len(failed), len(self._skipped), round(seconds, 3)))
        return Summary(
            done=tuple(self._done),
            failed=failed,
            skipped=tuple(self._skipped),
            seconds=seconds,
            exit_code=next((error.exit_code for _, error in self._failed.values()), 0),
        )

    def _emit(self, event: Event) -> None:
        try:
            self.on_event(event)
        except Exception as error:
            self._listener_errors.append(error)
            raise

    def _judge(self, error: Exception) -> GeosegError | None:
        """Return an error as `_scene_error` does, but None for one of the listener, which concerns all scenes."""
        return None if any(error is each for each in self._listener_errors) else _scene_error(error)

    def _plan(self, member: Member) -> Plan | GeosegError:
        try:
            plan = self.prepared.plan(member.source, member.name)
            if self.shared is not None:
                self.shared.check(plan)
            return plan
        except Exception as error:
            judged = self._judge(error)
            if judged is None:
                raise
            return judged

    def _compare(self, member: Member) -> Member | None:
        """Compare a scene with its record; returns None if it is done."""
        last = self.manifest.records.get(member.key)
        if last is None or not isinstance(member.planned, Plan):
            return member
        wanted = member.name, digest_results(member.planned, self.prepared.bundle)
        # A later attempt with other settings may have failed because it was not allowed to replace these results.
        records = (last, self.manifest.done.get(member.key, last))
        record = next((each for each in records if (each.name, each.settings) == wanted), None)
        if record is None:
            return member
        changed = record.changed(self.folder)
        if record.state == "done" and not changed:
            if record is not last:
                self.manifest.add(record)
            self._skipped.append(record)
            with suppress(OutputError):  # of another process
                discard_work(member.planned, self.prepared.bundle, self.folder, self.prepared.executor.parts)
            return None
        if changed:
            warn(f"{', '.join(changed)} changed since a batch wrote the results of {member.key}; they are made again.")
        return replace(member, earlier=record.outputs, overwrite=member.overwrite or bool(record.outputs))

    def _turns(self, members: Sequence[Member], number: int) -> Iterator[_Turn]:
        for each in members:
            member = each if each.planned is not None else replace(each, planned=self._plan(each))
            attempt = Attempt(member=member, number=number, shared=self.shared)
            yield _Turn(
                attempt=attempt,
                begin=partial(self._begin, member),
                progress=partial(self._progress, member),
                published=partial(self._publish, attempt),
            )

    def _begin(self, member: Member) -> Run:
        if isinstance(member.planned, Plan):
            return self.prepared.run(member.planned, folder=self.folder, overwrite=member.overwrite)
        assert member.planned is not None
        raise member.planned

    def _progress(self, member: Member) -> Progress:
        """Turn the progress of a scene into events."""
        before = 0

        def report(done: int, total: int, text: str) -> None:
            nonlocal before
            self._report_done()
            self._emit(
                BlockDone(member.key, done - before) if done else SceneStarted(member.key, member.name, total, text)
            )
            before = done

        return report

    def _report_done(self) -> None:
        """Report scenes that have been done since the last call."""
        with suppress(Empty):
            while True:
                record = self._published.get_nowait()
                self._failed.pop(record.scene, None)
                self._done.append(record)
                self._emit(SceneDone(record))

    def _publish(self, attempt: Attempt, made: Prediction) -> None:
        """Record a scene whose results have their final names; called in another thread."""
        record = record_done(attempt, made, bundle=self.prepared.bundle, folder=self.folder)
        self.manifest.add(record)
        self._published.put(record)

    def _fail(self, attempt: Attempt, error: GeosegError) -> Record:
        record = record_failed(attempt, error, bundle=self.prepared.bundle)
        self.manifest.add(record)
        self._failed[record.scene] = record, error
        return record


def _scene_error(error: Exception) -> GeosegError | None:
    """Return an error that concerns one scene, as unexpected ones do; None if it concerns all scenes."""
    if isinstance(error, SceneError | MismatchError):
        return error
    if isinstance(error, BundleError | ClusterError | UsageError | DataError | Stopped):
        return None
    if isinstance(error, GeosegError):
        return error
    found = shorten(" ".join(f"{type(error).__name__}: {error}".split()), 300)
    return GeosegError(f"this scene ended in an unexpected error ({found}); `geoseg predict` on it alone shows where.")
