"""Read the layers of a network's configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .folds import used_layers
from .network import Layer, unsupported
from .settings import choose_settings


def read_layer(path: Path, entry: Mapping[str, Any]) -> Layer:
    """Read a layer but for its weights; raises BundleError if its call needs Keras."""
    name, kind, calls = str(entry["name"]), entry["class_name"], entry["inbound_nodes"]
    if len(calls) != 1:
        raise unsupported(path, f"layer {name}", f"called {len(calls)} times")
    (call,) = calls
    arguments = [key for key, value in call["kwargs"].items() if key != "inputs" and value not in (None, False)]
    if arguments:
        raise unsupported(path, f"layer {name}", f"called with {', '.join(arguments)}")
    inputs = tuple(used_layers(call))
    return Layer(name=name, kind=kind, inputs=inputs, settings=choose_settings(kind, entry["config"]))
