"""Build the zip of the plugin: `python qgis/build_zip.py [FOLDER]`; the same files give the same bytes."""

import sys
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

HERE = Path(__file__).resolve().parent
PLUGIN = HERE / "geoseg_qgis"
ENDINGS = {".py", ".txt", ".svg"}
REQUIRED = (
    "name", "description", "about", "version", "qgisMinimumVersion", "author", "email", "homepage", "repository",
    "tracker", "license", "icon", "tags", "hasProcessingProvider",
)  # fmt: skip
"""Keys of the metadata that QGIS or its plugin repository ask for."""


def read_metadata() -> dict[str, str]:
    """Return the plugin's metadata; ValueError names what is missing."""
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # keys have capitals
    parser.read(PLUGIN / "metadata.txt", encoding="utf-8")
    metadata = dict(parser["general"])
    missing = [key for key in REQUIRED if not metadata.get(key)]
    if missing:
        raise ValueError(f"metadata.txt lacks {', '.join(missing)}; add them.")
    return metadata


def build(folder: Path) -> Path:
    """Write the zip to a folder, and return its path."""
    path = folder / f"geoseg_qgis-{read_metadata()['version']}.zip"
    files = {each.relative_to(HERE): each for each in sorted(PLUGIN.rglob("*")) if each.suffix in ENDINGS}
    files[Path("geoseg_qgis/LICENSE")] = HERE.parent / "LICENSE"
    with ZipFile(path, "w") as archive:
        for name, source in files.items():
            member = ZipInfo(name.as_posix())  # of 1980: bytes do not depend on the date
            member.compress_type, member.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, source.read_bytes())
    return path


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()), flush=True)
    reserved = [key for key, value in read_metadata().items() if "example.org" in value]
    if reserved:
        print(
            f"The zip works; to publish it, set the addresses in metadata.txt ({', '.join(reserved)}).", file=sys.stderr
        )
