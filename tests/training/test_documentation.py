"""The commands and the example of docs/training.md run in order on a small data set."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from rasterio import Affine

from geoseg.cli import main
from geoseg.rendering import render_scene

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall("```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
(EXAMPLE,) = re.findall("```py\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_page(write_raster, tmp_path, monkeypatch, capsys):
    """Every command succeeds, and finds the files of earlier commands."""
    for seed in range(3):
        scene, place = render_scene(seed, (96, 96)), Affine(1, 0, 500_000 + 96 * seed, 0, -1, 5_400_000)
        write_raster(f"images/{seed}.tif", scene.image[..., :3].transpose(2, 0, 1), transform=place)
        write_raster(f"labels/{seed}.tif", scene.classes[None], transform=place)
    write_raster("scene.tif", render_scene(9, (96, 96)).image[..., :3].transpose(2, 0, 1))
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) >= 8
    for line in COMMANDS:
        command, _, target = line.partition(" > ")
        done = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
        assert done.exit_code == 0, (line, done.output)
        if target:
            Path(target).write_text(done.stdout)
    for left in ("maps/scene_classes.tif", "city.onnx", "city.json", "runs/trial/report.html", "chips/images"):
        assert Path(left).exists(), left
    exec(compile(EXAMPLE, "example", "exec"), {"__name__": "__main__"})
    assert "city.keras" in capsys.readouterr().out
