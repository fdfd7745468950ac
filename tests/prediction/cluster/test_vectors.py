"""Polygons and roads of a raster, traced by the workers of a cluster: the bytes of a local run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from clusters import cluster
from processes import contents

import geoseg
from geoseg.cli import main
from geoseg.errors import UsageError
from geoseg.prediction.cluster.executor import DaskExecutor

SAMPLES = Path(__file__).parents[3] / "sample_rasters"
CHOICES = [
    {},
    {"min_area_m2": 12, "simplify_m": 1.5},
    {"regularise": ["building"], "min_area_m2": 25},
]


@pytest.fixture
def classes(tmp_path):
    """The sample's class raster, with probabilities beside it."""
    path = Path(shutil.copy(SAMPLES / "suburb_classes.tif", tmp_path))
    with rasterio.open(path) as raster:
        profile = {**raster.profile, "dtype": "uint8", "nodata": 255}
    levels = np.random.default_rng(0).integers(0, 255, (1, profile["height"], profile["width"]), dtype=np.uint8)
    with rasterio.open(tmp_path / "suburb_confidence.tif", "w", **profile) as raster:
        raster.write(levels)
        raster.update_tags(GEOSEG_SCALE="1/254")
        raster.scales, raster.offsets = (1 / 254,), (0,)
    return path


def test_the_same_bytes(classes, tmp_path):
    """Workers that see none of the files trace what a local run does."""
    here, spread = tmp_path / "here", tmp_path / "spread"
    here.mkdir(), spread.mkdir(), (tmp_path / "elsewhere").mkdir()
    with cluster(tmp_path, 2, cwd=tmp_path / "elsewhere") as (client, _):
        for folder, executor in ((here, None), (spread, DaskExecutor(client=client))):
            for number, choices in enumerate(CHOICES):
                geoseg.polygonise(classes, folder / f"{number}.gpkg", executor=executor, **choices)
            geoseg.trace_roads(classes, folder / "network.geojson", road_class=2, executor=executor)
        for command, more in (("polygons", []), ("roads", ["--class", "2"])):
            for folder, options in ((here, []), (spread, ["--scheduler", str(tmp_path / "scheduler.json")])):
                words = [command, str(classes), "-o", str(folder / f"{command}.fgb"), *more, *options]
                done = CliRunner().invoke(main, words, catch_exceptions=False)
                assert done.exit_code == 0, done.output
        assert contents(spread) == contents(here)
        with pytest.raises(UsageError, match="`workers` are threads of this process"):
            geoseg.trace_roads(classes, road_class=2, workers=2, executor=executor)
