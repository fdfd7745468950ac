"""Event files that TensorBoard reads."""

from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from geoseg.training.run.event_file import WriteEvents


def test_tensorboard_reads_what_is_written(tmp_path):
    """TensorBoard's own loader finds each epoch's logs and learning rate."""
    callback = WriteEvents(tmp_path / "events")
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.25)))
    callback.on_train_begin()
    for epoch, loss in enumerate((3.0, 2.5)):
        callback.on_epoch_end(epoch, {"loss": loss, "val_loss": loss / 2})
    (file,) = (tmp_path / "events").iterdir()
    head, *events = EventFileLoader(str(file)).Load()
    assert head.file_version == "brain.Event:2"
    assert [event.step for event in events] == [1, 2]
    found = {value.tag: value.tensor.float_val[0] for value in events[1].summary.value}
    assert found == pytest.approx({"learning_rate": 0.25, "loss": 2.5, "val_loss": 1.25})
