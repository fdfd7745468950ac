"""SHA-256 of everything geoseg writes for fixed inputs: two versions that agree line by line write the same bytes.

`python benchmarks/checksums.py > before.txt`, change the code, run it again and compare with `diff`. Scenes are the
sample rasters; each command runs in a process of its own in an empty folder, so that no path of the machine is
written. Network outputs may depend on processor and core count: compare tables of one machine only.
"""

from requirements import require

# isort: split
import argparse
import hashlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import rasterio

SAMPLES = Path(__file__).parent.parent / "sample_rasters"
NAMES = ("coast", "desert_city", "farmland", "satellite", "suburb")
FORMATS = "--format geojson --format gpkg --format flatgeobuf --format parquet"
"""Road networks and polygons in every format."""

COMMANDS = [
    *(f"predict scenes/{name}.tif -o maps --confidence --probabilities {FORMATS}" for name in NAMES),
    "predict scenes/suburb.tif -o matched --gsd 1.3 --match-input --tta flips --tile 256 --overlap 0.25",
    "predict scenes/coast.tif -o roads_model -m roads --window linear --batch-size 2",
    *(f"roads labels/{name}.tif --class 2 -o traced/{name}.gpkg {FORMATS}" for name in NAMES),
    "roads maps/suburb_probabilities.tif -o traced/probabilities.gpkg",
    "roads matched/suburb_classes.tif -o traced/classes.geojson --workers 2",
    *(f"polygons labels/{name}.tif -o areas/{name}.gpkg {FORMATS}" for name in NAMES),
    "polygons maps/suburb_classes.tif -o areas/simple.gpkg --simplify 1.5 --min-area 20",
    "evaluate rasters classes labels -o scores/rasters --bootstrap 100",
    "evaluate rasters classes/suburb_classes.tif labels/suburb.tif -o scores/isprs --protocol isprs",
    "evaluate model aerial.keras scenes/farmland.tif labels/farmland.tif -o scores/model",
    "evaluate roads maps/suburb_roads.gpkg roads/suburb.geojson -o scores/roads",
    "resize scenes/coast.tif resized/coast.tif --gsd 2.3",
    "resize labels/coast.tif resized/labels.tif --scale 1.7 --labels",
    "tile scenes labels -o chips --size 256",
    "train --init scenes labels > recipe.toml",
    "tile recipe.toml -o recipe_chips --size 256",
    "train recipe.toml -o run --set schedule.epochs=1 --set schedule.steps=3 --set schedule.batch=2"
    " --set schedule.window=256",
    "info scenes/suburb.tif --json > info/scene.json",
    "info aerial.keras --json > info/model.json",
    "models card aerial -o info/card.md",
    "models stac aerial.keras -o item.json",
    *(f"models export aerial --format {name} -o exported/{name}{ending}" for name, ending in
      {"onnx": ".onnx", "openvino": ".xml", "tflite": ".tflite"}.items()),
]  # fmt: skip


def lay_out(folder: Path) -> None:
    """Copy scenes, reference classes and reference roads; the 16-bit scene becomes three bands of 8 bits."""
    for name in (
        "scenes",
        "labels",
        "roads",
        "maps",
        "matched",
        "traced",
        "areas",
        "scores",
        "resized",
        "info",
        "classes",
        "exported",
    ):
        (folder / name).mkdir()
    shutil.copy(SAMPLES.parent / "geoseg" / "bundles" / "aerial.keras", folder)
    for name in NAMES:
        stem = "satellite_16bit" if name == "satellite" else name
        shutil.copy(SAMPLES / f"{stem}_classes.tif", folder / "labels" / f"{name}.tif")
        shutil.copy(SAMPLES / f"{stem}_roads.geojson", folder / "roads" / f"{name}.geojson")
        if name == "satellite":
            _eight_bits(SAMPLES / f"{stem}.tif", folder / "scenes" / "satellite.tif")
        else:
            shutil.copy(SAMPLES / f"{stem}.tif", folder / "scenes" / f"{name}.tif")


def _eight_bits(source: Path, target: Path) -> None:
    with rasterio.open(source) as scene:
        values = scene.read([3, 2, 1]).astype(np.float64)
        profile = scene.profile | {"count": 3, "dtype": "uint8", "photometric": "rgb"}
    low, high = np.percentile(values[values > 0], (1, 99))
    with rasterio.open(target, "w", **profile) as written:
        written.write(np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8))


def run(folder: Path, command: str) -> None:
    """Run one command in `folder`; what it prints goes to a file where the command names one."""
    words, _, kept = command.partition(" > ")
    arguments = [sys.executable, "-m", "geoseg", *shlex.split(words)]
    done = subprocess.run(arguments, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        print(f"exit {done.returncode}  {command}\n    {done.stderr.strip()[-400:]}", file=sys.stderr)
    if kept:
        (folder / kept).write_text(done.stdout)
    if words.startswith("predict"):
        for path in (folder / "maps").glob("*_classes.tif"):
            shutil.copy(path, folder / "classes")


def table(folder: Path) -> list[str]:
    """A line `digest  path` for each file; event files of training are left out, for all they hold is dated."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and "tfevents" not in path.name)
    return [f"{hashlib.sha256(content(path, folder)).hexdigest()}  {path.relative_to(folder)}" for path in paths]


def content(path: Path, folder: Path) -> bytes:
    """Bytes of a file without what differs between two runs: the folder's own path, dates of archives, durations."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return b"".join(archive.read(name) for name in archive.namelist() if name != "metadata.json")
    if path.name == "history.csv":
        rows = (line.split(",") for line in path.read_text().splitlines())
        return "\n".join(",".join([epoch, *rest]) for epoch, _, *rest in rows).encode()
    return path.read_bytes().replace(str(folder).encode(), b".")


def main() -> None:
    """Run every command and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="empty folder for the files; a temporary one otherwise")
    options = parser.parse_args()
    require("onnxruntime", "ai_edge_litert")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        lay_out(folder)
        for command in COMMANDS:
            print(command, file=sys.stderr)
            run(folder, command)
        print("\n".join(table(folder)))


if __name__ == "__main__":
    main()
