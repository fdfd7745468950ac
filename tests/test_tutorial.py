"""The tutorial notebook runs from its first cell to its last, and shows its results."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_tutorial(tmp_path):
    """Every cell runs; two pictures are drawn, and an edited network is written."""
    notebook = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": DOCS}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    texts = "".join(output.get("text", "") for output in outputs)
    assert len(pictures) == 2
    assert "km of road" in texts
    assert "edges traced" in texts
    assert "junctions" in texts
