"""Engines are loaded by name, once, whoever asks."""

import sys
import threading
from importlib.metadata import PackageNotFoundError

import pytest
from standins import replace_alike

from geoseg.errors import UsageError
from geoseg.models.engines import registry
from geoseg.models.engines.engine import EngineOptions


def test_threads_share_an_engine(tmp_path, monkeypatch):
    """A thread that wants an engine while another loads it waits, and gets the same one."""
    bundle = tmp_path / "model.keras"
    bundle.touch()
    found = []

    def ask():
        found.append(registry.load_engine(bundle, EngineOptions()))

    second = threading.Thread(target=ask)

    def load(model, options):
        if second.ident is None:
            second.start()
            second.join(timeout=0.2)  # without a lock, it would load another one now
        return object()

    monkeypatch.setattr(registry, "new_engine", load)
    ask()
    second.join()
    assert found[0] is found[1]


def test_a_bundle_of_the_same_size_and_time(tmp_path, monkeypatch):
    """A process that has loaded a bundle loads the one that replaces it, also if that has the same size and time."""
    bundle = tmp_path / "model.keras"
    bundle.write_bytes(b"first")
    monkeypatch.setattr(registry, "new_engine", lambda model, options: model.read_bytes())
    assert registry.load_engine(bundle, EngineOptions()) == b"first"
    replace_alike(bundle, b"other")
    assert registry.load_engine(bundle, EngineOptions()) == b"other"


def test_a_missing_package(tmp_path, monkeypatch):
    """Where ONNX Runtime is not installed, one sentence names the extra that installs it."""

    def version(name):
        raise PackageNotFoundError

    monkeypatch.setattr(registry, "version", version)
    with pytest.raises(UsageError) as error:
        registry.new_engine(tmp_path / "model.keras", EngineOptions(engine="onnxruntime"))
    assert str(error.value) == (
        "engine onnxruntime is not installed; install it with `pip install 'geoseg[onnxruntime]'`."
    )


@pytest.mark.parametrize("content", ["import nothing_of_the_kind\n", "\n"])
def test_engine_that_cannot_be_imported(tmp_path, monkeypatch, content):
    """An engine of another package that cannot be imported is reported in a sentence."""
    (tmp_path / "broken_engine.py").write_text(content)
    package = tmp_path / "broken_engine-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-engine\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[geoseg.engines]\nbroken = broken_engine:load\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_engine", raising=False)
    with pytest.raises(UsageError, match=r"engine broken cannot be imported .*; install its package again"):
        registry.find_hardware("broken")
