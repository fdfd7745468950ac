"""The command line in this process, and a class raster for it."""

import numpy as np
import pytest
from click.testing import CliRunner

from geoseg.cli import main
from geoseg.models.legend import AERIAL


@pytest.fixture
def invoke():
    """Run the command line, and return click's result; fails on another exit code than expected."""

    def invoke(*arguments, expect=0):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == expect, result.output
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture
def run(invoke):
    """Run the command line, and return what it printed: on standard output, or on standard error if it fails."""

    def run(*arguments, expect=0):
        result = invoke(*arguments, expect=expect)
        return result.stderr if expect else result.stdout

    return run


@pytest.fixture
def classes(write_ids):
    """A class raster with a road."""
    values = np.ones((40, 60), np.uint8)
    values[18:24] = 2
    return write_ids(values, nodata=255, legend=AERIAL, gsd_m=2)
