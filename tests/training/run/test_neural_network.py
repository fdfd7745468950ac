"""Networks with the initial weights of a bundle."""

import keras
import numpy as np
import pytest
from standins import make_card

from geoseg.errors import BundleError, UsageError
from geoseg.models.networks.presets import build_preset
from geoseg.models.saved_network import load_network, save_bundle
from geoseg.models.shipped import find_model
from geoseg.training.recipe.learning import Schedule
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve
from geoseg.training.run.neural_network import build_optimizer, build_trained

BUILT = {"preset": "attention_resunet", "width": 4, "depth": 1}
KNOWN = ("building", "land", "road", "vegetation", "water")


@pytest.fixture
def bundle(tmp_path):
    keras.utils.set_random_seed(0)
    network = build_preset(BUILT["preset"], bands=3, classes=5, width=BUILT["width"], depth=BUILT["depth"])
    path = tmp_path / "earlier.keras"
    save_bundle(network, make_card(tile=32, overlap=8, name="earlier"), path)
    return path


def begun(bundle, names, *, bands=("red", "green", "blue"), **network):
    recipe = parse_recipe(
        {
            "name": "own",
            "data": [{"name": "town", "images": "images", "bands": list(range(1, len(bands) + 1))}],
            "legend": {"classes": [{"name": name, "colour": f"#0000{i:02x}"} for i, name in enumerate(names)]},
            "network": {**BUILT, "initial": str(bundle), **network},
            "card": {"bands": list(bands)},
            "schedule": {"precision": "float32"},
        },
        source="own.toml",
    )
    run = resolve(recipe)
    return build_trained(run.network, run.card, precision=run.schedule.precision)


def test_the_same_classes(bundle):
    """With the bundle's legend, all weights are the bundle's."""
    before, after = load_network(bundle).get_weights(), begun(bundle, KNOWN).get_weights()
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))


def test_classes_of_other_names_are_new(bundle):
    """Classes in both legends keep their weights, in any order; all other layers are the bundle's."""
    *before, kernel, bias = load_network(bundle).get_weights()
    *after, new_kernel, new_bias = begun(bundle, ("water", "glacier", "road")).get_weights()
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
    kept = [KNOWN.index("water"), KNOWN.index("road")]
    np.testing.assert_array_equal(new_kernel[..., [0, 2]], kernel[..., kept])
    np.testing.assert_array_equal(new_bias[[0, 2]], bias[kept])
    assert not any(np.array_equal(new_kernel[..., 1], kernel[..., id_]) for id_ in range(len(KNOWN)))


@pytest.mark.parametrize("other", [{"width": 8}, {"depth": 2}, {"preset": "unet"}, {"bands": ("red", "nir")}])
def test_another_network(bundle, other):
    """A bundle whose weights do not fit is refused."""
    with pytest.raises(UsageError, match="weights differ in shape"):
        begun(bundle, KNOWN, **other)


def test_no_bundle(tmp_path):
    """A missing initial bundle is named."""
    with pytest.raises(BundleError, match=r"there is no model .*missing"):
        begun(tmp_path / "missing.keras", KNOWN)


def test_a_shipped_model_by_name():
    """The name of a shipped model stands for its bundle."""
    built = {"preset": "attention_resunet", "width": 16, "depth": 5, "encoder": "efficientnet_lite0"}
    before = load_network(find_model("aerial")).get_weights()
    after = begun("aerial", KNOWN, **built).get_weights()
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))


def moved(optimizer, weight, steps):
    """Yield the value of a weight after each of some steps."""
    for number in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor([np.cos(number).astype(np.float32)])])
        yield float(weight.numpy()[0])


@pytest.mark.parametrize("ema", [0.5, 0.997])
@pytest.mark.parametrize("restart", [None, "variables", "configuration"])
def test_the_average_forgets_the_first_steps(ema, restart):
    """Its momentum is `(1 + n) / (10 + n)` until that exceeds `ema`; an optimizer that is restored resumes it."""
    optimizer, weight = build_optimizer(Schedule(ema=ema, rate=1.0, warmup=0.0)), keras.Variable([0.3])
    optimizer.build([weight])
    values = list(moved(optimizer, weight, 12))
    if restart is not None:
        state = [np.array(variable) for variable in optimizer.variables]
        again = build_optimizer(Schedule(ema=ema, rate=1.0, warmup=0.0))
        if restart == "configuration":
            again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
        again.build([weight])
        for variable, value in zip(again.variables, state, strict=True):
            variable.assign(value)
        optimizer = again
    values += moved(optimizer, weight, 12)
    expected = values[0]
    for number, value in enumerate(values[1:], 1):
        momentum = min(ema, (1 + number) / (10 + number))
        expected = momentum * expected + (1 - momentum) * value
    optimizer.finalize_variable_values([weight])
    assert float(weight.numpy()[0]) == pytest.approx(expected, rel=1e-5)


def test_no_average_is_kept_unless_asked_for():
    """With `ema = 0`, the optimizer has no average."""
    assert not build_optimizer(Schedule(ema=0)).use_ema
