"""Networks shared by read-only tests: Keras takes most of a second to build one."""

import os
from functools import cache

# On the JAX backend, XLA would optimise for minutes what runs once. Read when JAX starts.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import keras
import pytest

from geoseg.models.networks.presets import build_preset


@cache
def build(name, bands):
    keras.utils.set_random_seed(0)
    return build_preset(name, bands=bands, classes=5, width=2)


@pytest.fixture(scope="session")
def narrow():
    """Builder of narrow, untrained presets of 5 classes, by name and number of bands."""
    return build
