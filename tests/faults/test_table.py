"""The table of faults in the documentation names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_tests_of_the_table():
    """Each row names one test or more, and each of them is one."""
    rows = [line for line in (ROOT / "docs" / "faults.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for path, name in named:
            assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), (path, name)


def test_faults_of_the_folder():
    """Each test in this folder that injects a fault is in the table."""
    table = (ROOT / "docs" / "faults.md").read_text()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path != Path(__file__):
            for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE):
                assert f"tests/faults/{path.name}::{name}`" in table or name == "test_with_a_shipped_model", name


def test_executors():
    """Each test in this folder runs on each executor, but for those that the documentation excepts."""
    text = (ROOT / "docs" / "faults.md").read_text()
    excepted = set(re.findall(r"`(test_\w+)`", text))
    for path in Path(__file__).parent.glob("test_*.py"):
        for name, arguments in re.findall(r"^def (test_\w+)\(([^)]*)\)", path.read_text(), re.MULTILINE):
            if path != Path(__file__) and name != "test_with_a_shipped_model":
                assert (name in excepted) != ("executor" in re.split(r"[,\s]+", arguments)), name
