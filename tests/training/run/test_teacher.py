import keras
import numpy as np
import pytest
from keras import ops
from standins import make_card

from geoseg.errors import UsageError
from geoseg.models.bundle import read_card
from geoseg.models.legend import Legend, LegendClass
from geoseg.models.losses.pixels import MarginalCrossEntropy
from geoseg.models.saved_network import save_bundle
from geoseg.training.recipe.label_sets import collect_label_sets
from geoseg.training.recipe.learning import Augmentation, TeacherTable
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve
from geoseg.training.run.teacher import LeadTeacher, build_teacher
from geoseg.training.run.training_network import TrainingNetwork
from geoseg.training.run.views import Views


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


VIEWS = Views(Augmentation())
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
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_what_is_named(teacher_bundle, tree, road, lawn, label, named, precision):
    """A teacher names a class of a partial label if it is sure of it and does not contradict the label."""
    pixels = np.broadcast_to(np.float32([tree, road, lawn]) * 255, (2, 4, 4, 3))
    teach = build_teacher(TeacherTable(bundle=str(teacher_bundle)), None, SETS, VIEWS, precision=precision)
    scores = ops.full((2, 4, 4, 4), 0.25)
    named_labels, loss = teach(ops.convert_to_tensor(pixels), np.full((2, 4, 4), label, np.uint8), scores)
    found = ops.convert_to_numpy(named_labels)
    assert float(loss) == 0
    assert found.dtype == np.uint8
    assert (found == named).all()


@pytest.fixture
def student():
    """A network with a random last layer, and one step's worth of windows labelled "not road"."""
    keras.utils.set_random_seed(5)
    pixels = keras.Input((None, None, 3))
    scores = keras.layers.Conv2D(4, 1, activation="softmax")(keras.layers.Rescaling(1 / 255)(pixels))
    windows = np.broadcast_to(np.float32([240, 5, 10]), (2, 4, 4, 3))
    return keras.Model(pixels, scores), windows, np.full((2, 4, 4), NOT_ROAD, np.uint8)


def losses(network, teachers, windows, labels, *, training):
    """Loss of label values as the sum of the probabilities of the classes that they allow."""
    trained = TrainingNetwork(network, lambda batch: batch, teachers)
    trained.compile(optimizer="sgd", loss=MarginalCrossEntropy(SETS.allowed, classes=4))
    scores = network(windows)
    loss = trained.compute_loss(x=ops.convert_to_tensor(windows), y=labels, y_pred=scores, training=training)
    return float(ops.convert_to_numpy(loss))


def test_what_is_learnt(teacher_bundle, student):
    """The loss of training, and no other, is that of the labels which the teacher names, once it has begun."""
    network, windows, labels = student
    teacher = build_teacher(TeacherTable(bundle=str(teacher_bundle)), None, SETS, VIEWS, precision="float32")
    named = losses(network, [], windows, np.full_like(labels, TREE), training=True)
    given = losses(network, [], windows, labels, training=True)
    assert abs(named - given) > 0.01
    assert losses(network, [teacher], windows, labels, training=True) == pytest.approx(named)
    assert losses(network, [teacher], windows, labels, training=False) == pytest.approx(given)
    teacher.begun.assign(0)
    assert losses(network, [teacher], windows, labels, training=True) == pytest.approx(given)


def test_what_is_taught(teacher_bundle, student):
    """With a weight, the loss of training also has the cross-entropy with the teacher's probabilities in all pixels."""
    network, windows, labels = student
    ignored = np.full_like(labels, IGNORED)
    teacher = build_teacher(TeacherTable(bundle=str(teacher_bundle), weight=3), None, SETS, VIEWS, precision="float32")
    tree, road, lawn = windows[0, 0, 0] / 255
    scores = ops.convert_to_numpy(network(windows))[0, 0, 0]
    cross_entropy = -(tree * np.log(scores[TREE]) + road * np.log(scores[ROAD]) + lawn * np.log(scores[LAWN]))
    assert losses(network, [], windows, ignored, training=True) == 0
    assert losses(network, [teacher], windows, ignored, training=True) == pytest.approx(3 * cross_entropy, rel=1e-5)
    assert losses(network, [teacher], windows, ignored, training=False) == 0
    teacher.begun.assign(0)
    assert losses(network, [teacher], windows, ignored, training=True) == 0


def test_what_two_teach(teacher_bundle, tmp_path, student):
    """Each teacher names what those before it left open, and all that have a weight teach."""
    pixels = keras.Input((None, None, 3))
    house = keras.layers.Rescaling(0.0, offset=[0.1, 0.9, 0.0])(pixels)
    card = make_card(legend=legend_of("road", "house", "sea"), tile=32, overlap=8, multiple=1)
    save_bundle(keras.Model(pixels, house), card, tmp_path / "houses.keras")
    network, windows, labels = student
    windows = windows.copy()
    windows[:, 0] = 85  # no class is sure
    choices = TeacherTable(bundle=str(teacher_bundle), weight=2), TeacherTable(bundle=str(tmp_path / "houses.keras"))
    teachers = [build_teacher(choice, None, SETS, VIEWS, precision="float32") for choice in choices]
    named = np.full_like(labels, TREE)
    named[:, 0] = HOUSE
    expected = losses(network, [], windows, named, training=True)
    expected += losses(network, teachers[:1], windows, np.full_like(labels, IGNORED), training=True)
    assert losses(network, teachers, windows, labels, training=True) == pytest.approx(expected, rel=1e-5)


