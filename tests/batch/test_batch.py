"""A batch: one bad scene stops nothing, and a rerun does what is left and nothing else."""

import math
import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import rasterio.warp
from affine import Affine
from processes import batch_results
from standins import Echo, FailingLoads, replace_alike, warned

import geoseg
from geoseg.batch.events import BlockDone, Ended, SceneDone, SceneFailed, SceneStarted, Started
from geoseg.batch.inputs import find_scenes
from geoseg.batch.manifest import read_manifest
from geoseg.batch.members import name_members
from geoseg.errors import BundleError, OutputError, UsageError
from geoseg.prediction.run import Run
from geoseg.rasters.stac import Asset


def kinds(events):
    """How many events there are of each type."""
    return Counter(type(event).__name__ for event in events)


class FailingNetwork(Echo):
    """A network that fails after some tiles."""

    def __init__(self, tiles):
        self._left = tiles

    def __call__(self, pixels):
        self._left -= len(pixels)
        if self._left < 0:
            raise RuntimeError("a bug")
        return super().__call__(pixels)


def test_results_are_those_of_single_predictions(scenes, run, write_bundle, echo, tmp_path):
    """A batch writes the same files as a prediction of each scene, byte for byte."""
    summary, _ = run(scenes)
    for scene in scenes:
        geoseg.predict(scene, folder=tmp_path / "alone", model=write_bundle(), load=echo)
    assert batch_results(tmp_path / "maps") == batch_results(tmp_path / "alone")
    assert [record.scene for record in summary.done] == scenes
    assert summary.exit_code == 0


def test_records_describe_the_results(scenes, run, tmp_path):
    """The manifest holds sizes, checksums, areas and the footprint of each scene, as other programs find them."""
    run(scenes[:1])
    (record,) = read_manifest(tmp_path / "maps")
    assert (record.name, record.state, record.error, record.attempts) == ("a", "done", None, 1)
    assert {output.path for output in record.outputs} == {
        name for name in batch_results(tmp_path / "maps") if not name.endswith(".aux.xml")
    }
    for output in record.outputs:
        content = (tmp_path / "maps" / output.path).read_bytes()
        assert (output.bytes, output.sha256) == (len(content), sha256(content).hexdigest())
    with rasterio.open(tmp_path / "maps" / "a_classes.tif") as classes:
        values = classes.read(1)
        bounds = rasterio.warp.transform_bounds(classes.crs, "EPSG:4326", *classes.bounds, densify_pts=51)
    assert [area.pixels for area in record.areas] == [(values == number).sum() for number in range(5)]
    assert record.areas[2].colour == "#4a4a4a"
    assert sum(area.share for area in record.areas) == pytest.approx(1)
    assert record.bounds_lonlat == pytest.approx(bounds, abs=1e-6)
    assert record.pixels == values.size
    assert {"read", "network", "compress"} <= set(record.stages)


def test_areas_that_cannot_be_measured(scenes, run, monkeypatch, tmp_path):
    """A scene of pixels without a known area is done; their area is null in the manifest."""
    monkeypatch.setattr("geoseg.prediction.areas._pixel_area", lambda _strip: math.nan)
    summary, _ = run(scenes[:1])
    assert summary.exit_code == 0
    (record,) = read_manifest(tmp_path / "maps")
    assert [area.area_m2 for area in record.areas] == [None if area.pixels else 0.0 for area in record.areas]
    assert None in [area.area_m2 for area in record.areas]


