"""Export bundles to ONNX, OpenVINO, SavedModel, TFLite, STAC and Markdown."""
