import json
import re
import tomllib
import zipfile
from collections import defaultdict

import pytest
import tomli_w
from standins import make_card

from geoseg.errors import BundleError, UsageError
from geoseg.models.bundle import MEMBER
from geoseg.training.recipe.label_sets import build_legend
from geoseg.training.recipe.learning import Augmentation, Schedule
from geoseg.training.recipe.load import as_recipe, load_recipe
from geoseg.training.recipe.recipe import CardTable, Recipe

MINIMAL = """
name = "test"
[[data]]
name = "town"
images = "images"
[[data]]
name = "country"
images = "/elsewhere/*.tif"
labels = "labels"
[network]
encoder_weights = "weights.h5"
"""
KEYS = [
    f"{table}.{key}"
    for table, model in (("schedule", Schedule), ("card", CardTable), ("augmentation", Augmentation))
    for key in model.model_fields
]


@pytest.fixture
def write(tmp_path):
    def write_(text):
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_


@pytest.mark.parametrize("key", KEYS)
def test_misspelt_keys_name_the_nearest(write, key):
    """A key with its last letter doubled is refused, and the right one suggested."""
    with pytest.raises(UsageError, match=rf"no key {key}{key[-1]}; the nearest is {key}\."):
        load_recipe(write(MINIMAL), [f"{key}{key[-1]}=1"])


def test_misplaced_keys_name_their_table():
    """For a key outside its table, the full key is suggested."""
    from geoseg.training.recipe.load import parse_recipe

    with pytest.raises(UsageError, match=r"no key epochs; the nearest is schedule\.epochs"):
        parse_recipe({"name": "x", "data": [], "epochs": 3}, source="x.toml")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("schedule.epochs=-3", r"schedule\.epochs is -3: input should be greater than 0"),
        ("schedule.batch=2.5", r"schedule\.batch is 2\.5: input should be a valid integer"),
        ("schedule.batch='8'", r"schedule\.batch is '8': input should be a valid integer"),
        ("data.town.split.by=lot", r"data\.town\.split\.by is 'lot'"),
        ("data.1.share=0", r"data\.country\.share is 0"),
        ("loss.terms=[{ name = 'huber' }]", r"loss\.terms\.huber\.name is 'huber'"),
        ("data=[{ images = 'x' }]", r"data\.0\.name has no value"),
        ("seed=-1", r"seed is -1: input should be greater than or equal to 0"),
        ("rendered.seed=-1", r"rendered\.seed is -1"),
        ("schedule.rate=inf", r"schedule\.rate is inf: input should be a finite number"),
        ("loss.class_weights={ road = nan }", r"loss\.class_weights\.road is nan: input should be a finite number"),
        ("loss.class_weights={ road = -2 }", r"loss\.class_weights\.road is -2"),
        ("schedule=3", r"schedule is 3: it should be a table"),
        ("network.depth=30", r"network\.depth is 30: input should be less than or equal to 8"),
        ("augmentation.flips=up", r"augmentation\.flips is 'up': .* valid boolean, or input should be 'horizontal'\.$"),
        ("loss.class_weights=rare", r"loss\.class_weights is 'rare': .*'effective-number', or it should be a table\.$"),
        ("loss.terms=[]", r"loss\.terms is \[\]: list should have at least 1 item"),
        ("data.0.name=../evil", r"data\.\.\./evil\.name is '\.\./evil': it becomes a file name"),
        ("name=../evil", r"name is '\.\./evil': it becomes a file name: no slashes, at most 200 bytes"),
        ("name=''", r"name is '': it becomes a file name"),
        (f"name={'й' * 101}", "name is 'й+': it becomes a file name"),
    ],
)
def test_wrong_values_name_the_key(write, override, sentence):
    """Each invalid value is an error of one sentence with its key."""
    with pytest.raises(UsageError, match=f"^recipe recipe.toml: {sentence}") as caught:
        load_recipe(write(MINIMAL), [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("schedule.epochs=7", lambda recipe: recipe.schedule.epochs == 7),
        ("schedule.precision=float32", lambda recipe: recipe.schedule.precision == "float32"),
        ("card.bands=['nir']", lambda recipe: recipe.card.bands == ["nir"]),
        ("data.country.gsd_m=0.5", lambda recipe: recipe.data[1].gsd_m == 0.5 and recipe.data[0].gsd_m is None),
        ("data.0.values.3=ignore", lambda recipe: recipe.data[0].values == {"3": "ignore"}),
        ("rendered.scenes=5", lambda recipe: recipe.rendered is not None and recipe.rendered.scenes == 5),
    ],
)
def test_overrides(write, override, found):
    """An override equals the same line in TOML, in existing and new tables, by name or number."""
    assert found(load_recipe(write(MINIMAL), [override]))


@pytest.mark.parametrize("override", ["schedule.epochs", "=3", "data.suburb.share=1", "name.first=x", "data.share=2"])
def test_overrides_that_lead_nowhere(write, override):
    """Overrides without a value, or of entries that do not exist, are refused."""
    with pytest.raises(UsageError, match=re.escape(f"override {override}")):
        load_recipe(write(MINIMAL), [override])


@pytest.mark.parametrize("override", ["data.share=2", "data.split.validation=0.5", "data.7.share=1"])
def test_overrides_of_data_sets_name_them(write, override):
    """An override that leaves out the data set is refused with the names to choose from."""
    with pytest.raises(UsageError, match=r"data is a list.* name one of its entries: data\.town, data\.country\.$"):
        load_recipe(write(MINIMAL), [override])


