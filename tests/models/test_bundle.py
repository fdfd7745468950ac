import io
import json
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest
from standins import make_card

from geoseg.errors import BundleError
from geoseg.models.bundle import MEMBER, Card, Scaling, read_card, read_summary
from geoseg.models.graph.read import read_network
from geoseg.models.legend import AERIAL
from geoseg.models.losses.pixels import MarginalCrossEntropy
from geoseg.models.saved_network import load_network, save_bundle


def tiny(bands=3, classes=5):
    """The smallest network that fits a card."""
    pixels = keras.Input((None, None, bands))
    return keras.Model(pixels, keras.layers.Conv2D(classes, 1, activation="softmax")(pixels))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "tiny.keras"
    save_bundle(tiny(), make_card(), path)
    return path


@pytest.fixture
def rewritten(saved, tmp_path):
    """Copy the saved bundle with other content in one member, or without it if None."""

    def rewrite(member, content):
        path = tmp_path / "rewritten.keras"
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
            parts = {name: source.read(name) for name in source.namelist()} | {member: content}
            for name, part in parts.items():
                if part is not None:
                    target.writestr(name, part)
        return path

    return rewrite


def sentence(error):
    """The message: one line that ends in a full stop and names the file."""
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert ".keras" in message
    return message


def test_card_round_trip(saved):
    """A card is read back from the bundle unchanged."""
    assert read_card(saved) == make_card()


def test_a_card_of_its_own_values_survives_json():
    """Scaling, provenance and a legend without a road survive JSON; the values are JSON's own: lists, not tuples."""
    card = make_card(
        gsd_range_m=(0.3, 1.2),
        bands=("red", "green", "blue", "nir"),
        scaling={"uint8": Scaling(), "uint16": Scaling(offset=10.0, gain=0.0625)},
        provenance={"preset": "unet", "iou": [0.5, 0.25]},
    )
    document = card.to_json()
    assert json.loads(json.dumps(document)) == document
    assert Card.from_json(document) == card


@pytest.mark.parametrize(
    "changes",
    [
        {"bands": ()},
        {"scaling": {}},
        {"gsd_m": 0.0},
        {"gsd_m": float("nan")},
        {"gsd_range_m": (0.3, 0.9)},
        {"gsd_range_m": (1.2, 0.3)},
        {"gsd_range_m": (0.0, 2.0)},
        {"gsd_range_m": (0.5, float("inf"))},
        {"tile": 0},
        {"tile": 72},
        {"multiple": 0},
        {"overlap": -1},
        {"overlap": 33},
    ],
)
def test_impossible_cards_are_refused(changes):
    """A card that cannot be used for prediction is refused."""
    with pytest.raises(ValueError, match=r"a card needs|ground sample distance|tile"):
        make_card(**changes)


def test_a_trained_network_is_saved_without_its_training(tmp_path):
    """A compiled network is saved without loss and optimizer: it loads in plain Keras with its trained weights."""
    network = tiny()
    network.compile(optimizer="adam", loss=MarginalCrossEntropy([[0], [1, 2]], classes=len(AERIAL)), jit_compile=False)
    network.train_on_batch(np.ones((1, 2, 2, 3), np.float32), np.array([[[0, 1], [1, 1]]]))
    path = tmp_path / "trained.keras"
    save_bundle(network, make_card(), path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    assert not loaded.compiled
    for found, expected in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_bundle_replaces_an_older_one(tmp_path):
    """Saving twice to one path keeps the second network and card."""
    path = tmp_path / "model.keras"
    save_bundle(tiny(), make_card(name="first"), path)
    save_bundle(tiny(bands=2), make_card(name="second", bands=("red", "nir")), path)
    assert read_card(path).name == "second"
    assert load_network(path).input_shape[-1] == 2


def test_a_missing_file(tmp_path):
    """A missing file is reported as such."""
    with pytest.raises(BundleError) as error:
        read_card(tmp_path / "missing.keras")
    assert "does not exist" in sentence(error)


def test_another_kind_of_file(tmp_path):
    """A file without Keras's suffix is refused before a scene is read, not when the network is loaded."""
    path = tmp_path / "scene.tif"
    path.write_bytes(b"II*\x00")
    with pytest.raises(BundleError) as error:
        read_card(path)
    assert "not a .keras file" in sentence(error)


@pytest.mark.parametrize("content", [b"", b"not a zip archive", bytes(1000)], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_archive(tmp_path, content):
    """Whatever the file contains, the error names it and the expected format."""
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(BundleError) as error:
        read_card(path)
    assert "cannot be read as a .keras archive" in sentence(error)


def test_a_folder(tmp_path):
    """A folder named like a bundle is refused like a broken file."""
    path = tmp_path / "model.keras"
    path.mkdir()
    with pytest.raises(BundleError) as error:
        read_card(path)
    assert "cannot be read as a .keras archive" in sentence(error)


def test_a_foreign_network(tmp_path):
    """A network saved by Keras alone lacks bands, scaling and legend: the error says so, loaded or read."""
    path = tmp_path / "foreign.keras"
    tiny().save(path)
    for read in (read_card, load_network):
        with pytest.raises(BundleError) as error:
            read(path)
        assert f"has no {MEMBER}" in sentence(error)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_archive(saved, tmp_path, share):
    """A truncated bundle is refused, wherever it ends."""
    path = tmp_path / "truncated.keras"
    whole = saved.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BundleError) as error:
        load_network(path)
    sentence(error)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"name": "aerial"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500],
)
def test_a_card_that_is_not_json(rewritten, content):
    """A card that cannot be parsed is refused by name."""
    with pytest.raises(BundleError) as error:
        read_card(rewritten(MEMBER, content))
    assert f"the {MEMBER} of model" in sentence(error)


