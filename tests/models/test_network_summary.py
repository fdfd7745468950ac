import zipfile
from collections import Counter

import keras
import pytest
from standins import make_card

from geoseg.errors import BundleError
from geoseg.models.bundle import read_summary
from geoseg.models.saved_network import save_bundle


@pytest.mark.parametrize("preset", ["attention_resunet", "fusionnet"])
def test_counts_are_those_of_keras(preset, narrow, tmp_path):
    """Layers and parameters read from the file are those that Keras counts in the network."""
    network = narrow(preset, 3)
    save_bundle(network, make_card(), tmp_path / "network.keras")
    summary = read_summary(tmp_path / "network.keras")
    assert summary.parameters == network.count_params()
    assert summary.layers == Counter(type(layer).__name__ for layer in network.layers)
    assert list(summary.layers.values()) == sorted(summary.layers.values(), reverse=True)
    assert summary.keras_version == keras.__version__


def test_bundle_without_a_network(write_bundle, tmp_path):
    """A file with a card but no network, or a damaged one, is a BundleError."""
    with pytest.raises(BundleError, match=r"config\.json"):
        read_summary(write_bundle())
    path = write_bundle("damaged.keras")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        archive.writestr("metadata.json", '{"keras_version": "3"}')
        archive.writestr("model.weights.h5", b"no HDF5")
    with pytest.raises(BundleError, match="cannot be read"):
        read_summary(path)
