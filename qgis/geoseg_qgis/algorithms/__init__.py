"""The algorithms of the provider, one module each."""

from .evaluate import EvaluateClasses
from .evaluate_roads import EvaluateRoads
from .polygons import Polygons
from .predict import Predict
from .resize import Resize
from .roads import Roads
from .train import Train

ALGORITHMS = (Predict, Roads, Polygons, EvaluateClasses, EvaluateRoads, Resize, Train)
