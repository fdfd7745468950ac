"""Predict one block with an engine on the whole CPU, or with networks on devices."""

from collections.abc import Iterator

from geoseg.models.engines.engine import Engine
from geoseg.models.engines.strips import Networks
from geoseg.tiling import Carried, Roi

from .blocks import Rows, predict_block
from .devices.predict_block import predict_block_on_devices
from .plan import Plan
from .timings import Timings


def predict_rows(
    plan: Plan, block: Roi, engine: Engine | Networks, clock: Timings | None = None, carried: Carried | None = None
) -> Iterator[Rows]:
    """Yield the finished rows of a block from top to bottom; raises SceneError if the scene cannot be read.

    On the CPU, `carried` hands scores from block to block, as in `predict_block`; devices compute them again.
    """
    if isinstance(engine, Networks):
        return predict_block_on_devices(plan, block, engine.networks, clock)
    return predict_block(plan, block, engine, clock, carried)
