"""Run JAX, TensorFlow and PyTorch on chosen devices, behind one protocol."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.home import user_folder
from geoseg.messages import warn

from .device import Array, Backend, Device, Placed

if TYPE_CHECKING:
    import keras

_COMPILING = threading.Lock()
"""One compilation at a time: Keras layers are traced by one thread, and XLA's measurements of kernels on the first
device serve the others, which therefore run the same kernels."""


def find_backend() -> Backend:
    """Return the backend that Keras runs on, once `geoseg.models.backend.start_keras` has started it."""
    import keras

    backends: dict[str, Callable[[], Backend]] = {"jax": _Jax, "tensorflow": _TensorFlow, "torch": _Torch}
    return backends[keras.backend.backend()]()


def find_devices(backend: Backend, names: tuple[str, ...]) -> tuple[Device, ...]:
    """Return devices by name, such as `gpu:0`; raises UsageError if the backend lacks one."""
    kinds = dict.fromkeys(name.partition(":")[0] for name in names)
    found = {device.name: device for kind in kinds for device in backend.devices(kind)}
    missing = [name for name in names if name not in found]
    if missing:
        others = f"`devices` can be {', '.join(found)}" if found else "it has none of this kind"
        raise UsageError(f"Keras's backend has no device {', '.join(missing)}; {others}.")
    return tuple(found[name] for name in names)


def _one_compilation_at_a_time(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function that compiles at its first call for each set of shapes."""
    known: set[tuple[Any, ...]] = set()

    def guarded(*arrays: Any) -> Any:  # noqa: ANN401
        # Not of collections: a network's weights always have the same shapes, and looking at them takes time.
        shapes = tuple((array.shape, array.dtype) for array in arrays if not isinstance(array, tuple | list))
        if shapes in known:
            return call(*arrays)
        with _COMPILING:
            result = call(*arrays)
        known.add(shapes)
        return result

    return guarded


class _Jax:
    """Devices of JAX."""

    def devices(self, kind: str) -> tuple[Device, ...]:
        import jax

        try:
            found = jax.local_devices(backend=kind)
        except RuntimeError:  # JAX has no such platform
            return ()
        return tuple(
            Device(name=f"{kind}:{number}", memory=(device.memory_stats() or {}).get("bytes_limit"), handle=device)
            for number, device in enumerate(found)
        )

    def upload(self, values: Array, device: Device) -> Array:
        import jax

        return jax.device_put(values, device.handle)

    def start_download(self, values: Array) -> None:
        values.copy_to_host_async()

    def download(self, values: Array) -> npt.NDArray[Any]:
        return np.asarray(values)

    def compiled(self, function: Callable[..., Any], device: Device) -> Callable[..., Any]:
        import jax

        return _one_compilation_at_a_time(jax.jit(function))  # runs where its arguments are

    def place(self, network: "keras.Model", device: Device) -> Placed:
        if not device.on_cpu:
            keep_compiled()
        return _JaxNetwork(network, device)


def compilation_cache() -> Path:
    """Return the folder in which XLA keeps what it compiles for accelerators, unless JAX was given another.

    OSError if the user has no home, and the folder in its place is not the user's alone.
    """
    return user_folder("XDG_CACHE_HOME", "~/.cache") / "geoseg" / "jax"


def keep_compiled() -> None:
    """Keep what XLA compiles for an accelerator in the user's cache, unless JAX was given a place.

    Compiling takes half a minute; and kernels that were chosen by measurement stay the same from run to run. Small
    functions, of which training has hundreds, are kept as well; by default JAX would compile them again each time.
    """
    import jax

    settings: Any = jax.config  # is not typed
    if settings.jax_compilation_cache_dir is not None:
        return
    try:
        settings.update("jax_compilation_cache_dir", str(compilation_cache()))
        settings.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    except OSError as error:
        warn(
            f"code compiled for GPUs is not kept: there is no home folder, and {error.filename} is not used instead "
            f"({error.strerror}); set the environment variable JAX_COMPILATION_CACHE_DIR to a folder of your own.",
        )


