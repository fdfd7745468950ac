"""Convert models: to other runtimes, and to 8 bits."""
