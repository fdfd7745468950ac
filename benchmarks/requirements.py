"""Say in one sentence which package a benchmark lacks. Import this first, before what might be missing."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

SCRIPT = Path(sys.argv[0]).name
sys.path.append(str(Path(__file__).parents[1] / "tests"))  # random road networks with known geometry


def require(*packages: str) -> None:
    """Exit with a sentence if one of the packages is not installed."""
    if missing := [name for name in packages if find_spec(name) is None]:
        sys.exit(f"{SCRIPT} needs {', '.join(missing)}, which is not installed: pip install '.[benchmarks]'")


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        print(f"{SCRIPT} needs {error.name}, which is not installed: pip install '.[benchmarks]'", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _report
