"""The Python example of docs/roads.md runs unchanged."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
(EXAMPLE,) = re.findall("```py\n(.*?)```", (ROOT / "docs" / "roads.md").read_text(), re.DOTALL)


def test_example(capsys, monkeypatch):
    """It prints the number of edges, which its GeoDataFrame and graph have."""
    monkeypatch.chdir(ROOT)
    names = {}
    exec(compile(EXAMPLE, "example", "exec"), names)
    count = int(re.fullmatch(r"\d+\.\d km in (\d+) edges\n", capsys.readouterr().out)[1])
    assert len(names["edges"]) == names["graph"].number_of_edges() == count > 0
