"""NumPy and xarray arrays in place of files."""
