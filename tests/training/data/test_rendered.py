from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.rendering import render_scene
from geoseg.training.data.label_values import label_sets
from geoseg.training.data.rendered import FIRST, Store, rendered_windows
from geoseg.training.recipe.load import parse_recipe


def parsed(rendered, legend="aerial", **card):
    document = {"name": "x", "legend": legend, "data": [], "rendered": rendered, "card": card}
    return parse_recipe(document, source="x.toml")


def windows(recipe, store, *, seed=0, side=32):
    sets = label_sets(recipe)
    return rendered_windows(recipe.rendered, recipe.card, sets, store, side=side, seed=seed)


# Rasterio silences this one where it rasterizes, but Python's filters are those of all threads at once.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture
def in_threads(monkeypatch):
    """Render in threads of this process, which start at once."""
    monkeypatch.setattr(
        "geoseg.training.data.rendered.ProcessPoolExecutor", lambda n, mp_context: ThreadPoolExecutor(n)
    )


def test_windows_show_rendered_scenes():
    """Each window is part of the image and classes of one of the scenes, at the card's GSD and with its bands."""
    recipe = parsed({"scenes": 3, "side": 48, "seed": 7}, bands=["nir", "red"], gsd_m=0.5)
    stream = windows(recipe, Store())
    drawn = list(islice(stream, 30))
    stream.close()
    scenes = [render_scene(seed, (48, 48), gsd=0.5) for seed in (7, 8, 9)]
    seen = set()
    for pixels, labels in drawn:
        found = [
            number
            for number, scene in enumerate(scenes)
            for top in range(17)
            for left in range(17)
            if (scene.image[top : top + 32, left : left + 32, [3, 0]] == pixels).all()
            and (scene.classes[top : top + 32, left : left + 32] == labels).all()
        ]
        assert found
        seen.update(found)
    assert seen == {0, 1, 2}


def test_windows_depend_on_the_seed_alone(in_threads):
    """What is already in the store changes nothing, and is not rendered anew."""
    recipe = parsed({"scenes": FIRST + 3, "side": 32})
    store, empty = Store(), Store(limit=1)
    streams = [windows(recipe, store), windows(recipe, store), windows(recipe, empty)]
    drawn = [list(islice(stream, 12)) for stream in streams]
    for one, *others in zip(*drawn, strict=True):
        for other in others:
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
    for stream in streams:
        stream.close()
    assert sum(store.get(seed, 32) is not None for seed in range(1000, 1000 + FIRST + 3)) >= FIRST
    assert sum(empty.get(seed, 32) is not None for seed in range(1000, 1000 + FIRST + 3)) == 1


def test_each_seed_begins_with_other_scenes(in_threads):
    """A stream shows few scenes at first, and another seed shows others: over the epochs all are seen alike."""
    recipe = parsed({"scenes": 3 * FIRST, "side": 32})
    first = []
    for seed in (0, 1):
        store = Store()
        stream = windows(recipe, store, seed=seed)
        next(stream)
        stream.close()
        first.append({number for number in range(1000, 1000 + 3 * FIRST) if store.get(number, 32) is not None})
    assert len(first[0]) == len(first[1]) == FIRST
    assert first[0] != first[1]


def test_other_legends(in_threads):
    """The renderer's classes are mapped as labels of data sets are."""
    legend = {"classes": [{"name": "road", "colour": "#4a4a4a"}, {"name": "rest", "colour": "#ffffff"}]}
    recipe = parsed({"scenes": 1, "side": 64, "seed": 3, "values": {"water": "ignore", "*": "rest"}}, legend=legend)
    stream = windows(recipe, Store(), side=64)
    _, labels = next(stream)
    stream.close()
    classes = render_scene(3, (64, 64)).classes
    np.testing.assert_array_equal(labels, np.select([classes == 2, classes == 4], [0, 2], 1))


@pytest.mark.parametrize(
    ("rendered", "legend", "card", "sentence"),
    [
        ({}, "potsdam", {}, "the renderer's class 'land' is not in the legend"),
        (
            {"values": {"lake": "water"}},
            "aerial",
            {},
            "rendered.values maps 'lake'; the renderer's classes are building",
        ),
        ({}, "aerial", {"bands": ["red", "swir"]}, "the renderer has no band 'swir'"),
    ],
)
def test_what_the_renderer_lacks(rendered, legend, card, sentence):
    """A recipe that asks the renderer for what it does not give is refused."""
    from geoseg.training.data.dataset import open_data

    with pytest.raises(UsageError, match=sentence):
        open_data(parsed(rendered, legend, **card))
