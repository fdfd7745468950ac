"""A QGIS of its own: with the plugin, an empty profile, and this source tree's geoseg."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "qgis" / "geoseg_qgis"
# Debian's `qgis_process` passes an option that it does not know; behind it is the program itself.
PROCESS = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
PYTHON = "/usr/bin/python3"
"""The Python that QGIS uses."""


@dataclass(frozen=True)
class Qgis:
    """QGIS with a profile."""

    home: Path
    geoseg: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self):
        """Variables, among them one that would break other versions of GDAL and PROJ, as QGIS sets on some systems."""
        return os.environ | {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",  # QGIS takes the first Python on the path for its own
            "XDG_RUNTIME_DIR": str(self.home),
            "QT_QPA_PLATFORM": "offscreen",
            "QGIS_PLUGINPATH": str(PLUGIN.parent),
            "PYTHONPATH": f"{PLUGIN.parent}:/usr/share/qgis/python/plugins",
            "PROJ_LIB": "/usr/share/proj",
            "GEOSEG_COMMAND": str(self.geoseg),
            **self.variables,
        }

    def process(self, *arguments, expect=0, folder=None):
        """Run `qgis_process` and return what it prints."""
        command = [PROCESS, *map(str, arguments)]
        done = subprocess.run(
            command, env=self.environment(), cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, algorithm, expect=0, **parameters):
        """Run an algorithm with `qgis_process`."""
        return self.process(
            "run", algorithm, "--", *(f"{name}={value}" for name, value in parameters.items()), expect=expect
        )

    def script(self, name, *arguments):
        """Run a script of this folder in QGIS's Python, and return the JSON that it prints last."""
        command = [PYTHON, str(Path(__file__).with_name(name)), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def qgis(tmp_path_factory):
    """A QGIS with the plugin enabled; tests are skipped where there is none."""
    if PROCESS is None:
        pytest.skip("QGIS (qgis_process) is not installed")
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    geoseg = home / "geoseg"
    # QGIS's own PYTHONPATH does not reach it.
    python = f"PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)}"
    geoseg.write_text(f'#!/bin/sh\n{python} -m geoseg "$@"\n')
    geoseg.chmod(0o755)
    made = Qgis(home, geoseg)
    made.process("plugins", "enable", "geoseg_qgis")
    return made


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    """Copies of the sample rasters: QGIS writes statistics beside rasters that it shows."""
    return shutil.copytree(ROOT / "sample_rasters", tmp_path_factory.mktemp("samples"), dirs_exist_ok=True)


@pytest.fixture(scope="session")
def mapped(qgis, samples, tmp_path_factory):
    """Results of the command for a sample: classes, confidence, and roads in a GeoPackage."""
    folder = tmp_path_factory.mktemp("mapped")
    command = [qgis.geoseg, "predict", samples / "coast.tif", "-o", folder, "--confidence", "--format", "gpkg"]
    subprocess.run([*command, "-q"], check=True, timeout=300)
    return folder
