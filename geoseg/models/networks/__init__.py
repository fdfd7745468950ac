"""Network architectures, in stock Keras 3 layers."""