@pytest.mark.parametrize("key", make_card().to_json())
def test_a_card_with_a_missing_key(rewritten, key):
    """A card without one of its keys is refused, and the error names the key."""
    document = make_card().to_json()
    del document[key]
    with pytest.raises(BundleError) as error:
        read_card(rewritten(MEMBER, json.dumps(document)))
    assert f"it has no '{key}'" in sentence(error)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bands", 3),
        ("scaling", ["uint8"]),
        ("scaling", {"uint8": {"offset": "none", "gain": 1}}),
        ("gsd_m", "fine"),
        ("gsd_m", 10**400),
        ("gsd_range_m", 0.3),
        ("gsd_range_m", None),
        ("gsd_range_m", [0.3, 1.0, 1.2]),
        ("gsd_range_m", [2.0, 3.0]),
        ("tile", 64.0),
        ("tile", "64"),
        ("overlap", 100),
        ("legend", []),
        ("legend", {"classes": [{"name": "road", "colour": "grey"}] * 2, "road": 0}),
        ("legend", make_card().to_json()["legend"] | {"road": 1.5}),
        ("provenance", 1),
    ],
)
def test_a_card_with_a_wrong_value(rewritten, key, value):
    """A value of the wrong type is refused when it is read, not when it is used."""
    with pytest.raises(BundleError) as error:
        read_card(rewritten(MEMBER, json.dumps(make_card().to_json() | {key: value})))
    assert "is not a valid card" in sentence(error)


@pytest.mark.parametrize("document", [[], None, "card", 1])
def test_json_that_is_no_card(rewritten, document):
    """Other JSON is refused like a card with missing keys."""
    with pytest.raises(BundleError) as error:
        read_card(rewritten(MEMBER, json.dumps(document)))
    assert "is not a valid card" in sentence(error)


def test_a_card_of_another_format(rewritten):
    """A card of a later format is refused, and the error gives both numbers."""
    with pytest.raises(BundleError) as error:
        read_card(rewritten(MEMBER, json.dumps(make_card().to_json() | {"format": 2})))
    assert "its format is 2; this version of geoseg reads 1" in sentence(error)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("config.json", None),
        ("config.json", b"garbage"),
        ("config.json", b"[" * 100_000),
        ("config.json", b"[]"),
        ("model.weights.h5", None),
        ("model.weights.h5", b"garbage"),
    ],
)
@pytest.mark.parametrize("read", [read_summary, read_network, load_network])
def test_a_network_that_cannot_be_read(rewritten, member, content, read):
    """If the card is valid but the network is not, the error names the file, whatever reads it."""
    path = rewritten(member, content)
    read_card(path)
    with pytest.raises(BundleError) as error:
        read(path)
    assert f"the network in {path}" in sentence(error)


@pytest.mark.parametrize(
    "content", [b"{}", b'{"module": "keras.layers", "class_name": "Conv2D", "config": {"filters": 1}}']
)
def test_a_network_that_keras_cannot_load(rewritten, content):
    """A configuration of stock classes that is no network is refused, and the error names Keras and its version."""
    with pytest.raises(BundleError) as error:
        load_network(rewritten("config.json", content))
    assert f"cannot be loaded by Keras {keras.__version__}" in sentence(error)


