"""Benchmarks name a missing package in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("code", ["require('no_such_package')", "import no_such_package"])
def test_missing_package(code):
    """A package is named with the extra that brings it, whether it is asked for or imported; no traceback."""
    script = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); from requirements import require; {code}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "-c needs no_such_package, which is not installed: pip install '.[benchmarks]'\n"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_requirements_come_first(path):
    """Every script imports `requirements` before anything that might be missing."""
    if path.stem in ("requirements", "scenes", "monai_window"):
        pytest.skip("no script")
    first = next(line for line in path.read_text().splitlines() if line.startswith(("import ", "from ")))
    assert first.split()[1] == "requirements"
