"""A wheel named geoseg that installs in a moment."""

import zipfile

from geoseg.version import __version__


def make_wheel(folder):
    """Write a wheel of geoseg that only tells its version."""
    folder.mkdir()
    info = f"geoseg-{__version__}.dist-info"
    files = {
        "geoseg_stand_in.py": f"def main():\n    print('geoseg, version {__version__}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: geoseg\nVersion: {__version__}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ngeoseg = geoseg_stand_in:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"geoseg-{__version__}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return folder
