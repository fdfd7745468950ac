"""One prediction in progress: first its blocks, then its files."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import ExitStack
from functools import partial
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Self

import rasterio

from geoseg.errors import BundleError, OutputError, SceneError, UsageError
from geoseg.models.engines.engine import Loader
from geoseg.models.engines.hardware import free_heap
from geoseg.rasters.opening.open import GDAL, legible, on_disk
from geoseg.rasters.sources.identity import check_unchanged
from geoseg.rasters.sources.servers import on_server
from geoseg.roads.compile_tracer import COMPILING
from geoseg.threads import GRACE_S, in_thread
from geoseg.tiling import roi_shape
from geoseg.tiling.progress import Progress, no_progress

from .executors import Executor, LocalExecutor
from .jobs import Finished, Job, Work
from .journal import open_journal
from .outputs import name_outputs
from .plan import Plan
from .results.write import Prediction, write_results
from .timings import Timings


def discard_work(plan: Plan, bundle: Path, folder: Path, parts: str | None) -> None:
    """Remove the work folder, and the parts elsewhere, of a run that was killed after it had published its results.

    Raises OutputError if another process uses it.
    """
    journal = open_journal(_work_folder(plan, folder), plan, bundle, parts)
    if journal.is_left:
        with journal.lock():
            journal.discard()


def _work_folder(plan: Plan, folder: Path) -> Path:
    return folder / f".{plan.scene.stem}.geoseg"


def ignore(_made: Prediction) -> None:
    """Do nothing when results are published."""


class Run:
    """A planned scene: `complete` it; or, within a `with` block, `start` it, have an executor run it, and `finish` it.

    `load` loads the engines that the plan's runtime describes. Raises OutputError if the results cannot be written to
    `folder`; nothing is written before the `with` block is entered.
    """

    def __init__(
        self,
        plan: Plan,
        bundle: Path,
        *,
        load: Loader,
        folder: Path,
        overwrite: bool,
        executor: Executor,
    ) -> None:
        self._plan, self._executor, self._overwrite = plan, executor, overwrite
        self._clock = Timings()
        bundle, target = bundle.absolute(), folder.absolute()
        if legible(str(target)) != str(target):
            raise OutputError(f"{legible(str(target))} has a name that is not UTF-8, which GDAL needs; choose another.")
        with rasterio.Env(**GDAL):
            self._files = name_outputs(plan, target)
            self._journal = open_journal(_work_folder(plan, target), plan, bundle, self._executor.parts)
            self._files.check_places(self._journal)
        if not (overwrite or self._journal.publishing):
            self._files.refuse_existing()
        self._jobs = [
            Job(plan=plan, block=block, model=bundle, journal=self._journal, load=load) for block in plan.blocks
        ]
        self._finisher = self._executor.finisher(plan, self._journal, self._clock)
        self._finished = False

    def start(self, progress: Progress = no_progress) -> Work:
        """Return the blocks for an executor to run; those in the journal already are done at once."""
        done, total = 0, prod(roi_shape(self._plan.roi))
        progress(0, total, COMPILING if self._finisher.compiling else "")

        def take(finished: Finished) -> None:
            nonlocal done
            self._finisher.add(finished)
            done += finished.pixels
            progress(done, total, "")

        return Work(jobs=self._jobs, clock=self._clock, take=take)

    def finish(self, published: Callable[[Prediction], None] = ignore) -> Prediction:
        """Write and publish the files once all blocks are done; from any thread.

        `published` is called with the result before the journal is discarded: a process killed before the call
        publishes again.
        """
        free_heap()  # so that the files need no more memory than the blocks did
        with rasterio.Env(**GDAL):
            check_unchanged(self._plan.scene.source, self._plan.scene.identity)
            made = write_results(
                self._plan,
                self._journal,
                self._files,
                self._finisher,
                self._executor.submit,
                workers=self._executor.workers,
                overwrite=self._overwrite,
            )
        published(made)
        self._finished = True
        return made

    def complete(self, progress: Progress = no_progress) -> Prediction:
        """Predict the blocks and write the files, within a `with` block of its own."""
        with self:
            for _, error in self._executor([self.start(progress)]):
                if error is not None:
                    raise error
            writing: Future[Prediction] = Future()
            self._stack.callback(wait, [writing])
            return in_thread(self.finish, name="finish", outcome=writing).result()

    def stop(self) -> None:
        """Make `finish`, in another thread, end soon without publishing; does not wait for it."""
        self._finisher.stop()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._journal.lock())
            stack.push(self._clean_up)
            stack.enter_context(self._finisher)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave = partial(self._stack.__exit__, kind, error, traceback)
        if not isinstance(error, KeyboardInterrupt):
            leave()
            return
        # Ctrl-C does not wait for GDAL; the lock is kept until the last thread has ended.
        self.stop()
        wait([in_thread(leave, name="leave")], GRACE_S)

    @property
    def _reads_files(self) -> bool:
        """Whether the scene is read here and from files: a server or a worker may reach it the next time."""
        scene = self._plan.scene
        served = any(on_server(str(name)) for name, *_ in scene.identity)
        return on_disk(scene.source) and not served and isinstance(self._executor, LocalExecutor)

    def _clean_up(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Remove the journal, unless the same command could resume with it."""
        hopeless = isinstance(error, SceneError | BundleError) and self._reads_files
        refused = isinstance(error, UsageError) and self._journal.empty
        if self._finished or hopeless or refused:
            self._journal.discard()
