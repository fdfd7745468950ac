"""Examine all that predictions use. Libraries are imported in a child process, which they may end or block."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from .findings import Finding, guarded
from .libraries import NEEDED, PROBES
from .machine import find_caches, find_limits, find_models, find_packages, find_versions
from .shadows import find_shadows

TIMEOUT_S = 120
"""Seconds after which a library that does not return is given up."""
_SLOW = f"it did not return within {TIMEOUT_S} s"
_STARTED = "Keras"
"""The probe that starts a framework."""
_PYTHON = "Python"


def examine(*, devices: bool = False) -> list[Finding]:
    """Return what predictions use and what is wrong with it; does not fail, whatever is broken.

    Keras and its backend, which take seconds, are started only with `devices`, or if there is a GPU and OpenVINO is
    broken, so that a prediction would need them. `geoseg predict` can run unless a finding `blocks`.
    """
    found = [
        *guarded("versions", "versions", find_versions),
        *guarded("versions", "packages", find_packages),
        *guarded("packages", "hidden packages", find_shadows),
        *_probe([name for name in PROBES if devices or name != _STARTED]),
        *guarded("limits", "limits", find_limits),
        *guarded("caches", "caches", find_caches),
        *guarded("models", "models", find_models, needed=True),
    ]
    without = [each for each in found if each.name == "openvino" and each.blocks]
    gpus = next((each.facts.get("names") for each in found if each.name == "GPUs"), None)
    if without and gpus:
        if not devices:
            found += _probe([_STARTED])
        if any(name.startswith("gpu") for each in found for name in each.facts.get("devices", ())):
            found = [replace(each, blocks=False) if each in without else each for each in found]
    elif not devices:
        found = [_unstarted(each) if each.name == "keras" and each.facts else each for each in found]
    return found


def _unstarted(finding: Finding) -> Finding:
    return replace(finding, value=f"{finding.value}: not started; --devices starts it")


def _probe(names: Sequence[str]) -> Iterator[Finding]:
    """Run probes in a child process; if one ends it, run the remaining ones in another."""
    while names:
        output, fault = _run(names)
        first, current = names[0], None
        found: list[Finding] = []
        for line in output.splitlines():
            message = json.loads(line)
            if "finding" in message:
                found.append(Finding(**message["finding"]))
            elif "begin" in message:
                current = message["begin"]
                names = names[names.index(current) + 1 :]
            else:
                yield from found
                current, found = None, []
        if current is None and names:
            # It ended before the next one, or did not even begin.
            current, names = (names[0], names[1:]) if output else (_PYTHON, ())
        if current is not None and current != first and fault == _SLOW:
            names = (current, *names)  # it had only the time that the probes before it left
        elif current is not None:
            yield from found
            yield Finding(
                topic=PROBES[current][0] if current in PROBES else "packages",
                name=current,
                value="fails",
                problem=f"{current} cannot be used: {fault}; "
                + ("try again when this machine is less busy, or " if fault == _SLOW else "")
                + "install it again.",
                blocks=current in (*NEEDED, _PYTHON),
            )


def _run(names: Sequence[str]) -> tuple[str, str]:
    """Return the complete lines that a child wrote, and how it ended."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    command = [sys.executable, "-P", "-m", f"{__package__}.probe", *names]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": path},
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return _complete(error.stdout or b""), _SLOW
    except OSError as error:
        return "", f"{sys.executable or 'Python'} cannot be started ({error.strerror})"
    if done.returncode < 0:
        name = signal.strsignal(-done.returncode) or f"signal {-done.returncode}"
        return _complete(done.stdout), f"importing it crashed Python ({name})"
    last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][-200:]
    return _complete(done.stdout), f"importing it ended Python with exit code {done.returncode}{last and f' ({last})'}"


def _complete(output: bytes) -> str:
    return output[: output.rfind(b"\n") + 1].decode()
