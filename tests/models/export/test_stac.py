"""The STAC item, against the fields that STAC 1.1 and the Machine Learning Model extension require."""

import hashlib
import json
import re

import pytest
from pystac.validation import validate_dict
from stac_model.schema import MLModelProperties
from standins import make_card

from geoseg.models.bundle import Scaling
from geoseg.models.export.stac import stac_item
from geoseg.models.legend import Legend, LegendClass
from geoseg.models.saved_network import save_bundle

DATA_TYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
LEGEND = Legend(
    classes=(LegendClass(name="low vegetation", colour="#00ffff"), LegendClass(name="road", colour="#4a4a4a")), road=1
)


@pytest.fixture
def made(narrow, tmp_path):
    """The item of a bundle in a neighbouring folder, the bundle, and the item's path."""

    def make(**changes):
        bundle, target = tmp_path / "models" / "narrow.keras", tmp_path / "catalog" / "item.json"
        bundle.parent.mkdir()
        target.parent.mkdir()
        save_bundle(narrow("attention_resunet", 3), make_card(**changes), bundle)
        return stac_item(bundle, target), bundle, target

    return make


def test_other_libraries(made):
    """The item is valid by PySTAC's copy of the core schema, its fields by stac-model, the extension's own model."""
    item, _, _ = made(legend=LEGEND, provenance={"preset": "attention_resunet", "license": "MIT", "attribution": "us"})
    validate_dict(item | {"stac_extensions": []})  # extensions' schemas would be asked for over the network
    fields = MLModelProperties.model_validate(
        {key: value for key, value in item["properties"].items() if key.startswith("mlm:")}
    )
    assert [band for entry in fields.input for band in entry.bands] == ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("license", "written"),
    [("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0"), ("CC BY 4.0", "other"), ("Лицензия", "other"), (["MIT"], "other")],
)
def test_licences(made, license, written):
    """A licence that is no SPDX identifier is `other`, as STAC has it, and stands in the description."""
    item, _, _ = made(provenance={"license": license, "attribution": ["us", "them"]})
    validate_dict(item | {"stac_extensions": []})
    properties = item["properties"]
    assert properties["license"] == written
    assert properties["description"].endswith(f" License: {license}.") == (written == "other")
    assert isinstance(properties["mlm:pretrained_source"], str)


@pytest.mark.parametrize("name", ["narrow", "x", "7 hills", "2.5 m", "_roads_", "?", "город", "Zürich 12."])
def test_model_name(made, name):
    """The extension's name starts with a letter, ends with a letter or digit, and has at least three characters."""
    item, _, _ = made(name=name)
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]", item["properties"]["mlm:name"])


