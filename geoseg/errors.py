"""Exceptions, one per remedy, with the exit codes of the command line."""


class GeosegError(Exception):
    """Base of all errors that geoseg raises on purpose; the message is one sentence for the user."""

    exit_code = 1


class UsageError(GeosegError):
    """A parameter has an invalid value."""

    exit_code = 2


class MismatchError(UsageError):
    """A parameter does not fit this scene but may fit another."""


class SceneError(GeosegError):
    """The input raster cannot be opened, read, georeferenced or used with the model."""

    exit_code = 3


class BundleError(GeosegError):
    """The model file cannot be opened or is not a geoseg bundle."""

    exit_code = 4


class OutputError(GeosegError):
    """The output cannot be written."""

    exit_code = 5


class GeosegWarning(UserWarning):
    """A run differs from what was asked for, or from what the machine could do; one sentence says how."""