def test_the_teacher_sees_other_views(teacher_bundle, tmp_path):
    """What the teacher finds in its views comes back to where the student saw it."""
    pixels = keras.Input((None, None, 3))
    right = keras.layers.ZeroPadding2D(((0, 0), (1, 0)))(pixels)  # finds what the pixel on the left shows
    moved = keras.layers.Rescaling(1 / 255)(keras.layers.Cropping2D(((0, 0), (0, 1)))(right))
    save_bundle(keras.Model(pixels, moved), read_card(teacher_bundle), tmp_path / "moved.keras")
    choice = TeacherTable(bundle=str(tmp_path / "moved.keras"), sure=0.9)
    teach = build_teacher(choice, None, SETS, VIEWS, precision="float32")
    windows = np.zeros((8, 9, 9, 3), np.float32)
    windows[:, 4, 4, 0] = 255  # a tree
    labels = np.full(windows.shape[:3], NOT_ROAD, np.uint8)
    found, _ = teach(ops.convert_to_tensor(windows), labels, ops.full((8, 9, 9, 4), 0.25))
    trees = np.argwhere(ops.convert_to_numpy(found) == TREE)
    assert trees[:, 0].tolist() == list(range(8))
    seen = [(row - 4, col - 4) for _, row, col in trees]
    assert {place: seen.count(place) for place in seen} == {(0, 1): 2, (0, -1): 2, (1, 0): 2, (-1, 0): 2}


def test_own_average(student):
    """Without a bundle the teacher is the average of the trained weights after each epoch, and starts at its time."""
    network, windows, labels = student
    teacher = build_teacher(TeacherTable(sure=0.3), network, SETS, VIEWS, precision="float32")
    first = network.get_weights()
    trained = TrainingNetwork(network, lambda batch: (batch["pixels"], batch["labels"]), [teacher])
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    trained.compile(optimizer=optimizer, loss=MarginalCrossEntropy(SETS.allowed, classes=4))
    trained.build_variables()
    batch = {"pixels": windows, "labels": labels}
    begun = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            begun.append((float(teacher.begun.value), [np.array(w) for w in teacher.network.get_weights()]))

        def on_epoch_end(self, epoch, logs=None):
            latest[:] = trained.copy_network_weights()

    latest = []
    lead = LeadTeacher(teacher, lambda epoch: epoch >= 1, [windows], renewed=True)
    trained.fit(keras_batches(batch, 3), epochs=3, callbacks=[lead, Watch()], verbose=0, shuffle=False)
    assert [flag for flag, _ in begun] == [0, 1, 1]
    for ours, theirs in zip(begun[0][1], first, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    averages = [np.array(average) for average in optimizer._model_variables_moving_average]
    for ours, average, trained_last in zip(teacher.network.get_weights(), averages, latest, strict=True):
        np.testing.assert_allclose(ours, average, rtol=1e-6)
        assert np.abs(ours - trained_last).max() > 1e-6


def keras_batches(batch, steps):
    """The same batch for each step of an epoch."""

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return steps

        def __getitem__(self, number):
            return (batch,)

    return Batches()


def test_average_of_nothing():
    """A teacher without a bundle needs averaged weights."""
    recipe = {"name": "x", "data": [{"name": "a", "images": "a"}], "teacher": {}, "schedule": {"ema": 0}}
    with pytest.raises(UsageError, match=r"without a bundle is the average of the network's weights; set schedule.ema"):
        resolve(parse_recipe(recipe, source="x.toml"))


def test_nothing_to_teach():
    """A teacher without partial labels needs a weight."""
    recipe = {"name": "x", "data": [{"name": "a", "images": "a"}], "teacher": {}}
    with pytest.raises(UsageError, match=r"no label leaves open which class a pixel is.* set teacher.weight"):
        resolve(parse_recipe(recipe, source="x.toml"))
    assert resolve(parse_recipe(recipe | {"teacher": {"weight": 0.5}}, source="x.toml")).teachers[0].weight == 0.5
    tables = [{"weight": 0.5}, {"weight": 0.0}]
    with pytest.raises(UsageError, match="no label leaves open"):
        resolve(parse_recipe(recipe | {"teacher": tables}, source="x.toml"))
    partial = {"name": "a", "images": "a", "values": {"0": ["land", "water"]}}
    assert resolve(parse_recipe(recipe | {"data": [partial]}, source="x.toml")).teachers


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
