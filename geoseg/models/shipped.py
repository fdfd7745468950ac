"""Find the model bundles shipped with geoseg."""

from importlib.resources import files
from pathlib import Path

from geoseg.errors import BundleError

DEFAULT_MODEL = "aerial"


def shipped_models() -> dict[str, Path]:
    """Return the paths of the shipped bundles by name."""
    folder = Path(str(files("geoseg"))) / "bundles"
    return {path.stem: path for path in sorted(folder.glob("*.keras"))}


def find_model(name: str | Path) -> Path:
    """Return the path of a shipped bundle, given its name, or of a file; raises BundleError if there is neither."""
    shipped = shipped_models()
    if str(name) in shipped:
        return shipped[str(name)]
    path = Path(name)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"there is no model {name}: neither a file nor a shipped model ({', '.join(shipped)})."
        ) from None
    except OSError as error:
        raise BundleError(f"model {name} cannot be opened ({error.strerror}).") from error
    return path
