"""Stand-ins for networks and bundles, importable by tests and by the processes that tests start."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from geoseg.errors import GeosegWarning
from geoseg.models.bundle import Card, Scaling
from geoseg.models.legend import AERIAL
from geoseg.prediction.executors import LocalExecutor

DAMAGED_LEGENDS = ("{", "{}", "3", '{"classes": 3, "road": null}', "[" * 100_000, "[" * 500 + "]" * 500)
"""Texts that are no legend: cut off, empty, of another shape, nested deeper than Python recurses."""


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


class Echo:
    """Stands in for a network: the probability of every class is a band of the input, as whole levels of 254."""

    classes = len(AERIAL)

    def __call__(self, pixels):
        bands = pixels.shape[-1]
        return (pixels[..., [number % bands for number in range(self.classes)]] / np.float32(254)).astype(np.float32)


def load_echo(model, options):
    """Load an `Echo` in place of a network."""
    return Echo()


@dataclass(frozen=True)
class InBlocks(LocalExecutor):
    """Runs one block after the other, of as many as a cluster of workers would get."""

    workers: int
