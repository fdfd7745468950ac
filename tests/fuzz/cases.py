"""Damaged files, and what is done with them: a success or a GeosegError, nothing left over, in a few seconds.

`PYTHONPATH=tests:. python tests/fuzz/cases.py SEED SECONDS [KIND…]` tries them for long, and prints what fails.
"""

import json
import signal
import sys
import time
import traceback
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from mutations import damage_bytes, damage_json
from standins import load_echo, make_card

import geoseg
from geoseg.batch.manifest import read_manifest
from geoseg.errors import GeosegError
from geoseg.models.bundle import MEMBER, read_card, read_summary
from geoseg.models.graph.read import read_network
from geoseg.models.legend import AERIAL
from geoseg.models.shipped import find_model
from geoseg.polygons import polygonise
from geoseg.prediction.info import describe
from geoseg.rasters.opening.open import opened
from geoseg.rasters.stac import open_source, read_assets
from geoseg.training.recipe.load import load_recipe
from geoseg.vectors.read import read_features

SECONDS = 30
"""After which a case hangs, and its process is ended."""
PLACE = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
ROOT = Path(__file__).parent.parent.parent


def write_tiff(path, bands=3, **profile):
    pixels = np.random.default_rng(0).integers(0, 255, (bands, 40, 50), dtype=np.uint8)
    shape = {"count": bands, "height": 40, "width": 50, "dtype": "uint8", "crs": "EPSG:32633", "transform": PLACE}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", **shape, **profile) as made,
    ):
        made.write(pixels if bands > 1 else pixels % 5)
        if bands == 1:
            made.update_tags(GEOSEG_LEGEND=json.dumps(AERIAL.to_json()))
        else:
            made.write_mask(pixels[0] > 20)
    return path.read_bytes()


