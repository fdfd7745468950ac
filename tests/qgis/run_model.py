"""Run a model of two algorithms: a scene becomes classes, and these polygons."""

import sys

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterRasterLayer,
)
from qgis.core import (
    QgsProcessingModelChildParameterSource as Source,
)
from session import answer

scene, folder = sys.argv[1:]
model = QgsProcessingModelAlgorithm("scene to polygons", "")
model.addModelParameter(QgsProcessingParameterRasterLayer("scene", "Scene"), QgsProcessingModelParameter("scene"))


def child(name, **sources):
    """Return an algorithm of the model, with the defaults that the designer fills in."""
    made = QgsProcessingModelChildAlgorithm(f"geoseg:{name}")
    made.setChildId(name)
    for definition in made.algorithm().parameterDefinitions():
        if definition.defaultValue() is not None:
            made.addParameterSources(definition.name(), [Source.fromStaticValue(definition.defaultValue())])
    for parameter, source in sources.items():
        made.addParameterSources(parameter, [source])
    return made


no, place = Source.fromStaticValue(False), Source.fromStaticValue(folder)
predict = child("predict", INPUT=Source.fromModelParameter("scene"), FOLDER=place, ROADS=no)
model.addChildAlgorithm(predict)
polygons = child("polygons", INPUT=Source.fromChildOutput("predict", "CLASSES"), MIN_AREA=Source.fromStaticValue(100))
output = QgsProcessingModelOutput("areas", "areas")
output.setChildId("polygons")
output.setChildOutputName("OUTPUT")
polygons.setModelOutputs({"areas": output})
model.addChildAlgorithm(polygons)
assert model.validate()[0], model.validate()
model.initAlgorithm()
context = QgsProcessingContext()
results, done = model.run({"scene": scene, "polygons:areas": f"{folder}/areas.gpkg"}, context, QgsProcessingFeedback())
answer({"done": done, "results": {name: str(value) for name, value in results.items()}})
