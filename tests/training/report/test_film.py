import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geoseg.models.legend import AERIAL
from geoseg.training.report.contents import read_contents
from geoseg.training.report.film import Frame, spread, write_film


def test_film_shows_each_epoch(begin):
    """The film has a frame for each epoch that was predicted, with plain and blended in the legend's exact colours."""
    run = begin(64)
    run.train(15)
    frames = read_contents(run.folder).frames
    assert [frame.epoch for frame in frames] == [1, 5, 10, 15]
    path = run.folder / "film.gif"
    write_film(frames, 20, AERIAL, path)
    colours = np.array([entry.rgb for entry in AERIAL.classes])
    with Image.open(path) as film:
        assert film.n_frames == 4
        assert film.info["loop"] == 0
        for number, frame in enumerate(frames):
            film.seek(number)
            shown = np.asarray(film.convert("RGB"))
            plain, blended = run.predicted(frame.epoch)
            top = 30
            np.testing.assert_array_equal(shown[top : top + 64, :64], colours[plain])
            np.testing.assert_array_equal(shown[top : top + 64, -64:], colours[blended])


def test_bar_grows(begin):
    """The bar below the pictures is as long as the share of the epochs that are done."""
    run = begin(64)
    run.train(10)
    path = run.folder / "film.gif"
    write_film(read_contents(run.folder).frames, 20, AERIAL, path)
    with Image.open(path) as film:
        lengths = []
        for number in range(film.n_frames):
            film.seek(number)
            bar = np.asarray(film.convert("L"))[-2]
            lengths.append((bar < 128).mean())
    np.testing.assert_allclose(lengths, [1 / 20, 5 / 20, 10 / 20], atol=0.01)


@given(count=st.integers(1, 300), most=st.integers(3, 80), wanted=st.none() | st.integers(0, 299))
def test_spread(count, most, wanted):
    """Of many frames so many are kept at most, in order, none twice, with the first, the last and the one wanted."""
    frames = [Frame(epoch=number, plain=None, blended=None) for number in range(count)]
    kept = [frame.epoch for frame in spread(frames, most, wanted=wanted)]
    assert wanted is None or wanted >= count or wanted in kept
    assert len(kept) == min(count, most)
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, count - 1)
