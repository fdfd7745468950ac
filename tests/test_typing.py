"""A type checker in a user's project sees the public calls, their options and their results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import geoseg

pytest.importorskip("mypy", reason="mypy is not installed")

PROGRAM = """
import geoseg
import numpy as np

model = geoseg.Model("aerial")
reveal_type(model.predict("scene.tif", folder="maps", tta="flips", bands=(1, 2, 3)).outputs.classes)
reveal_type(model.predict_array(np.zeros((3, 9, 9), np.uint8)))
reveal_type(geoseg.trace_roads("classes.tif"))
reveal_type(geoseg.polygonise("classes.tif").totals)
reveal_type(geoseg.evaluate("maps", "labels"))
geoseg.predict("scene.tif", gsd=3)
geoseg.describe("scene.tif", tta="circular")
geoseg.nothing
"""


@pytest.mark.slow
def test_types_of_a_users_project(tmp_path):
    """Results have their types; a misspelt option, a wrong value and an unknown name are errors."""
    (tmp_path / "program.py").write_text(PROGRAM)
    root = Path(geoseg.__file__).parents[1]
    # An editable installation is invisible to mypy, which refuses site-packages in turn.
    path = {} if root.name == "site-packages" else {"MYPYPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "program.py"],
        cwd=tmp_path, env=os.environ | path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    for found in (
        'Revealed type is "pathlib.Path',
        'Revealed type is "numpy.ndarray',
        'Revealed type is "geoseg.roads.network.RoadNetwork"',
        'Revealed type is "dict[int, geoseg.polygons',
        'Revealed type is "geoseg.evaluation.result.Evaluation"',
        'Unexpected keyword argument "gsd"',
        'Argument "tta" to "describe" has incompatible type',
        'Module has no attribute "nothing"',
    ):
        assert found in done.stdout, done.stdout
