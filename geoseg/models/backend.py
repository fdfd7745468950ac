"""Start Keras and its backend without their start-up log lines.

TensorFlow logs CPU instructions and missing GPUs from C++ static initialisers, straight to file descriptor 2 and before
it reads `TF_CPP_MIN_LOG_LEVEL`. Users take these lines for errors, so harmless ones are dropped; all others pass.
"""

import json
import os
import platform
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from geoseg.errors import UsageError
from geoseg.home import expanded, has_home
from geoseg.sentences import join_words
from geoseg.work_folders import temporary_folder

BACKENDS = ("tensorflow", "jax", "torch")
"""Backends of Keras that networks run on."""

Tensor = Any
"""A tensor of the backend, or a symbolic one; Keras publishes no type for them."""

_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|I\d{4} \d\d:\d\d:\d\d"  # level "info"
    rb"|To enable the following instructions: "  # second line of an info
    rb"|W\d{4} .*Ignored (output_format|drop_control_dependency)"  # of the TFLite converter
    rb"|E\d{4} .*NodeDef mentions attribute"
    rb"|E\d{4} .*oneDNN supports DT_INT32 only on platforms with AVX-512. Falling back to the default"
    rb"|INFO: Created TensorFlow Lite"
    rb"|W\d{4} .* (bfc_allocator|local_rendezvous|op_kernel)\.cc"  # also in the exception
    rb"|HDF5-DIAG: |  #\d{3}: |    (major|minor): "  # of HDF5 in GDAL, whose errors are raised, too
    rb"|E\d{4} .*failed call to cuInit: .*(UNKNOWN ERROR \(303\)|no CUDA-capable device)"  # no driver, no device
)

_REDIRECTING = threading.Lock()
"""File descriptor 2 belongs to the process: two threads redirecting it at once could lose it."""


def keras_backend() -> str:
    """Name the backend that Keras uses, or will use once it is imported."""
    if "keras" in sys.modules:
        import keras

        name: str = keras.backend.backend()
        return name
    if chosen := os.environ.get("KERAS_BACKEND"):
        return chosen
    settings = {}
    if (home := _keras_home()) is not None:
        with suppress(OSError, ValueError):
            settings = json.loads((home / "keras.json").read_text())
    return str(settings.get("backend", "tensorflow"))


def _keras_home() -> Path | None:
    """Return the folder of Keras's settings, which may not exist; None for a user without a home."""
    given = os.environ.get("KERAS_HOME")
    return expanded(given or "~/.keras") if given or has_home() else None


def check_backend() -> str:
    """Name the backend of Keras; raises UsageError if networks do not run on it, or it is not installed."""
    name = keras_backend()
    if name not in BACKENDS:
        raise UsageError(
            f"networks do not run on Keras's backend {name}; set KERAS_BACKEND to {join_words(BACKENDS, 'or')}."
        )
    if find_spec(name) is None:
        others = [each for each in BACKENDS if find_spec(each)]
        change = f", or set KERAS_BACKEND to {join_words(others, 'or')}" if others else ""
        raise UsageError(f"Keras's backend {name} is not installed; install it with `pip install {name}`{change}.")
    return name


_OUT_OF_MEMORY = (
    *("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "bad_alloc", "Failed to allocate", "can't alloc"),
    *("failed to map segment", "annot allocate memory"),  # of the system
    *("can't start new thread", "Resource temporarily unavailable"),  # which has none for a thread
    "Failed to serialize proto",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one behind it, is a lack of memory.

    Runtimes share no exception class for it, nor do libraries that cannot be loaded, so this compares messages.
    """
    behind = error.__cause__ or error.__context__
    return (
        isinstance(error, MemoryError)
        or any(words in str(error) for words in _OUT_OF_MEMORY)
        or (behind is not None and is_out_of_memory(behind))
    )


def start_keras(*, trains: bool = False) -> None:
    """Import Keras with its backend and start the devices, quietly; does nothing if Keras is imported.

    For a process that `trains`, TensorFlow uses oneDNN on every x86 processor. Predictions are left to its own choice,
    so that all processes round alike, also those that import TensorFlow before geoseg.

    Raises UsageError for a backend that cannot be used.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no info while a network is trained
    if trains and platform.machine() in ("x86_64", "AMD64"):
        # By itself, TensorFlow uses oneDNN only on processors with AVX-512; others train 1.5 times slower without it.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with without_chatter():
        backend = check_backend()
        if "keras" in sys.modules:
            return
        with _without_new_home():
            try:
                import keras  # takes seconds, and most commands do not need it
            except ImportError as error:
                raise UsageError(f"Keras does not start on {backend} ({error}); install {backend} again.") from error

            keras.ops.zeros(1)  # TensorFlow looks for devices, and logs missing ones, at its first operation
            if backend == "tensorflow":
                # The first transposition of integers, as in gradients of UpSampling2D, logs that oneDNN cannot do it.
                with keras.device("cpu:0"):
                    keras.ops.transpose(keras.ops.zeros((2, 2), "int32"))


@contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back output to file descriptor 2, then print all but harmless log lines."""
    if sys.stderr is None:  # closed: another file may have its descriptor
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(_REDIRECTING)
        try:
            # Not a pipe: one that nobody reads would fill up and block the import.
            held = stack.enter_context(tempfile.TemporaryFile())
            shown = stack.enter_context(os.fdopen(os.dup(2), "wb", buffering=0))
        except OSError:  # no place for a temporary file, or no standard error
            yield
            return
        sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(shown.fileno(), 2)
            held.seek(0)
            shown.writelines(line for line in held if not _CHATTER.match(line))


@contextmanager
def without_tensorflow() -> Iterator[None]:
    """Keep Keras on another backend from importing TensorFlow to describe a network, which takes seconds.

    It asks whether each value is one of TensorFlow's types, and has no setting that says it is not.
    """
    modules = sys.modules.get("keras.src.utils.module_utils")
    loader = getattr(modules, "tensorflow", None)
    if loader is None or "tensorflow" in sys.modules or keras_backend() == "tensorflow":
        yield
        return
    loader._available = False
    try:
        yield
    finally:
        loader._available = None  # not known


@contextmanager
def _without_new_home() -> Iterator[None]:
    """Keep Keras from creating `~/.keras`; an existing one is used."""
    home = _keras_home()
    if "KERAS_HOME" in os.environ or (home is not None and home.exists()):
        yield
        return
    with temporary_folder() as home:
        os.environ["KERAS_HOME"] = str(home)
        try:
            yield
        finally:
            del os.environ["KERAS_HOME"]
