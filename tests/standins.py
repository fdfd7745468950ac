"""Stand-ins for networks and bundles, importable by tests and by the processes that tests start."""

import errno
import os
import re
import resource
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from geoseg.errors import GeosegWarning
from geoseg.models.bundle import Card, Scaling
from geoseg.models.engines.devices import find_backend
from geoseg.models.engines.registry import load_engine
from geoseg.models.legend import AERIAL
from geoseg.models.networks.presets import PRESETS
from geoseg.prediction.blocks import predict_block
from geoseg.prediction.devices.predict_block import predict_block_on_devices
from geoseg.prediction.executors import LocalExecutor
from geoseg.prediction.jobs import run_block

KINDS = list({(preset.block, preset.skip, preset.encoder): name for name, preset in PRESETS.items()}.values())
"""A preset of each kind of network; others differ from one of them in depth only."""
DAMAGED_LEGENDS = ("{", "{}", "3", '{"classes": 3, "road": null}', "[" * 100_000, "[" * 500 + "]" * 500)
"""Texts that are no legend: cut off, empty, of another shape, nested deeper than Python recurses."""


@contextmanager
def files_of_at_most(length: int) -> Iterator[None]:
    """Refuse what this process writes to a file beyond a length in bytes, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (length, limits[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def replace_alike(path, content=None):
    """Put another file of the same size and time of modification in a file's place, as unpacking an archive may."""
    before, other = path.stat(), path.with_name("other")
    if content is None:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
    other.write_bytes(content)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def write_mosaic(path, *sources, element="SimpleSource", inside=""):
    """Write a VRT that shows rasters of one band side by side, with the colour table of the first, as gdalbuildvrt."""
    with rasterio.open(sources[0]) as first:
        height, width, place, crs = *first.shape, first.transform.to_gdal(), first.crs
        colours = first.colormap(1)
    table = "".join('<Entry c1="{}" c2="{}" c3="{}" c4="{}"/>'.format(*colours[value]) for value in sorted(colours))
    shown = "".join(
        f'<{element}><SourceFilename relativeToVRT="1">{source.name}</SourceFilename><SourceBand>1</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="{number * width}" yOff="0" xSize="{width}" ySize="{height}"/>{inside}</{element}>'
        for number, source in enumerate(sources)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{width * len(sources)}" rasterYSize="{height}"><SRS>{crs.to_string()}</SRS>'
        f"<GeoTransform>{', '.join(map(str, place))}</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1"><ColorInterp>Palette</ColorInterp><ColorTable>{table}</ColorTable>'
        f"{shown}</VRTRasterBand></VRTDataset>"
    )
    return path


def name_ids(raster, names, *, table=True, colours=None):
    """Name the ids of a raster in an attribute table beside it, as QGIS and ArcGIS do, or as GDAL's categories.

    The table may have `colours`, by id.
    """
    if not table:
        listed = "".join(f"<Category>{escape(names.get(number, ''))}</Category>" for number in range(max(names) + 1))
        return describe_band(raster, f"<CategoryNames>{listed}</CategoryNames>")
    columns = [("Value", 0, 5), ("Count", 0, 1), ("Class", 2, 2)]
    columns += [(name, 0, use) for use, name in enumerate(("Red", "Green", "Blue"), 6) if colours]
    rows = [(number, 7, name, *(colours or {}).get(number, ())) for number, name in names.items()]
    return write_attribute_table(raster, columns, rows)


def write_attribute_table(raster, columns, rows):
    """Write an attribute table beside a raster; columns have a name, and GDAL's numbers of their type and use."""
    fields = "".join(
        f'<FieldDefn index="{place}"><Name>{name}</Name><Type>{kind}</Type><Usage>{use}</Usage></FieldDefn>'
        for place, (name, kind, use) in enumerate(columns)
    )
    cells = "".join(
        f'<Row index="{place}">{"".join(f"<F>{escape(str(cell))}</F>" for cell in row)}</Row>'
        for place, row in enumerate(rows)
    )
    return describe_band(raster, f"<GDALRasterAttributeTable>{fields}{cells}</GDALRasterAttributeTable>")


def describe_band(raster, text):
    """Write a description of the first band beside a raster, as GDAL does."""
    raster.with_name(f"{raster.name}.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1">{text}</PAMRasterBand></PAMDataset>'
    )
    return raster


def write_warped(source, path):
    """Write a VRT that warps a raster to another UTM zone."""
    with rasterio.open(source) as dataset, WarpedVRT(dataset, crs="EPSG:32632", resampling=Resampling.cubic) as warped:
        rasterio.shutil.copy(warped, path, driver="VRT")
    return path


def make_card(**changes) -> Card:
    values = {
        "name": "stand-in",
        "version": "1",
        "bands": ("red", "green", "blue"),
        "scaling": {"uint8": Scaling()},
        "gsd_m": 1.0,
        "tile": 64,
        "overlap": 16,
        "window": "hann",
        "multiple": 16,
        "legend": AERIAL,
    }
    return Card(**(values | changes))


