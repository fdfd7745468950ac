"""What can go wrong, named for what the user can do about it, with the exit code of the command line."""


class GeosegError(Exception):
    """Base of every error that geoseg raises on purpose; the message is one sentence for the user."""

    exit_code = 1


class UsageError(GeosegError):
    """A value of an option or argument cannot be used."""

    exit_code = 2


class MismatchError(UsageError):
    """An option cannot be used with this scene, and may be used with another."""


class SceneError(GeosegError):
    """The input raster cannot be opened, read, placed on the ground, or fed to the model."""

    exit_code = 3


class BundleError(GeosegError):
    """The model file cannot be opened, or is not a geoseg bundle."""

    exit_code = 4


class OutputError(GeosegError):
    """The result cannot be written where it was asked for."""

    exit_code = 5
