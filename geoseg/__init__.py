"""Turn aerial and satellite scenes of any size into georeferenced class rasters and road networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .errors import BundleError as BundleError
    from .errors import GeosegError as GeosegError
    from .errors import OutputError as OutputError
    from .errors import SceneError as SceneError
    from .errors import UsageError as UsageError
    from .evaluation import Evaluation as Evaluation
    from .evaluation import evaluate as evaluate
    from .evaluation import evaluate_model as evaluate_model
    from .evaluation.roads import evaluate_roads as evaluate_roads
    from .executors import DaskExecutor as DaskExecutor
    from .executors import LocalExecutor as LocalExecutor
    from .exporting import export as export
    from .planning import plan as plan
    from .polygons import polygonise as polygonise
    from .prediction import Prediction as Prediction
    from .prediction import predict as predict
    from .resizing import resize as resize
    from .settings import Settings as Settings
    from .training.train import Training as Training
    from .training.train import train as train

_HOMES = {
    "BundleError": "errors",
    "DaskExecutor": "executors",
    "Evaluation": "evaluation",
    "GeosegError": "errors",
    "LocalExecutor": "executors",
    "OutputError": "errors",
    "Prediction": "prediction",
    "SceneError": "errors",
    "Settings": "settings",
    "Training": "training.train",
    "UsageError": "errors",
    "evaluate": "evaluation",
    "evaluate_model": "evaluation",
    "evaluate_roads": "evaluation.roads",
    "export": "exporting",
    "plan": "planning",
    "polygonise": "polygons",
    "predict": "prediction",
    "resize": "resizing",
    "train": "training.train",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - strings all


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Import public names when they are first used: `import geoseg` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
