"""Take the pictures of docs/qgis.md in a real QGIS under Xvfb: `python qgis/screenshots.py [FOLDER]`.

The folder is docs/images by default. Needs Debian's packages qgis, python3-qgis and xvfb, and an installed geoseg.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

HERE = Path(__file__).resolve().parent
NAMES = ("set_up", "predict", "progress", "results")
COLOURS = 256
"""Colours of a picture: enough for dialogs and maps, in a small file."""
SETTINGS = """[PythonPlugins]
processing=true
geoseg_qgis=true
[qgis]
checkVersion=false
newsFeed\\enabled=false
[core]
NewsFeed\\httpsfeedqgisorg\\disabled=true
[locale]
overrideFlag=true
userLocale=en
"""


def take(folder: Path) -> None:
    """Start QGIS with the script that takes the pictures, and reduce their size."""
    geoseg = os.environ.get("GEOSEG_COMMAND") or shutil.which("geoseg", path=Path(sys.executable).parent)
    with TemporaryDirectory() as work:
        profile = Path(work) / "profiles" / "default" / "QGIS"
        profile.mkdir(parents=True)
        (profile / "QGIS3.ini").write_text(SETTINGS)
        Path(work, "temporary").mkdir()
        variables = {
            "HOME": work,
            "PATH": "/usr/bin:/bin",  # QGIS takes the first Python on the path for its own
            "XDG_RUNTIME_DIR": work,
            "TMPDIR": f"{work}/temporary",  # QGIS marks layers of files in its temporary folder
            "QGIS_PLUGINPATH": str(HERE),
            "GEOSEG_COMMAND": str(geoseg),
            "GEOSEG_PICTURES": work,
            # A copy: QGIS writes statistics beside rasters that it shows.
            "GEOSEG_SCENE": shutil.copy(HERE.parent / "sample_rasters" / "suburb.tif", work),
        }
        Path(work).chmod(0o700)
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1360x850x24"]
        arguments = ["--nologo", "--noversioncheck", "--profiles-path", work, "--code", str(HERE / "take_pictures.py")]
        subprocess.run([*screen, "qgis", *arguments], env=os.environ | variables, timeout=600, check=True)
        for name in NAMES:
            picture = Image.open(Path(work) / f"{name}.png").convert("RGB")
            # Other methods merge rare colours, such as those of a legend, with others.
            few = picture.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            few.save(folder / f"qgis_{name}.png", optimize=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "images")
