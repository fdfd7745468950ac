"""Compile what the package decorates with `compiled_as` ahead of its first call, in processes of their own."""

import contextlib
import gc
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread

from .compiled import Kernel, has_user_cache
from .home import expanded


def compile_ahead(package: str, groups: Sequence[Sequence[str]]) -> "Compilation":
    """Start to compile what `compiled_as` decorates in modules of a package, one process for each group of modules.

    Nothing is started if this was done before on this machine, if nothing can be cached, or without a Python
    interpreter to start; functions that are not in Numba's cache are then compiled when they are called.
    """
    marker = _marker(package)
    if marker is None or marker.exists():
        return Compilation(None, ())
    children: list[subprocess.Popen[bytes]] = []
    with contextlib.suppress(OSError):  # no memory for a process, for instance
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        for modules in groups:
            command = [sys.executable, "-P", "-m", __name__, *(f"{package}.{module}" for module in modules)]
            children.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": path},
                    start_new_session=True,  # Ctrl-C closes their input instead, so that none stops halfway in a file
                )
            )
    return Compilation(marker if len(children) == len(groups) else None, children)


class Compilation:
    """Processes that compile; they stop, at the latest, with the process that started them."""

    def __init__(self, marker: Path | None, children: Sequence["subprocess.Popen[bytes]"]) -> None:
        self._marker = marker
        self._children = children

    @property
    def needed(self) -> bool:
        """Whether something is being compiled."""
        return bool(self._children)

    def wait(self) -> None:
        """Wait until all is compiled. What a process could not compile is compiled when it is called."""
        done = [child.wait() == 0 for child in self._children]
        if self._marker is not None and done and all(done):
            with contextlib.suppress(OSError):
                self._marker.touch()
        self.close()

    def close(self) -> None:
        """Stop compiling; the function at hand is finished first."""
        for child in self._children:
            assert child.stdin is not None
            child.stdin.close()
        for child in self._children:
            child.wait()
        self._children = ()

    def __enter__(self) -> "Compilation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cache_folders(package: str) -> list[Path]:
    """Return where Numba keeps what is compiled of a package: the first of these folders that can be written."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(given)]
    beside = _root(package) / "__pycache__"
    if not has_user_cache():
        return [beside]
    return [beside, expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "numba"]


def _marker(package: str) -> Path | None:
    """Return a file that exists once a package was compiled for this machine; None if it cannot be."""
    if sys.platform == "win32":  # a thread that waits for the end of standard input keeps others from looking at it
        return None
    # An application that embeds Python may name itself as `sys.executable`.
    if getattr(sys, "frozen", False) or not Path(sys.executable or "").name.startswith("python"):
        return None
    for folder in cache_folders(package):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder / f"{package}-{_key(_root(package))}.compiled"
    return None


def _root(package: str) -> Path:
    """Return the folder of a package of geoseg."""
    return Path(__file__).parent.joinpath(*package.split(".")[1:])


def _key(root: Path) -> str:
    """Return a digest of all that compiled code depends on: sources, Python, Numba, its settings, and the processor."""
    digest = hashlib.sha256(sys.version.encode())
    for source in (Path(__file__), Path(__file__).with_name("compiled.py"), *sorted(root.rglob("*.py"))):
        digest.update(source.read_bytes())
    for library in ("numba", "llvmlite"):
        spec = find_spec(library)
        if spec is not None and spec.origin is not None:
            digest.update(Path(spec.origin).with_name("_version.py").read_bytes())
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    digest.update(repr(settings).encode())
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open("rb") as cores:
        for line in cores.read(4096).split(b"\n\n")[0].splitlines():
            if line.startswith((b"model", b"flags", b"Features")):
                digest.update(line)
    return digest.hexdigest()[:16]


def _compile(modules: Sequence[str]) -> int:
    """Compile the functions of modules until standard input is closed; return 0 if all are in Numba's cache."""
    if hasattr(os, "nice"):
        os.nice(10)
    gc.disable()  # a short life without cycles to speak of
    closed = Event()

    def watch() -> None:
        os.read(0, 1)
        closed.set()

    Thread(target=watch, daemon=True).start()
    for module in modules:
        for value in vars(import_module(module)).values():
            if not isinstance(value, Kernel) or value.function.__module__ != module:
                continue
            if closed.is_set() or not value.compile():
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(_compile(sys.argv[1:]))
