"""Parts of a training run: batches, network, loss, callbacks, validation, files."""
