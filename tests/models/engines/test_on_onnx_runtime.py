import pytest

from geoseg.errors import UsageError
from geoseg.models.engines import on_onnx_runtime


def test_a_missing_package(bundle, monkeypatch):
    """Where ONNX Runtime is not installed, one sentence names the extra that installs it."""
    monkeypatch.setattr(on_onnx_runtime, "find_spec", lambda package: None)
    with pytest.raises(UsageError, match=r"pip install 'geoseg\[onnxruntime\]'\.$"):
        on_onnx_runtime.OnnxRuntimeEngine(bundle)