@contextmanager
def warned(*patterns: str) -> Iterator[None]:
    """Require a GeosegWarning for each pattern; `pytest.warns` would fail for what odc-geo's transforms warn of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", GeosegWarning)
        yield
    texts = [str(each.message) for each in caught]
    assert all(any(re.search(pattern, text) for text in texts) for pattern in patterns), texts


def waves(height, width):
    """Return bytes `(3, height, width)` of waves, whose third band, the road of an `Echo`, has lines."""
    y, x = np.mgrid[:height, :width]
    bands = [np.sin(x / (7 + band)) + np.cos(y / (11 - band)) for band in range(3)]
    pixels = np.rint(np.stack(bands) * 60 + 120).astype(np.uint8)
    pixels[2, 140:148] = pixels[2, :, 200:206] = 250
    return pixels


class Echo:
    """Stands in for a network: the probability of every class is a band of the input, as whole levels of 254."""

    classes = len(AERIAL)

    def __call__(self, pixels):
        bands = pixels.shape[-1]
        return (pixels[..., [number % bands for number in range(self.classes)]] / np.float32(254)).astype(np.float32)


def build_echo_network():
    """Build what an `Echo` stands in for: a Keras network of three bands, for devices."""
    import keras  # slow

    pixels = keras.Input((None, None, 3))
    network = keras.Model(pixels, keras.layers.Conv2D(Echo.classes, 1, use_bias=False)(pixels))
    kernel = np.zeros((1, 1, 3, Echo.classes), np.float32)
    kernel[0, 0, [number % 3 for number in range(Echo.classes)], range(Echo.classes)] = 1 / 254
    network.set_weights([kernel])
    return network


class Watched:
    """A backend whose networks call `before` with a number of tiles, then score them; where compiled, only then."""

    def __init__(self, before):
        self._before = before

    def __getattr__(self, name):
        return getattr(find_backend(), name)

    def place(self, network, device):
        placed = find_backend().place(network, device)
        score = placed.apply

        def apply(weights, pixels):
            self._before(pixels.shape[0])
            return score(weights, pixels)

        placed.apply = apply
        return placed


def with_room_for(most):
    """Return a backend whose devices have too little memory to score more than some tiles at a time."""

    def refuse_more(tiles):
        if tiles > most:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.")

    return Watched(refuse_more)


def load_echo(model, options):
    """Load an `Echo` in place of a network."""
    return Echo()


class FailingLoads:
    """Loads `Echo`s, but for some of the times that it is called, counted from 1."""

    def __init__(self, *failing):
        self.failing, self.calls = failing, 0

    def __call__(self, model, options):
        self.calls += 1
        if self.calls in self.failing:
            raise RuntimeError("a\nbug")
        return Echo()


def load_deadly(model, options):
    """End the process that loads it, as a lack of memory would."""
    os.kill(os.getpid(), signal.SIGKILL)


def load_timed_out(model, options):
    """Fail as a file does on a server that went away."""
    raise TimeoutError(errno.ETIMEDOUT, "Connection timed out", str(model))


def load_noted(model, options):
    """Load OpenVINO's engine, and note by whom, which, for how many threads, and from where."""
    engine = load_engine(model, replace(options, engine="openvino"))
    line = f"{os.getpid()} {id(engine)} {engine._settings.get('INFERENCE_NUM_THREADS')} {model}\n"
    with (Path(os.environ["NOTES"]) / "notes").open("a") as notes:
        notes.write(line)
    return engine


@dataclass(frozen=True)
class InBlocks(LocalExecutor):
    """Runs one block after the other, of as many as a cluster of workers would get."""

    workers: int


class InPieces(LocalExecutor):
    """Takes the pieces of one scene after the other as `pieces` yields them."""

    def __call__(self, works):
        for work in works:
            try:
                for finished in self.pieces(work.jobs, work.clock):
                    work.take(finished)
            except Exception as error:  # noqa: BLE001 - the caller judges it
                yield work, error
            else:
                yield work, None

    def pieces(self, jobs, clock):
        for job in jobs:
            yield from run_block(job, clock)


@dataclass(frozen=True)
class Together(InBlocks):
    """Runs the next block of one scene after the other, of as many scenes at a time as there are workers."""

    @property
    def writers(self):
        return self.workers

    def __call__(self, works):
        works, running = iter(works), {}
        while True:
            while len(running) < self.workers and (work := next(works, None)) is not None:
                running[work] = self._steps(work)
            if not running:
                return
            for work, steps in [*running.items()]:
                try:
                    next(steps)
                except StopIteration:
                    del running[work]
                    yield work, None
                except Exception as error:  # noqa: BLE001 - the caller judges it
                    del running[work]
                    yield work, error

    def _steps(self, work):
        for job in work.jobs:
            for finished in run_block(job, work.clock):
                work.take(finished)
                yield


def image(plan, rows):
    """Layers of all finished rows `(layers, height, width)`; 77 where none came."""
    found = None
    for part in rows:
        layers = [part.classes[None]]
        layers += [layer[None] for layer in (part.confidence, part.disagreement, part.road) if layer is not None]
        layers += [] if part.probabilities is None else [part.probabilities]
        stack = np.concatenate(layers)
        if found is None:
            found = np.full((len(stack), *plan.grid.shape), 77, np.uint8)
        assert (found[:, part.rows, part.cols] == 77).all(), "rows came twice"
        found[:, part.rows, part.cols] = stack
    return found


def on_devices(plan, networks):
    """Predict all blocks of a plan on devices."""
    return image(plan, (rows for block in plan.blocks for rows in predict_block_on_devices(plan, block, networks)))


def on_host(plan, engine):
    """Predict all blocks of a plan with an engine."""
    return image(plan, (rows for block in plan.blocks for rows in predict_block(plan, block, engine)))
