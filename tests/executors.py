"""Give tests of faults to the executors of `tests/faults/conftest.py`."""

from collections.abc import Mapping, Sequence

import pytest

THOROUGH = [pytest.mark.slow, pytest.mark.thorough]
"""Marks of a command that does not run in one process."""


def on_executors(
    names: str, cases: Mapping[str, object], *, devices: Sequence[str] = (), dask: Sequence[str] = ()
) -> pytest.MarkDecorator:
    """Run each of the named cases in one process, and few on the others, where a run takes several times as long."""
    chosen = [("local", name) for name in cases]
    chosen += [("devices", name) for name in devices] + [("dask", name) for name in dask]
    return pytest.mark.parametrize(
        f"executor, {names}",
        [
            pytest.param(
                executor,
                *(cases[name] if "," in names else [cases[name]]),
                id=f"{executor}-{name}",
                marks=[] if executor == "local" else THOROUGH,
            )
            for executor, name in chosen
        ],
        indirect=["executor"],
    )
