"""The tutorials and the quick start run from top to bottom as they stand, on small pieces of the sample rasters."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import rasterio
from click.testing import CliRunner
from rasterio.windows import Window

from geoseg.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "docs" / "quick_start.md", *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
SIDE = 330
"""Pixels of a piece: two by two tiles of the shipped models would be more."""
SHORT = [
    word for setting in ("epochs=1", "steps=2", "batch=2", "window=64") for word in ("--set", f"schedule.{setting}")
]
SHORT += ["--set", "card.tile=128", "--set", "card.overlap=32", "--set", "network={ width = 4, depth = 2 }"]
"""Overrides that only make a training run, and its network, smaller."""
INSTALLS = ("pip install ", "python3 -m venv ")
"""Beginnings of lines that `.ci/run` and `.ci/ways` run, each in an environment of its own."""
SLOW = {"first_map.md", "gpu.md", "my_own_model.md", "satellite.md", "thousand_scenes.md"}
"""Pages that train, start processes, or predict many times."""


def parts(page):
    """Lines of shell and blocks of Python of a page, in order: pairs of language and text."""
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        yield from ([(language, block)] if language == "python" else [(language, line) for line in block.splitlines()])


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder that looks like a checkout, with the south-west corners of the sample rasters."""
    samples = tmp_path / "sample_rasters"
    samples.mkdir()
    for path in (ROOT / "sample_rasters").glob("*.tif"):
        with rasterio.open(path) as source:
            corner = Window(0, source.height - SIDE, SIDE, SIDE)
            shape = {
                "height": SIDE,
                "width": SIDE,
                "transform": source.transform @ rasterio.Affine.translation(0, source.height - SIDE),
            }
            with (
                rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
                rasterio.open(samples / path.name, "w", **source.profile | shape) as target,
            ):
                target.write(source.read(window=corner))
                target.descriptions = source.descriptions
                target.colorinterp = source.colorinterp
                if source.mask_flag_enums[0] == [rasterio.enums.MaskFlags.per_dataset]:
                    target.write_mask(source.dataset_mask(window=corner))
                if source.colorinterp[0].name == "palette":
                    target.write_colormap(1, source.colormap(1))
    for path in (ROOT / "sample_rasters").glob("*.geojson"):
        shutil.copy(path, samples)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_line(line):
    """Run a line of shell: commands of geoseg in this process, others in a shell."""
    words = shlex.split(line, comments=True)
    if not words or line.startswith(INSTALLS):
        return
    if words[0] != "geoseg":
        subprocess.run(["bash", "-euc", line], check=True, env=os.environ)
        return
    wanted = re.search(r"# exit code (\d)", line)
    command, _, kept = line.split("  #")[0].partition(" > ")
    training = command.startswith("geoseg train") and "--init" not in command
    arguments = shlex.split(command.replace("--set schedule.minutes=10", "") if training else command)[1:]
    result = CliRunner().invoke(main, [*arguments, *(SHORT if training else [])], catch_exceptions=False)
    assert result.exit_code == (int(wanted[1]) if wanted else 0), (line, result.output)
    if kept:
        Path(kept.strip()).write_text(result.stdout)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=[pytest.mark.slow] if page.name in SLOW else [])
        for page in PAGES
        if page.name != "index.md"
    ],
)
@pytest.mark.filterwarnings("ignore::geoseg.errors.GeosegWarning")
def test_page(checkout, page):
    """Each command ends as the page says, and each piece of Python runs, with what the ones before it left."""
    names = {"__name__": "__main__"}
    steps = [*parts(page)]
    assert sum(text.startswith("geoseg ") for _, text in steps) >= 1
    for language, text in steps:
        if language == "python":
            exec(compile(text, page.name, "exec"), names)
        else:
            run_line(text)


def test_every_command_is_one_that_is_run():
    """No page of the tutorials shows a command of geoseg in a block that the test above leaves out.

    Lines for a cluster of several machines are the exception: docs/cluster.md has them as a test runs them.
    """
    for page in PAGES:
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        for language, block in blocks:
            left_out = language not in ("sh", "python") and "geoseg " in block
            assert not left_out or "dask scheduler" in block, (page.name, block)