def test_a_network_that_no_machine_can_hold(rewritten, saved):
    """A layer of petabytes is refused in one sentence, not with the backend's error."""
    with zipfile.ZipFile(saved) as archive:
        huge = archive.read("config.json").replace(b'"filters": 5', b'"filters": 100000000000000')
    for read in (read_network, load_network):
        with pytest.raises(BundleError) as error:
            read(rewritten("config.json", huge))
        sentence(error)


@pytest.mark.parametrize("member", [MEMBER, "config.json", "metadata.json", "model.weights.h5", "assets/other"])
def test_an_archive_that_unpacks_to_gigabytes(saved, tmp_path, member):
    """A member of zeros, a thousand times as large as stored, is refused unread, whatever its name."""
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for name in {*source.namelist()} - {member}:
            target.writestr(name, source.read(name))
        with target.open(member, "w") as file:
            for _ in range(300):
                file.write(bytes(2**20))
    for read in (read_card, read_summary, read_network, load_network):
        with pytest.raises(BundleError) as error:
            read(path)
        assert "would unpack to 31" in sentence(error)


def test_weights_that_unpack_to_gigabytes(rewritten):
    """Arrays of the weights file are compressed, too; what they would take is counted before they are read."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/conv2d/vars/0", (1, 1, 3, 10**9), np.float32, chunks=(1, 1, 3, 10**6))
    path = rewritten("model.weights.h5", content.getvalue())
    for read in (read_summary, read_network, load_network):
        with pytest.raises(BundleError) as error:
            read(path)
        assert "would unpack to 12,000 MB" in sentence(error)


def test_weights_at_an_impossible_address(saved, rewritten):
    """A header that leads beyond any file is a sentence, not an overflow."""
    with zipfile.ZipFile(saved) as archive:
        content = bytearray(archive.read("model.weights.h5"))
    content[48:56] = (2**63 + 2**40).to_bytes(8, "little")  # of the root group, in the superblock
    path = rewritten("model.weights.h5", bytes(content))
    for read in (read_summary, read_network, load_network):
        with pytest.raises(BundleError) as error:
            read(path)
        sentence(error)


def test_a_member_that_lies_about_its_size(saved, tmp_path):
    """A member is never unpacked further than its archive declares."""
    path = tmp_path / "lies.keras"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for name in source.namelist():
            target.writestr(name, bytes(2**28) if name == MEMBER else source.read(name))
        target.getinfo(MEMBER).file_size = 1000
    tracemalloc.start()
    with pytest.raises(BundleError):
        read_card(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_code_in_a_network_is_not_run(tmp_path):
    """Safe mode: a network with a Python function is refused, since loading it would run untrusted code."""
    pixels = keras.Input((None, None, 3))
    body = keras.layers.Lambda(lambda values: values * 2, output_shape=(None, None, 3))(pixels)
    path = tmp_path / "code.keras"
    keras.Model(pixels, keras.layers.Conv2D(len(AERIAL), 1)(body)).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, json.dumps(make_card().to_json()))
    with pytest.raises(BundleError) as error:
        load_network(path)
    assert "Lambda" in sentence(error)


def test_a_network_of_another_depth(tmp_path):
    """A card whose tiles the network cannot halve often enough is refused when the network is loaded."""
    pixels = keras.Input((None, None, 3))
    coarse = keras.layers.UpSampling2D()(keras.layers.MaxPooling2D()(pixels))
    joined = keras.layers.Concatenate()([pixels, coarse])
    network = keras.Model(pixels, keras.layers.Conv2D(len(AERIAL), 1)(joined))
    path = tmp_path / "deep.keras"
    for card, fits in [
        (make_card(multiple=2), True),
        (make_card(multiple=1), False),
        (make_card(tile=99, multiple=1), False),
    ]:
        save_bundle(network, card, path)
        if fits:
            load_network(path)
        else:
            with pytest.raises(BundleError) as error:
                load_network(path)
            assert "does not accept tiles of" in sentence(error)


@pytest.mark.parametrize("network", [tiny(bands=4), tiny(classes=3)], ids=["bands", "classes"])
def test_a_network_that_does_not_fit_its_card(tmp_path, network):
    """A network with other bands or classes than its card is refused: it would give a wrong map."""
    path = tmp_path / "misfit.keras"
    save_bundle(network, make_card(), path)
    with pytest.raises(BundleError) as error:
        load_network(path)
    assert "its card expects" in sentence(error)
