"""Predictions on a Dask cluster from the command line, as docs/cluster.md starts it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from geoseg.cli import main

ROOT = Path(__file__).parents[2]


def shell(commands, folder):
    """Run lines of a shell in a process group, which ends with them."""
    places = [Path(sys.executable).parent, *os.environ["PATH"].split(os.pathsep)]
    environment = os.environ | {
        "PATH": os.pathsep.join(map(str, places)),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    with subprocess.Popen(
        ["bash", "-c", commands],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            return running.wait(240)
        finally:
            os.killpg(running.pid, signal.SIGKILL)


@pytest.mark.slow
def test_commands_of_the_page(write_scene, tmp_path):
    """The commands of the page start a cluster and predict on it; ports are chosen here, since others may be in use."""
    scene = write_scene(np.random.default_rng(0).integers(0, 255, (3, 90, 80), dtype=np.uint8))
    assert scene == tmp_path / "scene.tif"
    (commands,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/cluster.md").read_text(), re.DOTALL)
    commands = commands.replace("geoseg predict", f"{sys.executable} -m geoseg predict")
    commands = commands.replace("dask scheduler", "dask scheduler --port 0 --no-dashboard")
    commands = commands.replace("dask worker", "dask worker --no-dashboard")
    commands = commands.replace("geoseg predict", "geoseg predict -q", 1)
    waiting = "while [ ! -s scheduler.json ]; do read -t 0.1 < <(:) ; done\n"
    lines = commands.splitlines(keepends=True)
    assert [line.split()[0] for line in lines[:2]] == ["dask", "dask"]
    assert shell(lines[0] + waiting + "".join(lines[1:]), tmp_path) == 0
    assert (tmp_path / "maps/scene_classes.tif").exists()
    assert (tmp_path / "maps/scene_roads.geojson").exists()


@pytest.mark.slow
def test_an_interrupt_of_worker_processes(write_scene, noise, tmp_path):
    """Ctrl-C, which a terminal sends to all processes, ends with one line and exit code 130; the command resumes."""
    scene = write_scene(noise(900, 200))
    words = [sys.executable, "-m", "geoseg", "predict", str(scene), "-o", str(tmp_path / "out"), "--tile", "96"]
    words += ["--workers", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        try:
            while not [*tmp_path.glob("out/.*/*/classes_*.tif")]:
                assert running.poll() is None, running.stderr.read()
                threading.Event().wait(0.05)
            os.killpg(running.pid, signal.SIGINT)
            _, said = running.communicate(timeout=120)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert "geoseg: interrupted; the same command resumes." in said.splitlines()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".scene.geoseg"]
    subprocess.run([*words, "-q"], env=environment, check=True)
    assert (tmp_path / "out/scene_classes.tif").exists()


@pytest.mark.slow
def test_batch_on_worker_processes(write_scene, noise, tmp_path):
    """A batch runs on workers, too, and writes what single commands do."""
    write_scene(noise(90, 80), "a.tif"), write_scene(noise(80, 90), "b.tif")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    words = [sys.executable, "-m", "geoseg", "batch", "a.tif", "b.tif", "-q"]
    for more in (["-o", "here"], ["-o", "spread", "--workers", "2"]):
        subprocess.run([*words, *more], cwd=tmp_path, env=environment, check=True)
    for name in ("a_classes.tif", "b_classes.tif", "a_roads.geojson", "b_roads.geojson"):
        assert (tmp_path / "spread" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_no_scheduler(write_scene, tmp_path, monkeypatch):
    """An address at which nobody listens, or that is none, is one sentence with exit code 2."""
    monkeypatch.setattr("geoseg.cli.cluster._ANSWER_S", 1)
    scene = write_scene(np.zeros((3, 20, 20), np.uint8))
    for address in ("127.0.0.1:9", "tcq://a:1"):
        done = CliRunner().invoke(main, ["predict", str(scene), "-o", str(tmp_path), "--scheduler", address])
        assert done.exit_code == 2, done.output
        assert done.output == (
            f"geoseg: no Dask scheduler answers at {address}; start one with `dask scheduler`, or correct "
            "--scheduler.\n"
        )


def test_one_of_both(write_scene):
    """A cluster is found or started, not both."""
    scene = write_scene(np.zeros((3, 20, 20), np.uint8))
    done = CliRunner().invoke(main, ["predict", str(scene), "--scheduler", "a:1", "--workers", "2"])
    assert done.exit_code == 2
    assert done.output == (
        "geoseg: --scheduler names a cluster that runs, and --workers starts one; choose one of them.\n"
    )
