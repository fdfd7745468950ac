"""Three scenes, and batches of them without a network."""

import pytest

from geoseg.batch.batch import batch


@pytest.fixture
def scenes(write_scene, noise, tmp_path):
    """Paths of three scenes in a folder of their own."""
    (tmp_path / "scenes").mkdir()
    return [str(write_scene(noise(90, 70 + n), f"scenes/{name}.tif")) for n, name in enumerate("abc")]


@pytest.fixture
def run(write_bundle, echo, tmp_path):
    """Run a batch into `maps`, and return its summary and events."""
    model = write_bundle()

    def run(inputs, **choices):
        events = []
        arguments = {"folder": tmp_path / "maps", "model": model, "load": echo, "on_event": events.append}
        return batch(inputs, **arguments | choices), events

    return run
