"""Load a network on chosen devices, where a strip of pixels goes up and finished bytes come back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import UsageError
from geoseg.models.backend import without_tensorflow
from geoseg.models.saved_network import load_network

from .device import Device
from .devices import find_backend
from .engine import EngineOptions
from .strips import Network

if TYPE_CHECKING:
    import keras


def load_on_devices(
    source: "Path | keras.Model", options: EngineOptions, devices: Sequence[Device]
) -> tuple[Network, ...]:
    """Load a bundle or network on each device, with batch normalisations folded and in `options.precision`.

    Raises UsageError for a precision or backend that cannot be used, BundleError for a bundle that cannot be loaded.
    """
    if options.precision == "int8":
        raise UsageError("`precision` int8 does not run on Keras devices; choose float32, bfloat16 or float16.")
    # Before the imports, since this starts Keras quietly.
    network = load_network(source) if isinstance(source, Path) else source
    from geoseg.models.folding import fold_batch_norm
    from geoseg.models.precision import mixed

    from .device_network import DeviceNetwork

    backend = find_backend()
    with without_tensorflow():
        network = fold_batch_norm(network)
        if options.precision != "float32":
            network = mixed(network, f"mixed_{options.precision}")
        return tuple(DeviceNetwork(network, options, device, backend) for device in devices)
