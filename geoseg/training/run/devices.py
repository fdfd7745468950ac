"""Spread training steps over devices, each with an equal part of the batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
from keras import ops

from geoseg.errors import UsageError
from geoseg.models.backend import Tensor


def choose_devices(found: Sequence[str], count: int | None, *, batch: int) -> tuple[str, ...]:
    """Choose devices by name: `count` of those found, or if None all accelerators, or else the CPU.

    Raises UsageError if there are fewer devices, or a batch of `batch` windows cannot be divided among them.
    """
    accelerators = tuple(name for name in found if "cpu" not in name.lower())
    usable = accelerators or tuple(found)
    wanted = (len(accelerators) or 1) if count is None else count
    if wanted > len(usable):
        raise UsageError(f"`devices={wanted}` is too many; {keras.backend.backend()} has {', '.join(usable)}.")
    if wanted > 1 and keras.backend.backend() not in ("tensorflow", "jax"):
        raise UsageError(f"several devices need the TensorFlow or JAX backend, not {keras.backend.backend()}.")
    if batch % wanted:
        raise UsageError(f"a batch of {batch} windows cannot be divided among {wanted} devices; change schedule.batch.")
    return usable[:wanted]


def find_devices() -> Sequence[str]:
    """List the names of all devices of Keras's backend."""
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            return [device.name for kind in ("GPU", "CPU") for device in tf.config.list_logical_devices(kind)]
        case "jax":
            devices: list[str] = keras.distribution.list_devices()
            return devices
    import torch

    return ["cuda:0"] if torch.cuda.is_available() else ["cpu"]


def has_own_memory(devices: Sequence[str]) -> bool:
    """Whether a step runs on one accelerator, whose memory may hold all images; several would need a copy each."""
    return len(devices) == 1 and "cpu" not in devices[0].lower()


@contextmanager
def spread(devices: Sequence[str]) -> Iterator[None]:
    """Spread networks built and trained in the block over several devices."""
    if len(devices) < 2:
        yield
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy(list(devices)).scope():
            yield
    else:
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=list(devices)))
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)


def share_statistics(network: keras.Model, devices: Sequence[str]) -> None:
    """Normalise by statistics of the whole batch; each of TensorFlow's devices would use only its own part."""
    if len(devices) > 1 and keras.backend.backend() == "tensorflow":
        for layer in network.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True


def places_in_batch(windows: Tensor) -> Tensor:
    """Return the places, from 0, of a device's windows in the batch; each of TensorFlow's devices sees its part."""
    count = ops.shape(windows)[0]
    places = ops.arange(count, dtype="int32")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        places = places + count * tf.distribute.get_replica_context().replica_id_in_sync_group
    return places