def test_core_fields(made):
    """The item has all fields that STAC 1.1 requires, and is plain JSON."""
    item, _, _ = made()
    assert json.loads(json.dumps(item, allow_nan=False)) == item
    assert item["type"] == "Feature"
    assert item["stac_version"] == "1.1.0"
    for field in ("id", "geometry", "bbox", "properties", "links", "assets", "stac_extensions"):
        assert field in item
    ring = item["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    west, south, east, north = item["bbox"]
    assert {tuple(corner) for corner in ring} == {(west, south), (west, north), (east, south), (east, north)}
    times = item["properties"]
    assert times["datetime"] is None
    for field in ("start_datetime", "end_datetime"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", times[field])


def test_model_fields(made):
    """The item has the fields that the extension requires of a model, its inputs and its outputs."""
    item, _, _ = made(provenance={"preset": "attention_resunet", "license": "Apache-2.0", "attribution": "us"})
    properties = item["properties"]
    assert any("/mlm/v1." in uri for uri in item["stac_extensions"])
    assert properties["license"] == "Apache-2.0"
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]", properties["mlm:name"])
    assert properties["mlm:architecture"] == "attention_resunet"
    assert properties["mlm:tasks"] == ["semantic-segmentation"]
    assert properties["mlm:total_parameters"] > 0
    assert re.match(r"\d+\.\d+\.\d+", properties["mlm:framework_version"])
    (entry,), (result,) = properties["mlm:input"], properties["mlm:output"]
    for part, structure in ((entry, "input"), (result, "result")):
        assert part["name"]
        assert len(part[structure]["shape"]) == len(part[structure]["dim_order"]) == 4
        assert all(size == -1 or size > 0 for size in part[structure]["shape"])
        assert part[structure]["data_type"] in DATA_TYPES
    assert result["tasks"] == properties["mlm:tasks"]
    assert entry["bands"] == [band["name"] for band in properties["bands"]] == ["red", "green", "blue"]
    assert item["assets"]["model"]["bands"] == properties["bands"]
    assert "bands" in entry["input"]["dim_order"]
    assert all(re.fullmatch("[0-9a-zA-Z_.-]+", key) for key in properties["mlm:hyperparameters"])
    assert properties["mlm:hyperparameters"]["overlap"] == 16


def test_names_of_any_script(made):
    """The id keeps letters of any script; where the extension allows only ASCII, different names stay different."""
    names = ("дорога", "здание", "low veg. 1")
    legend = Legend(classes=tuple(LegendClass(name=name, colour="#00ffff") for name in names))
    item, _, _ = made(name="Мой город | a/b:c", legend=legend)
    assert item["id"] == "Мой_город_a_b_c-1"
    assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]", item["properties"]["mlm:name"])
    found = [entry["name"] for entry in item["properties"]["mlm:output"][0]["classification:classes"]]
    assert all(re.fullmatch("[0-9A-Za-z_-]+", name) for name in found)
    assert [name.removeprefix("xn--").encode().decode("punycode") for name in found[:2]] == list(names[:2])
    assert found[2] == "low_veg__1"


def test_range_of_ground_sample_distances(made):
    """A range is a parameter of the item, and part of its descriptions; the GSD stays that of the training data."""
    properties = made(gsd_range_m=(0.3, 1.2))[0]["properties"]
    assert properties["mlm:hyperparameters"]["gsd_range_m"] == [0.3, 1.2]
    assert properties["gsd"] == 1.0
    assert properties["description"].endswith("at 0.3–1.2 m.")
    described = properties["mlm:input"][0]["description"]
    assert described.startswith("Tiles of 0.3–1.2 m, or resampled to the nearer of these,")


def test_classes(made):
    """Classes have an id, a name of letters and digits, the legend's name, and the colour in the extension's form."""
    item, _, _ = made(legend=LEGEND, bands=("red", "green", "blue"))
    classes = item["properties"]["mlm:output"][0]["classification:classes"]
    assert [entry["value"] for entry in classes] == [0, 1]
    assert all(re.fullmatch("[0-9A-Za-z_-]+", entry["name"]) for entry in classes)
    assert [entry["description"] for entry in classes] == ["low vegetation", "road"]
    assert [entry["color_hint"] for entry in classes] == ["00FFFF", "4A4A4A"]


def test_asset(made):
    """The asset links from the item to the bundle, with its size and the multihash of its content."""
    item, bundle, target = made()
    (asset,) = item["assets"].values()
    assert (target.parent / asset["href"]).resolve() == bundle
    assert "mlm:model" in asset["roles"]
    assert asset["mlm:artifact_type"]
    assert asset["file:size"] == bundle.stat().st_size
    checksum = bytes.fromhex(asset["file:checksum"])
    assert checksum[:2] == b"\x12\x20"  # SHA-256, 32 bytes
    assert checksum[2:] == hashlib.sha256(bundle.read_bytes()).digest()


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ({"uint8": Scaling()}, None),
        ({"uint16": Scaling(offset=100, gain=0.25)}, [{"type": "z-score", "mean": 100, "stddev": 4}]),
        ({"uint8": Scaling(), "uint16": Scaling(gain=0.25)}, None),
    ],
)
def test_scaling(made, scaling, expected):
    """A single scaling is given in the extension's form; none if it is the identity or depends on the data type."""
    item, _, _ = made(scaling=scaling)
    (entry,) = item["properties"]["mlm:input"]
    assert entry["value_scaling"] == expected
    assert all(dtype in entry["description"] for dtype in scaling)