def test_a_joint_stretch_stays(write_scene, noise, run, tmp_path):
    """Scenes that are added get the joint stretch of those that are done; `overwrite` measures one of all again."""
    scenes = [
        str(write_scene(noise(90, 70 + n).astype(np.uint16) * (n + 1), f"{name}.tif")) for n, name in enumerate("abc")
    ]
    choices = {"stretch": "joint", "roads": False}
    first, _ = run(scenes[:2], **choices)
    (used,) = {record.joint.stretch for record in first.done}
    again, _ = run(scenes[:2], **choices)
    assert [record.name for record in again.skipped] == ["a", "b"]
    with warned(rf"`stretch='joint'` stays .* {used}, .* for c; .* make all maps again, add `overwrite=True`"):
        more, _ = run(scenes, **choices)
    assert [[record.name for record in records] for records in (more.skipped, more.done)] == [["a", "b"], ["c"]]
    with rasterio.open(tmp_path / "maps" / "c_classes.tif") as classes:
        assert classes.tags()["GEOSEG_STRETCH"] == used
    anew, _ = run(scenes, overwrite=True, **choices)
    (other,) = {record.joint.stretch for record in anew.done}
    assert len(anew.done) == 3
    assert other != used
    alone, _ = run(scenes[:1], folder=tmp_path / "alone", stretch="0,255", roads=False)
    assert alone.done[0].joint is None


@pytest.mark.parametrize("changed", [{"bands": (3, 2, 1)}, {"nodata": 255}])
def test_a_joint_stretch_is_of_its_bands(write_scene, noise, run, tmp_path, changed):
    """With other bands, or without other values, it is measured again; that of each stays for those added later."""
    factors = np.array([1, 2, 3], np.uint16)[:, None, None]
    scenes = [str(write_scene(noise(90, 70 + n) * factors * (n + 1), f"{name}.tif")) for n, name in enumerate("abcd")]
    choices = {"stretch": "joint", "roads": False}
    first, _ = run(scenes[:1], **choices)
    with warned(r"is measured again, of bands .*: that of the scenes .* is of bands red, green, blue\."):
        second, _ = run(scenes[1:2], **choices, **changed)
    alone, _ = run(scenes[1:2], folder=tmp_path / "alone", **choices, **changed)
    assert second.done[0].joint == alone.done[0].joint
    assert second.done[0].joint.stretch != first.done[0].joint.stretch
    for scene, made, more in ((scenes[2], second, changed), (scenes[3], first, {})):
        with warned(f"stays .*{made.done[0].joint.stretch}"):
            added, _ = run([scene], **choices, **more)
        assert added.done[0].joint == made.done[0].joint


def test_a_joint_stretch_is_of_one_kind_of_values(write_scene, noise, run):
    """A scene that is added, and has values of another kind, is refused, as it would have been from the beginning."""
    scenes = [str(write_scene(noise(90, 70).astype(dtype), f"{dtype}.tif")) for dtype in ("uint16", "uint8")]
    choices = {"stretch": "joint", "roads": False}
    run(scenes[:1], **choices)
    with warned("stays"):
        summary, _ = run(scenes, **choices)
    assert [record.name for record in summary.skipped] == ["uint16"]
    (failed,) = summary.failed
    assert "holds uint8 values and the scenes that are done uint16 values; they cannot share a stretch" in failed.error
    assert summary.exit_code == 2


def test_events(scenes, run):
    """Events tell of every pixel of every scene, in an order that a progress bar can follow."""
    summary, events = run([*scenes, "nowhere.tif"])
    assert events[0] == Started(4, sum(90 * width for width in (70, 71, 72)), 0, events[0].needs)
    assert events[0].needs.startswith("3 scenes, ")
    assert events[-1] == Ended(3, 1, 0, round(summary.seconds, 3))
    assert kinds(events) | {"BlockDone": 0} == {
        "Started": 1, "SceneStarted": 3, "BlockDone": 0, "SceneDone": 3, "SceneFailed": 1, "Ended": 1,
    }  # fmt: skip
    begun, pixels = set(), Counter()
    for event in events:
        if isinstance(event, SceneStarted):
            begun.add(event.scene)
        elif isinstance(event, BlockDone):
            assert event.scene in begun
            pixels[event.scene] += event.pixels
        elif isinstance(event, SceneDone):
            assert pixels[event.record.scene] == event.record.pixels
    assert begun == set(scenes)


