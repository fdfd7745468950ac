"""Predict blocks on GPUs and other devices that read strips of pixels and return finished bytes."""
