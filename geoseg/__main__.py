"""`python -m geoseg` is the command line."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # As the command `geoseg`, it does not look for packages in the current folder, where a `click.py` would hide one.
    if not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).parents[1]:
        del sys.path[0]

    from .cli import main

    main(prog_name="geoseg")