def test_paths(write, tmp_path):
    """Paths of data are relative to the recipe's root, paths of weights to its folder."""
    recipe = load_recipe(write(MINIMAL), ["root=imagery"])
    assert recipe.data[0].images == str(tmp_path / "imagery/images")
    assert recipe.data[0].labels is None
    assert recipe.data[1].images == "/elsewhere/*.tif"
    assert recipe.data[1].labels == str(tmp_path / "imagery/labels")
    assert recipe.network.encoder_weights == str(tmp_path / "weights.h5")
    assert load_recipe(write(MINIMAL), ["network.encoder_weights=imagenet"]).network.encoder_weights == "imagenet"


def test_the_network_of_a_bundle(write):
    """With only an initial bundle, the network is the bundle's; other keys describe a network of its own."""
    minimal = MINIMAL.replace('encoder_weights = "weights.h5"', 'initial = "aerial"')
    network = load_recipe(write(minimal)).network
    assert (network.preset, network.width, network.encoder) == ("attention_resunet", 16, "efficientnet_lite0")
    assert network.initial == "aerial"
    assert load_recipe(write(minimal), ["network.width=4"]).network.encoder is None
    with pytest.raises(BundleError, match=r"there is no model .*nowhere"):
        load_recipe(write(minimal), ["network.initial=nowhere.keras"])


def test_a_recipe_object(write, tmp_path, monkeypatch):
    """A Recipe is completed as that of a file in the current folder is, and once completed stays as it is."""
    text = MINIMAL.replace('encoder_weights = "weights.h5"', 'initial = "aerial"')
    monkeypatch.chdir(tmp_path)
    recipe = as_recipe(Recipe.model_validate(tomllib.loads(text)))
    assert recipe == load_recipe(write(text))
    assert recipe.network.encoder == "efficientnet_lite0"
    assert recipe.data[0].images == str(tmp_path / "images")
    monkeypatch.chdir("/")
    assert as_recipe(recipe) == recipe
    write(tomli_w.dumps(recipe.model_dump(exclude_none=True)))
    assert load_recipe(tmp_path / "recipe.toml") == recipe


def test_a_bundle_that_does_not_tell(write, tmp_path):
    """A bundle trained by another tool does not record its network."""
    card = make_card(name="foreign")
    with zipfile.ZipFile(tmp_path / "foreign.keras", "w") as archive:
        archive.writestr(MEMBER, json.dumps(card.to_json()))
    with pytest.raises(BundleError, match="give preset, width, depth and encoder"):
        load_recipe(write(MINIMAL), ["network={ initial = 'foreign.keras' }"])


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[data]\nname = 1\nname = 2"])
def test_not_toml(tmp_path, content):
    """A file that is not TOML is refused by name."""
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"recipe .*broken\.toml"):
        load_recipe(path)
    with pytest.raises(UsageError, match=r"recipe .*missing\.toml"):
        load_recipe(tmp_path / "missing.toml")


@pytest.mark.parametrize("found", ["a folder", "not a text file"])
def test_images_in_place_of_a_recipe(tmp_path, found):
    """Images named as a recipe are refused, with the way to write one for them."""
    path = tmp_path / "images"
    path.mkdir() if found == "a folder" else path.write_bytes(b"II*\0\xff\xff")
    with pytest.raises(UsageError, match=f"images is {found}; for images and labels, begin with `geoseg train --init"):
        load_recipe(path)


def test_shipped_recipe(shipped_recipe):
    """The recipe of the aerial model loads."""
    recipe = load_recipe(shipped_recipe)
    assert isinstance(recipe, Recipe)
    assert [entry.name for entry in recipe.data] == ["dubai", "massachusetts"]


def test_recipes_to_compare_with(shipped_recipe):
    """The recipe for roads alone holds out the images of the shipped model; that for Dubai alone is split by image."""
    aerial, roads, mbrsc = (
        load_recipe(shipped_recipe.with_name(f"{name}.toml")) for name in ("aerial", "roads", "mbrsc")
    )
    assert roads.network == aerial.network == mbrsc.network
    shipped = tomllib.loads(shipped_recipe.with_name("aerial_suburbs.toml").read_text())
    held_out = {entry["name"]: entry["split"]["test"] for entry in shipped["data"]}
    for entry in roads.data:
        assert entry.split.test == held_out[entry.name]
    assert build_legend(roads.legend).names == ("other", "road")
    assert mbrsc.data[0].split.by == "image"


def test_stages_of_aerial(shipped_recipe):
    """The first stages of the aerial model have one split, and all have one network."""
    stages = [load_recipe(path) for path in (shipped_recipe, shipped_recipe.with_name("aerial_taught.toml"))]
    first, last = ({entry.name: entry.split for entry in stage.data} for stage in stages)
    assert first == last
    stages.append(load_recipe(shipped_recipe.with_name("aerial_at_once.toml")))
    networks = [stage.network.model_copy(update={"encoder_weights": None, "initial": None}) for stage in stages]
    assert networks[0] == networks[1] == networks[2]


def test_recipes_hold_out_the_same(shipped_recipe):
    """What one recipe of the shipped models holds out of a data set, all others hold out, too."""
    held_out = defaultdict(list)
    for path in shipped_recipe.parent.glob("*.toml"):
        for entry in tomllib.loads(path.read_text())["data"]:
            if "test" in entry["split"]:
                held_out[entry["name"]].append(entry["split"]["test"])
    assert {"dubai", "massachusetts", "massachusetts_suburbs", "geonrw"} < held_out.keys()
    assert all(other == test for test, *others in held_out.values() for other in others)
