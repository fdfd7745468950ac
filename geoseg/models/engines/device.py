"""Devices of Keras's backend, and what the engine needs from a backend."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

if TYPE_CHECKING:
    import keras

Array = Any
"""An array on a device; the backends publish no common type."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A processor that the backend can place arrays on."""

    name: str
    """Kind and number, such as `gpu:0`."""
    memory: int | None
    """Bytes that the backend may use; None if it does not report them."""
    handle: Any = field(repr=False)
    """The backend's name for it."""

    @property
    def on_cpu(self) -> bool:
        """Whether it shares the processor and the memory of the host."""
        return self.name.startswith("cpu")


class Placed(Protocol):
    """A network on a device."""

    @property
    def weights(self) -> tuple[Array, ...]:
        """First argument of `apply`; empty where the network holds its own."""

    def apply(self, weights: tuple[Array, ...], pixels: Array) -> Array:
        """Score tiles; for `Backend.compiled`."""


class Backend(Protocol):
    """Arrays, networks and compiled functions on chosen devices; all calls may return before the device is done."""

    def devices(self, kind: str) -> tuple[Device, ...]:
        """List the devices of a kind: `cpu`, `gpu` or `tpu`."""

    def upload(self, values: Array, device: Device) -> Array:
        """Copy an array of the host or of another device; returns one that is there as it is."""

    def start_download(self, values: Array) -> None:
        """Begin to copy an array to the host."""

    def download(self, values: Array) -> npt.NDArray[Any]:
        """Wait for an array and return it on the host; raises the error of whatever computed it."""

    def compiled(self, function: Callable[..., Any], device: Device) -> Callable[..., Any]:
        """Compile a function of arrays for a device, at its first call with arrays of new shapes."""

    def place(self, network: "keras.Model", device: Device) -> Placed:
        """Copy a network to a device."""
