import subprocess
import sys

SCRIPT = """
from geoseg.compiled import compiled

@compiled
def twice(value):
    return 2 * value

print(twice(21))
"""


def test_runs_where_nothing_can_be_cached():
    """Without a writable cache, as in a read-only installation, a function is still compiled."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "42"
