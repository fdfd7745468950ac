import keras
import numpy as np
import pytest
from keras import ops
from standins import make_card

from geoseg.errors import UsageError
from geoseg.models.bundle import save_bundle
from geoseg.models.legend import Legend, LegendClass
from geoseg.training.recipe.label_sets import collect_label_sets
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve
from geoseg.training.run.teacher import Teacher, taught


def legend_of(*names):
    return Legend(classes=tuple(LegendClass(name=name, colour=f"#00000{i}") for i, name in enumerate(names)))


@pytest.fixture
def teacher_bundle(tmp_path):
    """A bundle whose probabilities of tree, road and lawn are the bands, out of 255."""
    pixels = keras.Input((None, None, 3))
    network = keras.Model(pixels, keras.layers.Rescaling(1 / 255)(pixels))
    path = tmp_path / "teacher.keras"
    save_bundle(network, make_card(legend=legend_of("tree", "road", "lawn"), tile=32, overlap=8, multiple=1), path)
    return path


OURS = legend_of("road", "lawn", "house", "tree")
SETS = collect_label_sets(OURS, [("a", {"0": ["lawn", "house", "tree"], "1": ["house"], "2": ["lawn", "road"]})])
NOT_ROAD, LAWN_OR_ROAD, IGNORED = (
    SETS.encode(target, "a") for target in (["lawn", "house", "tree"], ["lawn", "road"], "ignore")
)
ROAD, LAWN, HOUSE, TREE = range(4)


@pytest.mark.parametrize(
    ("tree", "road", "lawn", "label", "named"),
    [
        (0.9, 0.0, 0.1, NOT_ROAD, TREE),
        (0.6, 0.0, 0.4, NOT_ROAD, NOT_ROAD),  # not sure
        (0.55, 0.4, 0.05, NOT_ROAD, TREE),  # sure among what the label allows
        (0.3, 0.7, 0.0, NOT_ROAD, NOT_ROAD),  # contradicts the label
        (0.1, 0.2, 0.7, LAWN_OR_ROAD, LAWN),
        (0.9, 0.0, 0.1, HOUSE, HOUSE),  # a full label
        (0.9, 0.0, 0.1, IGNORED, IGNORED),
    ],
)
def test_what_is_named(teacher_bundle, tree, road, lawn, label, named):
    """A teacher names a class of a partial label if it is sure of it and does not contradict the label."""
    pixels = np.broadcast_to(np.float32([tree, road, lawn]) * 255, (2, 4, 4, 3))
    teach = Teacher(teacher_bundle, SETS, sure=0.7)
    found = ops.convert_to_numpy(teach(ops.convert_to_tensor(pixels), np.full((2, 4, 4), label, np.uint8)))
    assert found.dtype == np.uint8
    assert (found == named).all()


def test_batches(teacher_bundle):
    """Prepared pixels stay as they are, and only labels are named."""
    pixels = ops.convert_to_tensor(np.broadcast_to(np.float32([240, 5, 10]), (1, 4, 4, 3)))
    labels = np.full((1, 4, 4), NOT_ROAD, np.uint8)
    prepared = taught(lambda batch: (batch["pixels"], labels), Teacher(teacher_bundle, SETS, sure=0.7))
    shown, named = prepared({"pixels": pixels})
    assert shown is pixels
    assert (ops.convert_to_numpy(named) == TREE).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"card": {"bands": ["red", "green", "nir"]}},
            "sees red, green, blue, but the recipe's bands are red, green, nir",
        ),
        (
            {"legend": {"classes": [{"name": "sea", "colour": "#000001"}, {"name": "ice", "colour": "#000002"}]}},
            "knows tree, road, lawn, none of which is in the legend",
        ),
    ],
)
def test_teachers_that_do_not_fit(teacher_bundle, changes, sentence):
    """A teacher has the recipe's bands, and a class of its legend."""
    recipe = {"name": "x", "data": [{"name": "a", "images": "a"}], "teacher": {"bundle": str(teacher_bundle)}}
    with pytest.raises(UsageError, match=sentence):
        resolve(parse_recipe(recipe | changes, source="x.toml"))
