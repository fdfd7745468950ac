"""Turn aerial and satellite scenes of any size into georeferenced class rasters and road networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from geoseg.evaluation.roads import evaluate_roads as evaluate_roads
    from geoseg.prediction.executors import DaskExecutor as DaskExecutor
    from geoseg.prediction.executors import LocalExecutor as LocalExecutor
    from geoseg.prediction.export import export as export
    from geoseg.prediction.plan import plan as plan
    from geoseg.prediction.predict import Prediction as Prediction
    from geoseg.prediction.predict import predict as predict
    from geoseg.prediction.settings import Settings as Settings
    from geoseg.rasters.resize import resize as resize
    from geoseg.training.train import Training as Training
    from geoseg.training.train import train as train

    from .errors import BundleError as BundleError
    from .errors import GeosegError as GeosegError
    from .errors import OutputError as OutputError
    from .errors import SceneError as SceneError
    from .errors import UsageError as UsageError
    from .evaluation import Evaluation as Evaluation
    from .evaluation import evaluate as evaluate
    from .evaluation import evaluate_model as evaluate_model
    from .polygons import polygonise as polygonise

_HOMES = {
    "BundleError": "errors",
    "DaskExecutor": "prediction.executors",
    "Evaluation": "evaluation",
    "GeosegError": "errors",
    "LocalExecutor": "prediction.executors",
    "OutputError": "errors",
    "Prediction": "prediction.predict",
    "SceneError": "errors",
    "Settings": "prediction.settings",
    "Training": "training.train",
    "UsageError": "errors",
    "evaluate": "evaluation",
    "evaluate_model": "evaluation",
    "evaluate_roads": "evaluation.roads",
    "export": "prediction.export",
    "plan": "prediction.plan",
    "polygonise": "polygons",
    "predict": "prediction.predict",
    "resize": "rasters.resize",
    "train": "training.train",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - strings all


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Import public names when they are first used: `import geoseg` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
