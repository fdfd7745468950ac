"""Names of results: the scene's, or after a template."""

import pytest
from click.testing import CliRunner

import geoseg
from geoseg.cli import main
from geoseg.errors import UsageError
from geoseg.prediction.naming import name_results
from geoseg.prediction.predict import predict_each
from geoseg.rasters.stac import Asset

ITEM = Asset(name="item-7", source="https://host/lyon/visual.tif", document="https://host/items.json")


@pytest.fixture
def scenes(write_scene, noise, tmp_path):
    """Paths of three scenes of one name, two of them in folders of one name."""
    paths = []
    for number, folder in enumerate(("a/lyon", "a/metz", "b/lyon")):
        (tmp_path / folder).mkdir(parents=True)
        paths.append(str(write_scene(noise(40 + number, 40), f"{folder}/visual.tif")))
    return paths


@pytest.mark.parametrize(
    ("source", "template", "name"),
    [
        ("/maps/lyon/visual.tif", "{stem}", "visual"),
        ("/maps/lyon/visual.tif", "{parent}_{stem}", "lyon_visual"),
        ("/maps/lyon/../metz/visual.tif", "{parent}", "metz"),
        ("/visual.tif", "{parent}{n}", "1"),
        ("https://host/maps/lyon/visual.tif?key=a/b", "{parent}_{stem}", "lyon_visual"),
        ("s3://bucket/visual.tif", "{parent}_{stem}", "bucket_visual"),
        ("/vsizip/maps.zip/lyon/visual.tif", "{parent}_{stem}", "lyon_visual"),
        ('NETCDF:"/maps/lyon/scene.nc":rgb', "{parent}_{stem}", "lyon_scene"),
        ("NETCDF:/maps/lyon/scene.nc:rgb", "{parent}_{stem}", "lyon_scene"),
        ("HDF5:/maps/lyon/scene.h5://group/rgb", "{parent}_{stem}", "lyon_scene"),
        ('NETCDF:"/vsicurl/https://host/lyon/scene.nc":rgb', "{parent}_{stem}", "lyon_scene"),
        ("GTI:/maps/lyon/index.gpkg", "{parent}_{stem}", "lyon_index"),
        ("GTIFF_DIR:2:/maps/lyon/scene.tif", "{parent}_{stem}", "lyon_scene"),
        ("vrt:///maps/lyon/scene.tif?bands=3,2,1", "{parent}_{stem}", "lyon_scene"),
        (ITEM, "{stem}", "item-7"),
        (ITEM, "{parent}_{n}_{stem}", "lyon_1_item-7"),
        ("/maps/lyon/visual.tif", "{{{n}}}", "{1}"),
    ],
)
def test_fields(source, template, name):
    """Fields stand for the scene's name, its folder and its number, on disk, in a URL and in a STAC item."""
    assert name_results([source], template) == [name]


def test_relative_paths(tmp_path, monkeypatch):
    """The folder of a scene that is named without one is the current folder."""
    (tmp_path / "lyon").mkdir()
    monkeypatch.chdir(tmp_path / "lyon")
    assert name_results(["visual.tif"], "{parent}") == ["lyon"]


def test_numbers():
    """Numbers are as wide as the last, so that they sort."""
    names = name_results([f"/{number}/visual.tif" for number in range(10)], "{n}")
    assert names == sorted(names)
    assert names[::9] == ["01", "10"]


def test_every_command_of_a_template(scenes, write_bundle, echo, tmp_path, monkeypatch):
    """Scenes of one name go in one command, with results that are those of each alone."""
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)
    model, maps = write_bundle(), tmp_path / "maps"
    words = ["predict", *scenes, "-m", str(model), "-o", str(maps), "-q", "--no-roads"]
    done = CliRunner().invoke(main, [*words, "--name", "{n}_{parent}_{stem}"])
    assert done.exit_code == 0, done.output
    stems = ["1_lyon_visual", "2_metz_visual", "3_lyon_visual"]
    assert sorted(path.name for path in maps.glob("*.tif")) == [f"{stem}_classes.tif" for stem in stems]
    for scene, stem in zip(scenes, stems, strict=True):
        alone = geoseg.predict(scene, model=model, folder=tmp_path / "alone", load=echo, roads=False, overwrite=True)
        assert alone.outputs.classes.read_bytes() == (maps / f"{stem}_classes.tif").read_bytes()


@pytest.mark.parametrize(
    ("picked", "template", "proposal"),
    [((0, 1), None, "'{parent}_{stem}'"), ((0, 2), None, "'{n}_{stem}'"), ((0, 2), "{parent}", "'{n}_{stem}'")],
)
def test_one_name_for_several(scenes, write_bundle, tmp_path, picked, template, proposal):
    """Scenes that would overwrite each other's results are refused, with a template that works."""
    words = ["predict", *(scenes[number] for number in picked), "-m", str(write_bundle()), "-o", str(tmp_path / "maps")]
    done = CliRunner().invoke(main, [*words, *([] if template is None else ["--name", template])])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"would overwrite each other's results; tell them apart with --name {proposal}.")
    assert not (tmp_path / "maps").exists()
    names = name_results([scenes[number] for number in picked], proposal.strip("'"))
    assert len({*names}) == len(picked)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{date}", r"has the field \{date\}; use \{stem\}, \{parent\} and \{n\} as they are"),
        ("{}", r"has the field \{\}"),
        ("{0}", r"has the field \{0\}"),
        ("{stem.__class__}", r"has the field \{stem.__class__\}"),
        ("{n:03}", r"has the field \{n:03\}"),
        ("{n!r}", r"has the field \{n!r\}"),
        ("{stem", "is not a template .*its fields are"),
        ("stem}", "is not a template .*its fields are"),
        ("{parent}/{stem}", "makes 'lyon/visual', which becomes a file name: no slashes"),
        ("..", "makes '..', which becomes a file name: no slashes"),
        ("", "makes '', which becomes a file name: no slashes"),
        ("a\nb", "makes 'a\\\\nb', which becomes a file name: no slashes"),
        ("{stem}" * 40, "1 to 200 bytes"),
    ],
)
def test_bad_templates(template, message):
    """A template that makes no file name is refused in one sentence."""
    with pytest.raises(UsageError, match=message):
        name_results(["/maps/lyon/visual.tif"], template)


def test_resumed(scenes, write_bundle, echo, tmp_path):
    """A stopped run of a template resumes: a network that would fail is not asked again."""
    arguments = {"model": write_bundle(), "folder": tmp_path / "maps", "name": "{parent}", "roads": False}

    def stop(done, total, text):
        if done == total:
            raise KeyboardInterrupt

    def broken(model, options):
        raise AssertionError("the network runs again")

    with pytest.raises(KeyboardInterrupt):
        geoseg.predict(scenes[0], load=echo, progress=stop, **arguments)
    assert (tmp_path / "maps" / ".lyon.geoseg").is_dir()
    assert geoseg.predict(scenes[0], load=broken, **arguments).outputs.classes.name == "lyon_classes.tif"