class _JaxNetwork:
    """A network whose weights are arguments, so that one compilation does not hold them as constants."""

    def __init__(self, network: "keras.Model", device: Device) -> None:
        import jax

        self._network = network
        self._trainable = len(network.trainable_variables)
        variables = (*network.trainable_variables, *network.non_trainable_variables)
        self.weights: tuple[Array, ...] = tuple(
            jax.device_put(np.asarray(variable.value), device.handle) for variable in variables
        )

    def apply(self, weights: tuple[Array, ...], pixels: Array) -> Array:
        trainable, others = weights[: self._trainable], weights[self._trainable :]
        return self._network.stateless_call(trainable, others, pixels, training=False)[0]


class _TensorFlow:
    """Logical devices of TensorFlow."""

    def devices(self, kind: str) -> tuple[Device, ...]:
        import tensorflow as tf
        from tensorflow.python.client import device_lib  # the only place that reports memory limits

        found = tf.config.list_logical_devices(kind.upper())
        if not found or kind == "cpu":
            limits = {}
        else:
            limits = {device.name: device.memory_limit for device in device_lib.list_local_devices()}
        return tuple(
            Device(name=f"{kind}:{number}", memory=limits.get(device.name), handle=device.name)
            for number, device in enumerate(found)
        )

    def upload(self, values: Array, device: Device) -> Array:
        import tensorflow as tf

        with tf.device(device.handle):
            return tf.identity(values)

    def start_download(self, values: Array) -> None:
        """Do nothing: TensorFlow copies when it is asked for the values."""

    def download(self, values: Array) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = values.numpy()
        return found

    def compiled(self, function: Callable[..., Any], device: Device) -> Callable[..., Any]:
        import tensorflow as tf

        graph = tf.function(function, autograph=False)

        def call(*arrays: Any) -> Any:  # noqa: ANN401
            with tf.device(device.handle):
                return graph(*arrays)

        return _one_compilation_at_a_time(call)

    def place(self, network: "keras.Model", device: Device) -> Placed:
        import tensorflow as tf

        with tf.device(device.handle):
            return _Copy(network)


class _Torch:
    """The CPU and the CUDA devices of PyTorch, which runs operation by operation."""

    def devices(self, kind: str) -> tuple[Device, ...]:
        import torch

        if kind == "cpu":
            return (Device(name="cpu:0", memory=None, handle="cpu"),)
        count = torch.cuda.device_count() if kind == "gpu" else 0
        return tuple(
            Device(name=f"gpu:{number}", memory=torch.cuda.mem_get_info(number)[1], handle=f"cuda:{number}")
            for number in range(count)
        )

    def upload(self, values: Array, device: Device) -> Array:
        import keras

        with keras.device(device.handle):
            return keras.ops.convert_to_tensor(values)

    def start_download(self, values: Array) -> None:
        """Do nothing: PyTorch copies when it is asked for the values."""

    def download(self, values: Array) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = values.cpu().numpy()
        return found

    def compiled(self, function: Callable[..., Any], device: Device) -> Callable[..., Any]:
        import keras
        import torch

        def call(*arrays: Any) -> Any:  # noqa: ANN401
            with keras.device(device.handle), torch.no_grad():
                return function(*arrays)

        return call

    def place(self, network: "keras.Model", device: Device) -> Placed:
        import keras

        with keras.device(device.handle):
            return _Copy(network)


class _Copy:
    """A copy of a network whose variables are on the current device."""

    weights: tuple[Array, ...] = ()

    def __init__(self, network: "keras.Model") -> None:
        self._network = network.__class__.from_config(network.get_config())
        self._network.set_weights(network.get_weights())

    def apply(self, weights: tuple[Array, ...], pixels: Array) -> Array:
        return self._network(pixels, training=False)
