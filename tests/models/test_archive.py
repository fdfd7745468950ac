"""Archives that would write elsewhere are refused before anything of them is read."""

import json
import warnings
import zipfile

import h5py
import pytest
from standins import make_card

from geoseg.errors import BundleError
from geoseg.models.archive import count_values
from geoseg.models.bundle import MEMBER, read_card, read_summary
from geoseg.models.saved_network import load_network


def write(path, *members):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # of zipfile, for two of one name
        archive.writestr(MEMBER, json.dumps(make_card().to_json()))
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "\\x", "..\\x", "C:\\x", "c:x", "a\\..\\..\\x", "../" * 100 + "\x1b[2J"]
)
def test_members_elsewhere(tmp_path, name):
    """A member whose path leads out of the archive is refused, though nothing unpacks it."""
    path = write(tmp_path / "m.keras", (name, "x"))
    for read in (read_card, read_summary, load_network):
        with pytest.raises(BundleError, match=r"its member .* lies outside of it"):
            read(path)


@pytest.mark.parametrize("name", ["assets/a.txt", "a..b", "..."])
def test_members_inside(tmp_path, name):
    """Other names are no reason to refuse a bundle."""
    assert read_card(write(tmp_path / "m.keras", (name, "x"))).name == "stand-in"


def test_two_of_one_name(tmp_path):
    """Of two cards, programs would read different ones."""
    with pytest.raises(BundleError, match="two of its members have the same name"):
        read_card(write(tmp_path / "m.keras", (MEMBER, "{}")))


def test_weights_elsewhere(tmp_path):
    """Weights that lie in another file are not read."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("a", (8,), "u1", external=[("/etc/passwd", 0, 8)])
    with pytest.raises(ValueError, match="its part a lies in another file"):
        count_values((tmp_path / "w.h5").read_bytes())
