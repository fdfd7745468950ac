"""`geoseg batch`: many scenes as one job."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from geoseg.models.texts import escaped

from . import options
from .completion import complete_files
from .group import sentence
from .grouped import GroupedCommand
from .interrupts import between_pieces
from .progress import wanted_progress
from .values import FOLDER

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from geoseg.batch.events import Event, Listener
    from geoseg.batch.manifest import Record


@click.command("batch", cls=GroupedCommand)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", shell_complete=complete_files)
@options.model
@click.option(
    "-o", "--output", "folder", type=FOLDER, required=True, metavar="DIR",
    help="Folder for the results and the manifest.",
)  # fmt: skip
@click.option(
    "--retries", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Retry failed scenes up to N times, after all others.",
)  # fmt: skip
@options.prediction
@options.name
@options.asset
@options.cluster
@click.option(
    "--overwrite", is_flag=True, help="Replace results made with other settings, or not listed in the manifest."
)
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one per line.")
@options.quiet
def command(
    inputs: tuple[str, ...],
    folder: Path,
    *,
    asset: str | None,
    scheduler: str | None,
    workers: int | None,
    parts: str | None,
    as_json: bool,
    quiet: bool,
    **choices: Any,  # noqa: ANN401
) -> None:
    """Predict the scenes of each INPUT as one job.

    INPUT is a scene, as for `geoseg predict`; a folder, searched at any depth; a glob pattern in quotes; a text file
    (.txt) that lists such inputs, one per line; or, with --asset, a STAC document, whose items are scenes. Label
    rasters and geoseg's own results in folders are skipped; of ISPRS Potsdam, only the RGB images are predicted.

    Writes the results of `geoseg predict` for each scene, report.html, and manifest.jsonl, with a line for each scene
    that is done or has failed. The same command resumes: it skips scenes that are done, and predicts those that failed
    or are new, or whose results are gone; those that were replaced since need --overwrite. The exit code is above 0 if
    any scene failed.
    """
    from geoseg.batch.batch import batch
    from geoseg.batch.inputs import find_scenes
    from geoseg.models.engines.hardware import share_heaps

    from .cluster import chosen_executor
    from .console import make_console

    share_heaps()
    scenes = find_scenes(inputs, asset=asset)
    console = make_console(stderr=True, quiet=quiet)
    with (
        chosen_executor(scheduler, workers, parts, console) as executor,
        _printed() if as_json else _shown(console) as on_event,
    ):
        summary = batch(scenes, folder=folder, executor=executor, on_event=_stopping(on_event), **choices)
    if summary.failed:
        click.echo(f"geoseg: {len(summary.failed)} of {len(scenes)} scenes failed.", err=True)
        raise SystemExit(summary.exit_code)


def _stopping(listener: "Listener") -> "Listener":
    """Let the first Ctrl-C wait for the piece in progress."""
    from geoseg.batch.events import BlockDone, SceneFailed, SceneStarted

    left: dict[str, int] = {}

    def listen(event: "Event") -> None:
        listener(event)
        match event:
            case SceneStarted(scene=scene):
                left[scene] = event.pixels
            case BlockDone(scene=scene):
                left[scene] -= event.pixels
            case SceneFailed(record):
                scene = record.scene
                left[scene] = 0
            case _:
                return
        between_pieces(scene, more=left[scene] > 0)

    return listen


@contextmanager
def _printed() -> "Iterator[Listener]":
    """Print events on standard output, and the errors of scenes on standard error."""
    from geoseg.batch.events import SceneFailed, to_json

    def show(event: "Event") -> None:
        click.echo(to_json(event))
        if isinstance(event, SceneFailed):
            _show_failure(event.record, again=event.again)

    yield show


@contextmanager
def _shown(console: "Console") -> "Iterator[Listener]":
    """On a terminal, show a progress bar for the pixels of all scenes, and a line for each scene that is done."""
    from .console import pixel_bars

    with pixel_bars(console) as bars:
        yield _Display(console, bars)


class _Display:
    """Show events as they arrive."""

    def __init__(self, console: "Console", bars: "Progress") -> None:
        self._console, self._bars = console, bars
        self._bar = bars.add_task("planning", total=None, rate="")
        self._scenes = self._ended = 0
        self._pixels: dict[str, int] = {}
        """Pixels of each scene predicted so far."""
        self._total = 0
        self._report = wanted_progress()

    def __call__(self, event: "Event") -> None:
        from geoseg.batch.events import BlockDone, Ended, SceneDone, SceneFailed, SceneStarted, Started

        match event:
            case Started():
                self._scenes = event.scenes
                self._total = event.pixels
                self._bars.update(self._bar, total=self._total)
                if event.needs:
                    self._console.print(sentence(event.needs, command), highlight=False, soft_wrap=True)
            case SceneStarted():
                self._pixels[event.scene] = 0  # again, if it failed before
                if event.note:
                    self._console.print(event.note)
            case BlockDone():
                self._pixels[event.scene] += event.pixels
            case SceneDone(record):
                self._ended += 1
                line = f"{escaped(record.name)}: done in {record.seconds:.1f} s"
                self._console.print(line, highlight=False, soft_wrap=True)
            case SceneFailed(record, again):
                self._ended += not again
                _show_failure(record, again=again)
            case Ended():
                self._console.print(f"{event.done} done, {event.skipped} done before, {event.failed} failed")
        self._update()

    def _update(self) -> None:
        speed = next((each.speed for each in self._bars.tasks if each.id == self._bar), None)
        done, text = sum(self._pixels.values()), f"{self._ended} of {self._scenes} scenes"
        self._bars.update(self._bar, completed=done, description=text, rate=f"{speed / 1e6:.2f} Mpx/s" if speed else "")
        self._report(done, self._total, text)


def _show_failure(record: "Record", *, again: bool) -> None:
    later = " It is tried again after the others." if again else ""
    click.echo(f"geoseg: {sentence(record.error or '', command)}{later}", err=True)
