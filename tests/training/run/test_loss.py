"""The loss of a recipe equals the losses it names."""

import numpy as np
import pytest

from geoseg.models.legend import AERIAL
from geoseg.models.losses.pixels import MarginalCrossEntropy
from geoseg.models.losses.regions import Lovasz, Tversky
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.recipe.learning import Loss, LossTerm
from geoseg.training.run.loss import build_loss

SETS = LabelSets(legend=AERIAL, allowed=((0,), (1,), (2,), (3,), (4,), (0, 1, 3, 4), (0, 1, 2, 3, 4)))
PIXELS = np.array([100, 400, 50, 800, 200])


def value(loss):
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(5), (2, 6, 6)).astype(np.float32)
    return float(loss(random.integers(0, 7, (2, 6, 6)), probabilities))


def built(choice, pixels=lambda: PIXELS):
    return value(build_loss(choice, SETS, pixels, sample=10))


def expected(kind, **changes):
    return value(kind(SETS.allowed, classes=5, **changes))


@pytest.mark.parametrize(
    ("term", "kind", "changes"),
    [
        ({"name": "cross_entropy"}, MarginalCrossEntropy, {}),
        ({"name": "focal", "gamma": 1.5}, MarginalCrossEntropy, {"gamma": 1.5}),
        ({"name": "dice"}, Tversky, {"alpha": 0.5, "beta": 0.5}),
        ({"name": "jaccard"}, Tversky, {"alpha": 1, "beta": 1}),
        ({"name": "tversky", "alpha": 0.3}, Tversky, {"alpha": 0.3, "beta": 0.7}),
        ({"name": "lovasz"}, Lovasz, {}),
    ],
)
def test_each_name_is_its_loss(term, kind, changes):
    """A named term is that loss with the term's parameters."""
    assert built(Loss(terms=[LossTerm(**term)])) == pytest.approx(expected(kind, **changes), rel=1e-6)


def test_terms_are_added_with_their_weights():
    """The loss is the weighted sum of its terms."""
    both = Loss(terms=[LossTerm(name="cross_entropy", weight=0.5), LossTerm(name="lovasz", weight=2.0)])
    assert built(both) == pytest.approx(0.5 * expected(MarginalCrossEntropy) + 2 * expected(Lovasz), rel=1e-6)


def test_weights_by_name_reach_pixels_and_regions():
    """Named classes have their weight, others 1; a partial label has the mean of its classes' weights."""
    weights = {"road": 3.0, "water": 0.5}
    by_class = [1, 1, 3, 1, 0.5]
    by_label = [*by_class, (1 + 1 + 1 + 0.5) / 4, 1]
    pixelwise = Loss(class_weights=weights, boundary_weight=0.7)
    assert built(pixelwise) == pytest.approx(
        expected(MarginalCrossEntropy, weights=by_label, boundary_weight=0.7), rel=1e-6
    )
    regionwise = Loss(class_weights=weights, terms=[LossTerm(name="dice")])
    assert built(regionwise) == pytest.approx(expected(Tversky, weights=by_class), rel=1e-6)


def test_weights_of_a_term_replace_those_of_the_loss():
    """A term may weigh classes in its own way; the others have the weights of the whole loss."""
    own = LossTerm(name="dice", class_weights={"road": 6.0})
    choice = Loss(class_weights={"water": 0.5}, terms=[LossTerm(name="lovasz"), own])
    shared = expected(Lovasz, weights=[1, 1, 1, 1, 0.5])
    assert built(choice) == pytest.approx(shared + expected(Tversky, weights=[1, 1, 6, 1, 1]), rel=1e-6)


@pytest.mark.parametrize("rule", ["median-frequency", "effective-number"])
def test_weights_by_rule_depend_on_the_pixels(rule):
    """A rule counts pixels; if all classes have equally many, all weigh 1."""
    even = built(Loss(class_weights=rule), lambda: np.full(5, 300))
    assert even == pytest.approx(expected(MarginalCrossEntropy), rel=1e-6)
    assert built(Loss(class_weights=rule)) != pytest.approx(even, rel=1e-3)


def test_pixels_are_not_counted_for_nothing():
    """Pixels are not counted without a rule that needs them: it may take minutes."""

    def never():
        raise AssertionError

    built(Loss(), never)
    built(Loss(class_weights={"road": 2.0}), never)