def predict(folder, scene):
    """Predict a scene with a stand-in for a network; results are all there, or none."""
    model = folder / "model.keras"
    out = folder / "out"
    try:
        geoseg.predict(scene, model=model, folder=out, load=load_echo, roads=False, devices="cpu")
    except GeosegError:
        left = [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.exists() else []
        assert not left, f"partial results: {left}"
        raise
    assert len(list(out.glob("*_classes.tif"))) == 1


class Kinds:
    """For each kind of file, a function that damages one and uses it."""

    def __init__(self, folder):
        compressed = {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16, "photometric": "rgb"}
        self.scenes = [
            write_tiff(folder / "a.tif", photometric="rgb"),
            write_tiff(folder / "b.tif", **compressed),
            write_tiff(folder / "c.tif", **compressed | {"compress": "lzw"}, BIGTIFF="YES"),
        ]
        self.classes = write_tiff(folder / "classes.tif", bands=1)
        polygonise(folder / "classes.tif")  # compiles, which is not what may take long
        self.card = make_card().to_json()
        with zipfile.ZipFile(find_model("aerial")) as archive:
            self.parts = {name: archive.read(name) for name in archive.namelist()}
        self.bundle = find_model("aerial").read_bytes()
        self.recipes = [path.read_bytes() for path in sorted((ROOT / "recipes").glob("*.toml"))]
        self.mosaic = vrt(folder / "a.tif")

    def geotiff(self, random, folder):
        (folder / "scene.tif").write_bytes(damage_bytes(random, random.choice(self.scenes)))
        bundle(folder, self.card)
        predict(folder, folder / "scene.tif")

    def vrt(self, random, folder):
        (folder / "a.tif").write_bytes(self.scenes[0])
        (folder / "scene.vrt").write_bytes(damage_bytes(random, self.mosaic))
        bundle(folder, self.card)
        if random.random() < 0.5:
            predict(folder, folder / "scene.vrt")
        else:
            with opened(str(folder / "scene.vrt")) as dataset:
                dataset.read(1, window=((0, 40), (0, 50)))

    def sidecar(self, random, folder):
        (folder / "scene.tif").write_bytes(self.scenes[1])
        text = b'<PAMDataset><PAMRasterBand band="1"><NoDataValue>3</NoDataValue></PAMRasterBand></PAMDataset>'
        (folder / "scene.tif.aux.xml").write_bytes(damage_bytes(random, text))
        bundle(folder, self.card)
        predict(folder, folder / "scene.tif")

    def card_of_a_bundle(self, random, folder):
        bundle(folder, damage_json(random, self.card))
        (folder / "scene.tif").write_bytes(self.scenes[0])
        describe(folder / "model.keras")
        describe(folder / "scene.tif", model=folder / "model.keras", devices="cpu")

    def members(self, random, folder):
        name = random.choice(["config.json", "metadata.json", "model.weights.h5"])
        content = self.parts[name]
        damaged = damage_json(random, json.loads(content)) if name.endswith("json") else damage_bytes(random, content)
        with zipfile.ZipFile(folder / "model.keras", "w") as archive:
            for each, whole in self.parts.items():
                archive.writestr(each, damaged if each == name else whole)
        use_bundle(folder / "model.keras")

    def archive(self, random, folder):
        (folder / "model.keras").write_bytes(damage_bytes(random, self.bundle))
        use_bundle(folder / "model.keras")

    def legend(self, random, folder):
        path = folder / "classes.tif"
        path.write_bytes(self.classes)
        with rasterio.open(path, "r+") as raster:
            text = damage_json(random, AERIAL.to_json()).replace(b"\0", b"")
            raster.update_tags(GEOSEG_LEGEND=text.decode("utf-8", "replace"))
        whole(folder, lambda target: polygonise(path, target))

    def class_raster(self, random, folder):
        path = folder / "classes.tif"
        path.write_bytes(damage_bytes(random, self.classes))
        whole(folder, lambda target: polygonise(path, target))

    def recipe(self, random, folder):
        (folder / "recipe.toml").write_bytes(damage_bytes(random, random.choice(self.recipes)))
        load_recipe(folder / "recipe.toml")

    def vectors(self, random, folder):
        ring = [[15.0, 48.7], [15.001, 48.7], [15.001, 48.75], [15.0, 48.7]]
        feature = {"type": "Feature", "properties": {"a": 1}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        document = {"type": "FeatureCollection", "features": [feature]}
        (folder / "area.geojson").write_bytes(damage_json(random, document))
        read_features(folder / "area.geojson")
        (folder / "scene.tif").write_bytes(self.scenes[0])
        bundle(folder, self.card)
        describe(folder / "scene.tif", model=folder / "model.keras", devices="cpu", aoi=folder / "area.geojson")

    def stac(self, random, folder):
        (folder / "a.tif").write_bytes(self.scenes[0])
        item = {"type": "Feature", "id": "one", "properties": {"datetime": "2024-01-01T00:00:00Z"}, "links": []}
        item["assets"] = {"visual": {"href": "./a.tif"}}
        document = {"type": "FeatureCollection", "features": [item, {**item, "id": "two"}], "links": []}
        (folder / "items.json").write_bytes(damage_json(random, document))
        for asset in read_assets(folder / "items.json", "visual"):
            open_source(asset)

    def manifest(self, random, folder):
        record = {"scene": "a", "name": "a", "state": "done", "started": "", "ended": "", "seconds": 1.0, "pixels": 3}
        record["outputs"] = [{"path": "a.tif", "bytes": 3, "sha256": "0"}]
        lines = [damage_json(random, record).replace(b"\n", b" ") for _ in range(3)]
        (folder / "manifest.jsonl").write_bytes(b"\n".join(lines) + random.choice((b"", b"\n")))
        read_manifest(folder)


KINDS = [name for name, kind in vars(Kinds).items() if not name.startswith("_") and callable(kind)]


def vrt(path):
    import rasterio.shutil

    target = path.with_suffix(".vrt")
    rasterio.shutil.copy(path, target, driver="VRT")
    return target.read_bytes()


def bundle(folder, card):
    text = card if isinstance(card, bytes) else json.dumps(card)
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        archive.writestr(MEMBER, text)


def use_bundle(path):
    read_card(path)
    read_summary(path)
    read_network(path)


def whole(folder, write):
    """Write a file; there is a whole one, or none."""
    target = folder / "out.geojson"
    try:
        write(target)
    except GeosegError:
        assert not target.exists(), "a partial file"
        raise
    json.loads(target.read_text())


def run(seed, seconds, count, kinds, progress):
    """Try damaged files until the time is over, or so many of each kind; return what failed."""
    failures, seen = [], Counter()
    end = time.monotonic() + seconds
    with TemporaryDirectory() as place:
        tried = Kinds(Path(place))
        for number in range(count):
            for kind in kinds:
                if time.monotonic() > end:
                    return failures, seen
                progress(f"{kind} {seed}:{number}")
                outcome = try_one(tried, kind, Random(f"{kind} {seed} {number}"))
                seen[kind, outcome is None] += 1
                if outcome:
                    failures.append(f"{kind} {seed}:{number}: {outcome}")
    return failures, seen


def try_one(tried, kind, random):
    """Use one damaged file; return what is wrong with what happens."""
    signal.alarm(SECONDS)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(tried, kind)(random, Path(folder))
        except GeosegError as error:
            text = str(error)
            return None if text.endswith(".") and "\n" not in text.replace("\\n", "") else f"no sentence: {text!r}"
        except Exception:  # noqa: BLE001 - what the test is about
            return traceback.format_exc(limit=-4)
        finally:
            signal.alarm(0)
    return None


if __name__ == "__main__":
    found, counts = run(sys.argv[1], float(sys.argv[2]), 10**9, sys.argv[3:] or KINDS, lambda _text: None)
    for failure in found:
        print(failure)
    print(dict(counts))
