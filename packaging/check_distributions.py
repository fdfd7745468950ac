"""Check that wheel and sdist hold the package as it is committed, and nothing else, in at most 60 MB each.

python packaging/check_distributions.py CHECKOUT DIST
"""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

MOST_BYTES = 60_000_000
NEEDED = {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"}
"""What the sdist is built from, apart from the package."""
MADE = {"PKG-INFO", "MANIFEST.in", "geoseg.egg-info"}
"""What setuptools and the manifest add to it."""


def check(checkout: Path, folder: Path) -> None:
    """Exit with a sentence if a distribution in `folder` is not what `checkout` has."""
    listed = subprocess.check_output(["git", "ls-files", "geoseg"], cwd=checkout, text=True).split("\n")
    package = {name for name in listed if name}
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        if b"\nProject-URL: " not in archive.read(metadata):
            print(f"{wheel.name} names no addresses of the project yet: fill in `project_urls` before you publish.")
    compare(wheel, held, package)
    with tarfile.open(sdist) as archive:
        held = {item.name.partition("/")[2] for item in archive if not item.isdir()}
    compare(sdist, {name for name in held if name.split("/")[0] not in MADE}, package | NEEDED)
    for path in (wheel, sdist):
        if path.stat().st_size > MOST_BYTES:
            sys.exit(f"{path.name} has {path.stat().st_size} bytes, more than {MOST_BYTES}.")
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")


def compare(path: Path, held: set[str], wanted: set[str]) -> None:
    """Exit if files are missing or too many."""
    if held != wanted:
        sys.exit(f"{path.name} lacks {sorted(wanted - held)} and has {sorted(held - wanted)} that it should not.")


if __name__ == "__main__":
    check(*map(Path, sys.argv[1:]))
