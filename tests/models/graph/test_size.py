"""The size of a network is read from its configuration, without its weights."""

import zipfile

import numpy as np
import pytest
from standins import make_card

from geoseg.errors import BundleError
from geoseg.models.archive import WEIGHTS
from geoseg.models.graph.size import SHIPPED, NetworkSize, read_size
from geoseg.models.saved_network import save_bundle
from geoseg.models.shipped import find_model, shipped_models


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a Keras network from three bands to the classes of a card."""

    def save(network):
        path = tmp_path / "network.keras"
        save_bundle(network, make_card(), path)
        return path

    return save


def test_shipped_networks():
    """What is assumed of an unknown network holds for those that are shipped."""
    sizes = [read_size(find_model(name)) for name in shipped_models()]
    assert max(size.weights for size in sizes) == SHIPPED.weights
    assert {size.maps for size in sizes} == {SHIPPED.maps}


def test_maps_by_hand(saved):
    """Maps count while a later layer takes them: the first one here until it is joined, the others one layer long."""
    import keras

    pixels = keras.Input((None, None, 3))
    wide = keras.layers.Conv2D(10, 3, padding="same")(pixels)
    half = keras.layers.MaxPooling2D()(wide)
    deep = keras.layers.Conv2D(40, 3, padding="same")(half)
    back = keras.layers.UpSampling2D()(deep)
    joined = keras.layers.Concatenate()([wide, back])
    scores = keras.layers.Conv2D(len(make_card().legend), 1)(joined)
    size = read_size(saved(keras.Model(pixels, scores)))
    # At the concatenation: 10 and 40 channels, and the 50 of both.
    assert size.maps == 4 * (10 + 40 + 50)


def test_weights(saved):
    """The file of weights is counted, not unpacked."""
    import keras

    pixels = keras.Input((None, None, 3))
    path = saved(keras.Model(pixels, keras.layers.Conv2D(len(make_card().legend), 1, name="only")(pixels)))
    with zipfile.ZipFile(path) as archive:
        assert read_size(path).weights == len(archive.read(WEIGHTS))


def test_twice_as_wide(saved):
    """Feature maps of a network that is twice as wide take twice the memory."""
    from geoseg.models.networks.presets import build_preset

    sizes = []
    for width in (4, 8):
        network = build_preset("attention_resunet", bands=3, classes=len(make_card().legend), width=width)
        sizes.append(read_size(saved(network)))
    assert sizes[1].maps == pytest.approx(2 * sizes[0].maps, rel=0.05)
    assert np.isclose(sizes[1].weights, 4 * sizes[0].weights, rtol=0.5)


def test_unknown_networks(write_bundle, tmp_path):
    """A bundle without a network, for a loader of the caller, counts as a shipped one; without a card it is refused."""
    assert read_size(write_bundle()) == SHIPPED
    with pytest.raises(BundleError):
        read_size(tmp_path / "missing.keras")
    assert isinstance(read_size(find_model("aerial")), NetworkSize)
