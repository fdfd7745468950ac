"""Predict a block on devices that read strips of pixels and return finished bytes.

`predict_block_on_devices(plan, block, networks)` is `blocks.predict_block` for the networks that
`geoseg.models.engines.on_devices.load_on_devices(model, options, devices)` loads, one for each of the devices that
`geoseg.models.engines.devices.find_backend().devices("gpu")` lists. One block for the whole scene serves all devices;
they share its strips, so nothing is computed twice. Of a scene too wide for the memory, two blocks side by side both
score the tiles at their border. With `EngineOptions(batch_size=None)` the batch suits the device.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from geoseg.messages import warn
from geoseg.models.engines.strips import Layers, Layout, Network
from geoseg.models.legend import NODATA
from geoseg.prediction.memory import STRIPS_AHEAD
from geoseg.prediction.plan import Plan
from geoseg.prediction.rows import Rows
from geoseg.prediction.strips import Strip, read_strips
from geoseg.prediction.timings import Timings
from geoseg.threads import running
from geoseg.tiling import Roi, clip, concatenate, is_repeated, taper, within

from .dealing_strips import Dealer
from .driving import Driver
from .strips_and_seams import FinishedStrip


def predict_block_on_devices(
    plan: Plan, block: Roi, networks: Sequence[Network], clock: Timings | None = None
) -> Iterator[Rows]:
    """Yield the finished rows of a block from top to bottom; they do not depend on the number of devices.

    A device that fails is reported by a GeosegWarning, and the others repeat its unfinished work. Raises SceneError if
    the scene cannot be read, UsageError if the last device has too little memory for one tile, and else the error of
    the last device that fails.
    """
    clock = clock or Timings()
    rows, cols = plan.lattice.touching(block)
    layout = _layout(plan, cols)
    dealer = Dealer(rows, _seams(plan, rows), networks, ahead=STRIPS_AHEAD * len(networks))

    def weights(row: int) -> npt.NDArray[np.float32]:
        return taper(plan.lattice.rows, row, plan.window)

    tasks: list[Callable[[], None]] = [lambda: _read(clock.producing("read", read_strips(plan, block)), dealer)]
    tasks += [Driver(layout, weights, network, dealer, clock).run for network in networks]
    with running(tasks, dealer.close, name="geoseg device"):
        for _ in dealer:
            sentences, finished = dealer.next_finished(wait=True)
            for sentence in sentences:
                warn(sentence)
            found = None if finished is None else _rows(plan, block, layout, finished, halved=dealer.halved)
            if found is not None:
                yield found


def _layout(plan: Plan, cols: range) -> Layout:
    """Positions and weights of the tiles of every strip."""
    axis = plan.lattice.cols
    starts = [axis.span(col).start for col in cols]
    settings = plan.settings
    return Layout(
        starts=np.array(starts, np.int32) - starts[0],
        weights=np.stack([taper(axis, col, plan.window) for col in cols]),
        overlap=axis.overlap,
        ends=cols[-1] == axis.count - 1,
        offset=np.array([band.offset for band in plan.scaling], np.float32),
        gain=np.array([band.gain for band in plan.scaling], np.float32),
        layers=Layers(
            confidence=settings.confidence,
            disagreement=settings.disagreement,
            probabilities=settings.probabilities,
            road=None if settings.probabilities else plan.road,
            lowest=plan.lowest_level,
        ),
    )


def _seams(plan: Plan, rows: range) -> range:
    """Numbers of the seams in a block, each that of the strip below it; the scene's borders count as seams."""
    if not plan.lattice.overlap:
        return range(0)
    first, last = rows[0], rows[-1]
    return range(first + (first > 0), last + 1 + (last == plan.lattice.rows.count - 1))


def _read(strips: Iterator[Strip], dealer: Dealer) -> None:
    """Read strips as long as they are wanted."""
    try:
        for strip in strips:
            if not dealer.put(strip):
                return
    except Exception as error:  # noqa: BLE001 - raised by the consumer
        dealer.fail(error)


def _rows(plan: Plan, block: Roi, layout: Layout, finished: FinishedStrip, *, halved: bool) -> Rows | None:
    """Crop a strip to the rows and columns that are the block's; None if it has none of them."""
    strip, (rows, cols) = finished.strip, block
    layers = layout.layers.count(len(plan.card.legend))
    parts = [
        np.broadcast_to(part, (layers, *part.shape[1:]))
        for part in (finished.top, finished.middle, finished.bottom)
        if part is not None
    ]
    first = strip.rows.start + (0 if finished.top is not None else layout.overlap)
    found = slice(first, first + sum(part.shape[1] for part in parts))
    wanted = clip(found, rows)
    if wanted.start >= wanted.stop:
        return None
    pixels = concatenate(parts, axis=1)[:, within(wanted, found), within(cols, strip.cols)]
    valid = strip.wanted_in(wanted, cols)
    if not is_repeated(pixels) and not valid.all():
        pixels = np.where(valid, pixels, np.uint8(NODATA))
    planes = iter(pixels)
    settings = plan.settings
    return Rows(
        rows=wanted,
        cols=cols,
        classes=next(planes),
        confidence=next(planes) if settings.confidence else None,
        disagreement=next(planes) if settings.disagreement else None,
        probabilities=concatenate([next(planes)[None] for _ in plan.card.legend.classes], axis=0)
        if settings.probabilities
        else None,
        road=next(planes, None),
        halved=halved,
    )