def test_one_bad_scene_stops_nothing(scenes, run, tmp_path):
    """Scenes that cannot be opened, read or predicted are recorded as failed with their sentence; others are done."""
    (tmp_path / "text.tif").write_text("no raster")
    with Path(scenes[1]).open("r+b") as damaged:
        damaged.truncate(5000)
    summary, events = run(["nowhere.tif", str(tmp_path / "text.tif"), *scenes])
    assert [record.name for record in summary.done] == ["a", "c"]
    assert [record.name for record in summary.failed] == ["nowhere", "text", "b"]
    assert summary.failed[0].error == "nowhere.tif does not exist."
    assert summary.exit_code == 3
    assert not any(event.again for event in events if isinstance(event, SceneFailed))
    assert {record.name: record.state for record in read_manifest(tmp_path / "maps")} == {
        "nowhere": "failed", "text": "failed", "a": "done", "b": "failed", "c": "done",
    }  # fmt: skip


def test_an_unexpected_error_is_of_its_scene(scenes, run):
    """Whatever ends one scene does not end a night's work; its sentence names the error."""
    summary, _ = run(scenes, load=FailingLoads(2))
    assert [record.name for record in summary.done] == ["a", "c"]
    assert "RuntimeError: a bug" in summary.failed[0].error
    assert summary.exit_code == 1


def test_a_rerun_skips_what_is_done(scenes, run, tmp_path):
    """Nothing is predicted or written again; what is new is done."""
    run(scenes[:2])
    results = [path for path in (tmp_path / "maps").iterdir() if path.name != "report.html"]
    before = [path.stat().st_mtime_ns for path in results]
    summary, events = run(scenes[:2])
    assert [record.name for record in summary.skipped] == ["a", "b"]
    assert [type(event) for event in events] == [Started, Ended]
    assert events[0] == Started(0, 0, 2)
    assert [path.stat().st_mtime_ns for path in results] == before
    summary, _ = run(scenes)
    assert ([each.name for each in summary.skipped], [each.name for each in summary.done]) == (["a", "b"], ["c"])


def test_a_rerun_redoes_what_failed(scenes, run, tmp_path):
    """A scene that was missing and is there now is predicted."""
    shutil.move(scenes[1], tmp_path / "away.tif")
    summary, _ = run(scenes)
    assert len(summary.failed) == 1
    shutil.move(tmp_path / "away.tif", scenes[1])
    summary, _ = run(scenes)
    assert ([each.name for each in summary.skipped], [each.name for each in summary.done]) == (["a", "c"], ["b"])


