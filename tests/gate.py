"""A gate that holds networks up, in whatever process or thread they run, until a test lets them through."""

import os
import socket
from contextlib import suppress

from processes import WAIT
from standins import Echo

GATE = "GEOSEG_TEST_GATE"
"""Environment variable: port of the gate."""


class Gate:
    """Holds up all who `arrive` until it is opened."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(WAIT)
        self._held: list[socket.socket] = []

    @property
    def environment(self) -> dict[str, str]:
        """Changes to the environment of processes that are to be held up."""
        return {GATE: str(self._door.getsockname()[1])}

    def wait(self) -> None:
        """Wait until a network has arrived."""
        self._held.append(self._door.accept()[0])

    def open(self) -> None:
        """Let all through from now on."""
        self._door.close()
        for held in self._held:
            held.close()


def arrive() -> None:
    """Wait at the gate if it is closed."""
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", int(os.environ[GATE]))) as held:
        held.recv(1)


class HeldEcho(Echo):
    """Arrives before each call."""

    def __call__(self, pixels):
        arrive()
        return super().__call__(pixels)


def load_held_echo(model, options):
    """Load an `Echo` that is held up."""
    return HeldEcho()


def hold_devices() -> None:
    """Have networks on devices arrive before each strip."""
    from geoseg.models.engines.device_network import DeviceNetwork

    blend = DeviceNetwork.blend

    def held(self, *arguments):
        arrive()
        return blend(self, *arguments)

    DeviceNetwork.blend = held
