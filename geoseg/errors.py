"""Exceptions, one per remedy, with the exit codes of the command line."""


class GeosegError(Exception):
    """Base of all errors that geoseg raises on purpose; the message is one sentence for the user."""

    exit_code = 1


class UsageError(GeosegError):
    """A parameter has an invalid value."""

    exit_code = 2


class MismatchError(UsageError):
    """A parameter does not fit this scene but may fit another."""


class DataError(GeosegError):
    """Images, labels, reference data or an area of interest are missing, cannot be read, or do not fit together."""

    exit_code = 3


class SceneError(DataError):
    """The input raster cannot be opened, read, georeferenced or used with the model."""


class BundleError(GeosegError):
    """The model file cannot be opened or is not a geoseg bundle."""

    exit_code = 4


class OutputError(GeosegError):
    """The output cannot be written."""

    exit_code = 5


class ClusterError(GeosegError):
    """The Dask cluster that a prediction runs on was lost; the same call resumes on it or another one."""

    exit_code = 6


class GeosegWarning(UserWarning):
    """A run differs from what was asked for, or from what the machine could do; one sentence says how."""