@pytest.mark.parametrize("change", ["edited", "cut", "removed"])
def test_a_rerun_redoes_what_was_changed(scenes, run, tmp_path, change):
    """A result that is no longer as it was written is made again, to the same bytes, and a warning says so."""
    run(scenes[:2])
    folder, result = tmp_path / "maps", tmp_path / "maps" / "b_classes.tif"
    before = batch_results(folder)
    content = bytearray(result.read_bytes())
    content[len(content) // 2] ^= 1
    if change == "removed":
        result.unlink()
    else:
        result.write_bytes(content if change == "edited" else content[:-1])
    with warned("b_classes.tif changed since a batch wrote"):
        summary, _ = run(scenes[:2])
    assert ([each.name for each in summary.skipped], [each.name for each in summary.done]) == (["a"], ["b"])
    assert batch_results(folder) == before


def test_a_failure_in_between_does_not_orphan_results(scenes, run, echo, tmp_path):
    """Results that are to be made again, and whose scene then fails, are made again by the next batch."""
    run(scenes[:1])
    (tmp_path / "maps" / "a_classes.qml").unlink()

    def fail(model, options):
        raise RuntimeError("a bug")

    with warned("a_classes.qml"):
        assert run(scenes[:1], load=fail)[0].failed
    with warned("a_classes.qml"):
        assert run(scenes[:1])[0].done


def test_other_settings_need_to_be_told_to_overwrite(scenes, run, tmp_path, write_scene, noise):
    """Results of other settings, or of a scene that was replaced since, are refused, and replaced on request."""
    run(scenes[:1])
    before = batch_results(tmp_path / "maps")
    with warned(r"^a is done with other settings, .* changed since; `overwrite=True` replaces"):
        summary, _ = run(scenes[:1], confidence=True)
    assert "`overwrite=True`" in summary.failed[0].error
    assert summary.exit_code == 5
    assert batch_results(tmp_path / "maps") == before
    assert len(run(scenes[:1])[0].skipped) == 1
    assert [record.state for record in read_manifest(tmp_path / "maps")] == ["done"]
    assert batch_results(tmp_path / "maps") == before
    summary, _ = run(scenes[:1], confidence=True, overwrite=True)
    assert [output.path for output in summary.done[0].outputs if "confidence" in output.path] == ["a_confidence.tif"]
    assert run(scenes[:1], confidence=True, overwrite=True)[0].skipped
    write_scene(noise(90, 80), "scenes/a.tif")
    with warned("done with other settings"):
        assert run(scenes[:1], confidence=True)[0].failed
    assert run(scenes[:1], confidence=True, overwrite=True)[0].done


@pytest.mark.parametrize("what", ["scene", "model"])
def test_another_file_of_the_same_size_and_time(scenes, run, write_scene, write_bundle, noise, tmp_path, what):
    """A scene or model that another one replaced, unpacked with the same time, is not the one of the results."""
    run(scenes[:1])
    path = Path(scenes[0]) if what == "scene" else tmp_path / "stand-in.keras"
    before = path.read_bytes()
    other = write_scene(255 - noise(90, 70), "b.tif") if what == "scene" else write_bundle("b.keras", version="2")
    replace_alike(path, other.read_bytes())
    with warned("a is done with other settings, another model .* or an input that was changed since"):
        summary, _ = run(scenes[:1])
    assert (len(summary.skipped), len(summary.failed)) == (0, 1)
    replace_alike(path, before)
    assert run(scenes[:1])[0].skipped


def test_a_folder_of_results_and_one_of_scenes_are_moved(scenes, run, tmp_path):
    """Results are known by their place in their folder, scenes by their path: a sentence says whose the results are."""
    run(scenes[:2])
    (tmp_path / "maps").rename(tmp_path / "moved")
    moved = {"folder": tmp_path / "moved"}
    assert len(run(scenes[:2], **moved)[0].skipped) == 2
    before = batch_results(tmp_path / "moved")
    (tmp_path / "scenes").rename(tmp_path / "elsewhere")
    inputs = [str(tmp_path / "elsewhere" / Path(scene).name) for scene in scenes]
    for count, more in ((1, ""), (2, ", and so with 1 more")):
        with warned(f"the results of a are those of .*scenes/a.tif{more}; if scenes were only moved, `overwrite=True`"):
            assert len(run(inputs[:count], **moved)[0].failed) == count
    assert len(run(inputs, **moved, overwrite=True)[0].done) == 3
    assert before.items() <= batch_results(tmp_path / "moved").items()
    assert len(run(inputs, **moved)[0].skipped) == 3


def test_results_that_no_batch_wrote_are_kept(scenes, run, write_bundle, echo, tmp_path):
    """A result of a single prediction is not replaced unasked."""
    geoseg.predict(scenes[0], folder=tmp_path / "maps", model=write_bundle(), load=echo)
    assert "exists" in run(scenes)[0].failed[0].error
    assert len(run(scenes, overwrite=True)[0].done) == 1


def test_retries(scenes, run):
    """A scene that fails is tried again after the others, as often as asked; its pixels count anew."""
    summary, events = run(scenes, load=FailingLoads(1, 4), retries=2)
    assert [record.name for record in summary.done] == ["b", "c", "a"]
    assert summary.done[-1].attempts == 3
    assert (summary.failed, summary.exit_code) == ((), 0)
    assert [(event.record.attempts, event.again) for event in events if isinstance(event, SceneFailed)] == [
        (1, True), (2, True),
    ]  # fmt: skip
    assert sum(isinstance(event, SceneStarted) for event in events) == 5
    summary, events = run([scenes[0]], folder=Path(scenes[0]).parent / "other", load=FailingLoads(1, 2), retries=1)
    assert [event.again for event in events if isinstance(event, SceneFailed)] == [True, False]
    assert summary.failed[0].attempts == 2


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_can_never_succeed_is_not_tried_again(scenes, run, write_scene, noise):
    """Scenes that are refused as they are, and files that do not exist, fail once; others may be read later."""
    folder = Path(scenes[0]).parent
    bad = {
        "nowhere": str(folder / "nowhere.tif"),
        "placeless": str(write_scene(noise(60, 60), "scenes/placeless.tif", crs=None, transform=None)),
        "coarse": str(write_scene(noise(60, 60), "scenes/coarse.tif", transform=Affine(300, 0, 5e5, 0, -300, 5.4e6))),
        "grey": str(write_scene(noise(60, 60)[:1], "scenes/grey.tif")),
        "broken": str(folder / "broken.tif"),
        "served": "http://127.0.0.1:9/served.tif",
    }
    (folder / "broken.tif").write_text("text")
    summary, events = run([*bad.values(), *scenes], retries=2)
    tried = Counter(event.record.name for event in events if isinstance(event, SceneFailed))
    assert tried == {name: 3 if name in ("broken", "served") else 1 for name in bad}
    assert {record.name for record in summary.failed if record.attempts == 1} == {*bad} - {"broken", "served"}
    assert all(
        event.again == (event.record.attempts < tried[event.record.name])
        for event in events
        if isinstance(event, SceneFailed)
    )
    assert len(summary.done) == len(scenes)


def test_a_kill_after_the_results_and_before_the_record(scenes, run, tmp_path, monkeypatch):
    """Results that are in place without a record are recorded by the next batch, not refused as someone else's."""

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("geoseg.batch.job.Job._publish", die)
        with pytest.raises(Killed):
            run(scenes[:1])
    assert (tmp_path / "maps" / "a_classes.tif").exists()
    assert read_manifest(tmp_path / "maps") == []
    assert len(run(scenes[:1])[0].done) == 1


def test_a_kill_after_the_record(scenes, run, tmp_path, monkeypatch):
    """The work folder of a scene that is done, which a killed batch left, is removed by the next."""
    with monkeypatch.context() as patched:
        patched.setattr(Run, "_clean_up", lambda *_: None)
        run(scenes[:1])
    assert list((tmp_path / "maps").glob(".*"))
    assert len(run(scenes[:1])[0].skipped) == 1
    assert not list((tmp_path / "maps").glob(".*"))


def test_a_kill_while_the_work_folder_is_removed(scenes, run, tmp_path):
    """What is left of a work folder whose removal was killed is removed by the next batch, which skips the scene."""
    run(scenes[:1])
    (tmp_path / "maps" / ".a.geoseg.removed" / "pieces").mkdir(parents=True)
    assert len(run(scenes[:1])[0].skipped) == 1
    assert not list((tmp_path / "maps").glob(".*"))


def test_a_skipped_scene_keeps_what_other_settings_have_finished(scenes, run, tmp_path):
    """A run of other settings that was stopped resumes, although a batch has skipped its scene meanwhile."""
    run(scenes[:1])
    assert run(scenes[:1], confidence=True, overwrite=True, load=lambda *_: FailingNetwork(3))[0].failed
    pieces = {path: path.stat().st_mtime_ns for path in (tmp_path / "maps").glob(".*/*/*.tif")}
    assert pieces
    assert len(run(scenes[:1])[0].skipped) == 1
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "maps").glob(".*/*/*.tif")} == pieces


