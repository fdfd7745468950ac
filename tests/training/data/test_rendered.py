from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.rendering import render_scene
from geoseg.training.data.rendered import FIRST_SCENES, SceneStore, sample_rendered_windows
from geoseg.training.recipe.load import parse_recipe
from geoseg.training.recipe.resolve import resolve


def parsed(rendered, legend="aerial", **card):
    document = {"name": "x", "legend": legend, "data": [], "rendered": rendered, "card": card}
    return resolve(parse_recipe(document, source="x.toml"))


def windows(run, store, *, seed=0, side=32):
    return sample_rendered_windows(run.rendered, run.card, run.labels, store, side=side, seed=seed)


# Rasterio silences this one where it rasterizes, but Python's filters are those of all threads at once.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


in_threads = partial(SceneStore, executor=ThreadPoolExecutor)  # threads of this process start at once


def test_windows_show_rendered_scenes():
    """Each window is a part of one scene and its classes, at the card's GSD and with its bands."""
    recipe = parsed({"scenes": 3, "side": 48, "seed": 7}, bands=["nir", "red"], gsd_m=0.5)
    stream = windows(recipe, SceneStore())
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


def test_windows_depend_on_the_seed_alone():
    """Scenes in the store give the same windows, and are not rendered again."""
    recipe = parsed({"scenes": FIRST_SCENES + 3, "side": 32})
    store, empty = in_threads(), in_threads(limit=1)
    streams = [windows(recipe, store), windows(recipe, store), windows(recipe, empty)]
    drawn = [list(islice(stream, 12)) for stream in streams]
    for one, *others in zip(*drawn, strict=True):
        for other in others:
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
    for stream in streams:
        stream.close()
    assert sum(store.get(seed, 32) is not None for seed in range(1000, 1000 + FIRST_SCENES + 3)) >= FIRST_SCENES
    assert sum(empty.get(seed, 32) is not None for seed in range(1000, 1000 + FIRST_SCENES + 3)) == 1


def test_each_seed_begins_with_other_scenes():
    """A stream starts with few scenes; other seeds start with others, so that all are used over the epochs."""
    recipe = parsed({"scenes": 3 * FIRST_SCENES, "side": 32})
    first = []
    for seed in (0, 1):
        store = in_threads()
        stream = windows(recipe, store, seed=seed)
        next(stream)
        stream.close()
        first.append({number for number in range(1000, 1000 + 3 * FIRST_SCENES) if store.get(number, 32) is not None})
    assert len(first[0]) == len(first[1]) == FIRST_SCENES
    assert first[0] != first[1]


def test_other_legends():
    """The renderer's classes are mapped like labels of data sets."""
    legend = {"classes": [{"name": "road", "colour": "#4a4a4a"}, {"name": "rest", "colour": "#ffffff"}]}
    recipe = parsed({"scenes": 1, "side": 64, "seed": 3, "values": {"water": "ignore", "*": "rest"}}, legend=legend)
    stream = windows(recipe, in_threads(), side=64)
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
    """Bands and classes that the renderer lacks are refused."""
    from geoseg.training.data.dataset import open_data

    with pytest.raises(UsageError, match=sentence):
        open_data(parsed(rendered, legend, **card))
