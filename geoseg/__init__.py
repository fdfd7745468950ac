"""Turn aerial and satellite scenes of any size into georeferenced class rasters and road networks."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

# TensorFlow 2.20 and later expose their SQLite, zlib and OpenSSL to the whole process, so that GDAL and PROJ mix
# functions of these with those of their own libraries (https://github.com/tensorflow/tensorflow/issues/124205). Without
# this module, TensorFlow does not expose them.
sys.modules.setdefault("tensorflow.python.pywrap_dlopen_global_flags", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    from .errors import BundleError as BundleError
    from .errors import ClusterError as ClusterError
    from .errors import DataError as DataError
    from .errors import GeosegError as GeosegError
    from .errors import GeosegWarning as GeosegWarning
    from .errors import OutputError as OutputError
    from .errors import SceneError as SceneError
    from .errors import UsageError as UsageError
    from .evaluation import Evaluation as Evaluation
    from .evaluation import evaluate as evaluate
    from .evaluation import evaluate_model as evaluate_model
    from .evaluation.calibrate_model import CalibratedModel as CalibratedModel
    from .evaluation.calibrate_model import calibrate as calibrate
    from .evaluation.roads import RoadEvaluation as RoadEvaluation
    from .evaluation.roads import evaluate_roads as evaluate_roads
    from .polygons import Polygons as Polygons
    from .polygons import polygonise as polygonise
    from .prediction.cluster.executor import DaskExecutor as DaskExecutor
    from .prediction.conversion.export import export as export
    from .prediction.conversion.quantize import Quantization as Quantization
    from .prediction.conversion.quantize import quantize as quantize
    from .prediction.executors import LocalExecutor as LocalExecutor
    from .prediction.info import describe as describe
    from .prediction.model import Model as Model
    from .prediction.predict import predict as predict
    from .prediction.results.write import Prediction as Prediction
    from .prediction.settings import Settings as Settings
    from .rasters.resize import resize as resize
    from .rasters.stac import read_assets as read_assets
    from .roads import RoadNetwork as RoadNetwork
    from .roads import trace_roads as trace_roads
    from .training.data.chips import tile as tile
    from .training.train import Training as Training
    from .training.train import train as train

_HOMES = {
    "BundleError": "errors",
    "CalibratedModel": "evaluation.calibrate_model",
    "ClusterError": "errors",
    "DaskExecutor": "prediction.cluster.executor",
    "Evaluation": "evaluation",
    "DataError": "errors",
    "GeosegError": "errors",
    "GeosegWarning": "errors",
    "LocalExecutor": "prediction.executors",
    "Model": "prediction.model",
    "OutputError": "errors",
    "Polygons": "polygons",
    "Prediction": "prediction.results.write",
    "Quantization": "prediction.conversion.quantize",
    "RoadEvaluation": "evaluation.roads",
    "RoadNetwork": "roads",
    "SceneError": "errors",
    "Settings": "prediction.settings",
    "Training": "training.train",
    "UsageError": "errors",
    "calibrate": "evaluation.calibrate_model",
    "describe": "prediction.info",
    "evaluate": "evaluation",
    "evaluate_model": "evaluation",
    "evaluate_roads": "evaluation.roads",
    "export": "prediction.conversion.export",
    "polygonise": "polygons",
    "predict": "prediction.predict",
    "quantize": "prediction.conversion.quantize",
    "read_assets": "rasters.stac",
    "resize": "rasters.resize",
    "tile": "training.data.chips",
    "trace_roads": "roads",
    "train": "training.train",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - all of them strings


if not TYPE_CHECKING:  # else a type checker would accept any name

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - an attribute of a module
        """Import public names at their first use, to keep `import geoseg` fast."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    """Public names, for completion."""
    return sorted(__all__)