def test_the_same_scenes_from_another_folder(scenes, run, tmp_path, monkeypatch):
    """A scene is the same by whatever relative path it is named, so that it is skipped."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "all.txt").write_text("../scenes\n")
    ways = {".": "scenes", "lists": "all.txt", "scenes": "../scenes"}
    skipped = []
    for folder, given in ways.items():
        monkeypatch.chdir(tmp_path / folder)
        skipped.append(len(run(find_scenes([given]))[0].skipped))
    assert skipped == [0, 3, 3]


def test_a_report_of_another_program(scenes, run, tmp_path):
    """A page of the report's name that is not a batch report is refused, before a scene is predicted."""
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "report.html").write_text("<title>Accuracy</title>")
    with pytest.raises(OutputError, match=r"report\.html exists and is not a batch report; choose another `folder`"):
        run(scenes[:1], overwrite=True)
    assert {path.name: path.read_text() for path in (tmp_path / "maps").iterdir()} == {
        "report.html": "<title>Accuracy</title>"
    }


def test_the_report_is_that_of_the_manifest(scenes, run, tmp_path, monkeypatch):
    """The report shows a scene as done again that is skipped after a failure, and what a killed batch had recorded."""
    report = tmp_path / "maps" / "report.html"
    run(scenes[:1])
    with warned("done with other settings"):
        run(scenes[:1], confidence=True)
    assert "1 failed" in report.read_text()
    run(scenes[:1])
    assert "1 failed" not in report.read_text()
    with monkeypatch.context() as patched:
        patched.setattr("geoseg.batch.batch.write_report", lambda *_, **__: None)
        run(scenes)
    before = report.read_text()
    run(scenes)
    assert report.read_text() != before
    written = report.stat().st_mtime_ns
    run(scenes)
    assert report.stat().st_mtime_ns == written


