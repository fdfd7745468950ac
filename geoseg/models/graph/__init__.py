"""A bundle's network without Keras: read from its configuration and weights, and written as ONNX."""
