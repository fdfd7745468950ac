"""Bundles in other formats: ONNX, OpenVINO, SavedModel, TFLite, STAC, Markdown."""