def test_a_record_that_cannot_be_written_ends_the_batch(scenes, run, tmp_path, monkeypatch):
    """Without a manifest a batch does not go on, and a rerun resumes where it stopped."""

    def full(*_):
        raise OutputError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("geoseg.batch.manifest.Manifest.add", full)
        with pytest.raises(OutputError, match="no space left"):
            run(scenes)
    assert len(run(scenes)[0].done) == 3


def test_a_listener_that_fails_ends_the_batch(scenes, run, tmp_path):
    """An error of the caller's listener is raised, and does not mark a scene as failed."""

    def listen(event):
        if isinstance(event, SceneDone):
            raise OutputError("standard output cannot be written")

    with pytest.raises(OutputError, match="standard output"):
        run(scenes, on_event=listen)
    assert all(record.state == "done" for record in read_manifest(tmp_path / "maps"))


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        ({"model": "nowhere.keras"}, BundleError),
        ({"overlap": 0.9}, UsageError),
        ({"tile": 63}, UsageError),
        ({"retries": -1}, UsageError),
        ({"name": "same"}, UsageError),
    ],
)
def test_what_concerns_all_scenes_is_raised(scenes, run, tmp_path, choices, error):
    """A wrong option is one error, not one a scene, and no result is written."""
    with pytest.raises(error):
        run(scenes, **choices)
    assert not (tmp_path / "maps").exists() or not batch_results(tmp_path / "maps")


def test_a_scene_is_given_once(scenes, run):
    """A scene that is given twice, under two names, would be two records of one place."""
    with pytest.raises(UsageError, match="is given several times"):
        run([scenes[0], scenes[0]], name="{n}")


def test_names_in_the_manifest_have_no_secrets(tmp_path):
    """A signed URL is known by its path; two that differ by their query alone are told apart."""
    signed = [
        Asset(name=name, source=f"https://a.example/{name}.tif?sig=1", document="https://a.example") for name in "ab"
    ]
    assert [each.key for each in name_members(signed, "{stem}")] == [
        "https://a.example/a.tif", "https://a.example/b.tif",
    ]  # fmt: skip
    members = name_members([f"https://a.example/cog.tif?scene={number}" for number in range(2)], "{n}")
    assert len({each.key for each in members}) == 2
    assert not any("scene=" in each.key for each in members)


def test_the_first_event_has_no_secrets(scenes, run):
    """The sentence that names scenes that cannot be planned has their URLs as the manifest does."""
    summary, events = run(["http://user:word@127.0.0.1:9/served.tif?sig=key", *scenes])
    assert summary.failed[0].error in events[0].needs
    assert not any(secret in events[0].needs for secret in ("word", "key"))


def test_the_first_plan_counts_and_retries_plan_anew(scenes, run, write_scene, noise, echo):
    """A scene that is replaced before its turn fails by name, and is predicted as it is by then if tried again."""

    def load(model, options):
        if not replaced:
            replaced.append(write_scene(noise(100, 101), "scenes/c.tif"))
        return echo(model, options)

    replaced = []
    summary, events = run(scenes, load=load, retries=1)
    (failure,) = (event.record for event in events if isinstance(event, SceneFailed))
    assert (failure.name, "has changed since the run began" in failure.error) == ("c", True)
    assert summary.done[-1].pixels == 100 * 101
