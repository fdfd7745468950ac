"""Files are written whole or not at all; devices, pipes and links keep what they are."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from processes import WAIT, start
from standins import files_of_at_most

from geoseg.errors import OutputError
from geoseg.files import check_outputs, direct, discard, publish, whole, whole_files, write_text, writing

AS_ROOT = os.geteuid() == 0


@pytest.fixture
def pipe(tmp_path):
    """Return a named pipe with a reader, and a function that reads what is in it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, lambda: os.read(reader, 65536)
    os.close(reader)


@pytest.fixture
def device(tmp_path):
    """Return a device of our own that swallows everything, as /dev/null does."""
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.open("w").close()
    except PermissionError:
        pytest.skip("devices can be made by root only, and not everywhere")
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    """Until the block ends there is the old file, then the new one; no work file is left."""
    target = tmp_path / "a.txt"
    target.write_text("old")
    with whole(target) as new:
        assert new.name == "a.txt"
        new.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
def test_an_error_leaves_nothing_behind(tmp_path, error):
    """An error of the block reaches the caller as it is, and all that was there stays."""
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write():
        with whole_files([target, tmp_path / "b.txt"]) as folder:
            (folder / "a.txt").write_text("new")
            raise error

    with pytest.raises(type(error)) as raised:
        write()
    assert raised.value is error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_several_files_appear_together(tmp_path):
    """Folders are made where they are missing; the files, of which one may be a folder, appear at the end."""
    paths = [tmp_path / "out" / name for name in ("a.qml", "a.gpkg", "model")]
    with whole_files(paths) as folder:
        for name in ("a.qml", "a.gpkg"):
            (folder / name).write_text(name)
        (folder / "model").mkdir()
        (folder / "model" / "graph").write_text("graph")
        assert names(tmp_path / "out") == [folder.name]
    assert names(tmp_path / "out") == ["a.gpkg", "a.qml", "model"]
    assert (tmp_path / "out" / "model" / "graph").read_text() == "graph"


@pytest.mark.parametrize("lacking", ["first", "part"])
def test_a_disk_that_fails_late(tmp_path, monkeypatch, lacking):
    """Where files or folders cannot be written back, as on a network disk that is full, none gets its final name."""

    def sync(number):
        if Path(f"/proc/self/fd/{number}").readlink().name == lacking:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", sync)
    wanted = [tmp_path / "first", tmp_path / "second"]

    def write():
        with whole_files(wanted) as work:
            (work / "second").mkdir()
            (work / "second" / "part").write_text("of a folder")
            (work / "first").write_text("a file")

    with pytest.raises(OutputError, match=f"^{tmp_path} cannot be written .Disk quota exceeded"):
        write()
    assert names(tmp_path) == []


HALF_WRITTEN = """
import sys
from pathlib import Path
from geoseg.files import whole

with whole(Path(sys.argv[1])) as new:
    new.write_text("complete")
    print("writing", flush=True)
    sys.stdin.readline()
"""


def test_what_killed_processes_have_left_goes(tmp_path):
    """The work folder of a process that was killed goes with the next file that is written beside it, no other's."""
    with (
        start([sys.executable, "-c", HALF_WRITTEN, str(tmp_path / "killed")]) as killed,
        start([sys.executable, "-c", HALF_WRITTEN, str(tmp_path / "alive")]) as alive,
    ):
        assert [process.stdout.readline() for process in (killed, alive)] == ["writing\n"] * 2
        killed.kill()
        killed.wait()
        assert len(names(tmp_path)) == 2
        write_text(tmp_path / "next", "")
        assert [len(list(folder.iterdir())) for folder in tmp_path.glob(".*")] == [1]
        alive.communicate("\n", timeout=WAIT)
    assert names(tmp_path) == ["alive", "next"]


def test_files_have_the_permissions_of_any_other(tmp_path):
    """A work folder is its owner's alone; what is made in it is not."""
    (tmp_path / "plain").touch()
    write_text(tmp_path / "a", "")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk(tmp_path):
    """A write that is refused is one sentence with the file's name and the system's reason."""
    target = tmp_path / "a.txt"
    with files_of_at_most(1000):
        with pytest.raises(OutputError) as raised:
            write_text(target, "x" * 2000)
        with pytest.raises(OutputError) as several, whole_files([target, tmp_path / "b.txt"]) as folder:
            (folder / "b.txt").write_text("x" * 2000)
    assert str(raised.value) == f"{target} cannot be written (File too large)."
    assert str(several.value) == f"{tmp_path} cannot be written (File too large)."
    assert names(tmp_path) == []


def test_room_is_asked_for(tmp_path):
    """A sentence on a full disk says what to do, unless a command has advice of its own, or it is a device."""
    full = OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] No space left on device")
    found = []
    for path, advice in ((tmp_path, ""), (tmp_path, "; choose another"), (Path("/dev/null"), "")):
        with pytest.raises(OutputError) as raised, writing(path, advice=advice):
            raise full
        found.append(str(raised.value).removeprefix(f"{path} cannot be written (No space left on device)"))
    assert found == ["; make room there.", "; choose another.", "."]


@pytest.fixture
def other_disk(tmp_path):
    """Return a folder on a file system of its own, a few pages large."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        AS_ROOT
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], capture_output=True, check=False
        ).returncode
    )
    if mounted:
        yield folder
        subprocess.run(["umount", folder], check=True)
    elif os.access("/dev/shm", os.W_OK) and Path("/dev/shm").stat().st_dev != tmp_path.stat().st_dev:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
            yield Path(memory)
    else:
        pytest.skip("there is one file system only")


def test_a_link_to_another_disk(tmp_path, other_disk):
    """A link's target is replaced, on whatever disk it is, and the link stays; where that disk is full, so does all."""
    link, file = tmp_path / "a.txt", other_disk / "file.txt"
    link.symlink_to(file)
    for text in ("first", "second"):
        made = tmp_path / "made"
        made.write_text(text)
        publish(made, link)
        assert (link.is_symlink(), file.read_text()) == (True, text)
    if other_disk.is_mount():
        with pytest.raises(OutputError, match=r"a\.txt cannot be written \(No space left on device\)"):
            write_text(link, "x" * 100_000)
        assert file.read_text() == "second"
    assert names(other_disk) == ["file.txt"]


@pytest.mark.parametrize(
    ("name", "endings"), [("roads.gpkg", ("-wal", "-shm", "-journal")), ("map.tif", (".msk", ".ovr"))]
)
@pytest.mark.parametrize("linked", [False, True])
def test_what_belonged_to_the_old_file_goes(tmp_path, name, endings, linked):
    """Changes, masks and overviews of a replaced file would be applied to the new one; others stay."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / name
    place = tmp_path / "elsewhere" / f"real_{name}" if linked else path
    place.write_text("old")
    if linked:
        path.symlink_to(place)
    for beside in {path, place}:
        for ending in (*endings, ".txt"):
            beside.with_name(beside.name + ending).write_text("of the old one")
    with whole(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert {each.name for each in tmp_path.iterdir()} == {name, f"{name}.txt", "elsewhere"}
    assert {each.name for each in (tmp_path / "elsewhere").iterdir()} == (
        {place.name, f"{place.name}.txt"} if linked else set()
    )


def test_links_stay_links(tmp_path):
    """Writing to a link replaces the file that it leads to, or makes it; a link to a folder is that folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old").write_text("old")
    for name in ("old", "new"):
        link = tmp_path / name
        link.symlink_to(Path("data", name))
        write_text(link, "text")
        assert link.is_symlink()
        assert (tmp_path / "data" / name).read_text() == "text"
    empty = tmp_path / "empty"
    empty.symlink_to("target")
    (tmp_path / "target").mkdir()
    with whole(empty) as folder:
        folder.mkdir()
        (folder / "chip").touch()
    assert empty.is_symlink()
    assert names(tmp_path / "target") == ["chip"]


def test_pipes_and_devices_are_written_into(tmp_path, pipe):
    """A pipe receives the complete file and stays a pipe, also behind a link; removing it is no way either."""
    path, received = pipe
    check_outputs([path], overwrite=True)
    write_text(path, "text")
    assert received() == b"text"
    link = tmp_path / "link"
    link.symlink_to(path)
    write_text(link, "more")
    assert received() == b"more"
    with whole_files([path, tmp_path / "b"]) as folder:  # a pipe's folder need not take files
        assert folder.parent == tmp_path
        (folder / "pipe").write_text("first")
        (folder / "b").write_text("second")
    assert received() == b"first"
    assert (tmp_path / "b").read_text() == "second"
    discard(path)
    discard(link)
    assert path.is_fifo()
    assert link.is_symlink()


def test_open_descriptors_are_written_into():
    """What is named by a descriptor, such as /dev/stdout, is written into, be it a pipe or a file without a name."""
    reader, writer = os.pipe()
    write_text(Path(f"/dev/fd/{writer}"), "text")
    assert os.read(reader, 9) == b"text"
    os.close(reader)
    os.close(writer)
    with tempfile.TemporaryFile() as file:
        write_text(Path(f"/proc/self/fd/{file.fileno()}"), "text")
        assert file.read() == b"text"


def test_devices_stay_devices(device):
    """Whoever may write to a device neither replaces nor removes it, root included."""
    write_text(device, "text")
    with pytest.raises(OutputError, match="exists"):
        check_outputs([device], overwrite=False)
    discard(device)
    assert device.is_char_device()


def test_formats_that_seek_need_a_file(tmp_path):
    """A pipe cannot be read as a GeoTIFF or a GeoPackage, which is said before anything is computed."""
    for name in ("a.tif", "a.gpkg"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(OutputError, match=rf"{name} is a device or pipe; \.\w+ needs a regular file"):
            check_outputs([tmp_path / name], overwrite=True)
    os.mkfifo(tmp_path / "a.geojson")
    check_outputs([tmp_path / "a.geojson"], overwrite=True)


def test_what_exists_is_not_replaced_unasked(tmp_path):
    """A file, and a link that leads nowhere, exist; the message names another way out."""
    file, link, free = (tmp_path / name for name in ("a.txt", "b.txt", "c.txt"))
    file.touch()
    link.symlink_to("nowhere")
    check_outputs([free], overwrite=False)
    for path in (file, link):
        with pytest.raises(OutputError) as raised:
            check_outputs([free, path], overwrite=False)
        assert str(raised.value) == f"{path} exists; choose another name, or replace it with `overwrite=True`."
    check_outputs([file, link, free], overwrite=True)
    assert names(tmp_path) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_places_that_take_no_file(tmp_path, overwrite):
    """A folder of that name, a missing folder, a file in a folder's place and an endless name are refused."""
    (tmp_path / "file").touch()
    for name, words in {
        "": "is a folder; choose another name",
        "none/a": "none is not a folder; create it first",
        "file/a": "file is not a folder; choose another",
        "x" * 256: "cannot be written (File name too long); choose another name",
    }.items():
        with pytest.raises(OutputError) as raised:
            check_outputs([tmp_path / name], overwrite=overwrite)
        assert words in str(raised.value)
    with pytest.raises(OutputError, match="/ is a folder; choose another name"):
        check_outputs([Path("/")], overwrite=overwrite)
    check_outputs([tmp_path / "none" / "a", tmp_path / ("x" * 255)], overwrite=overwrite, create=True)
    with pytest.raises(OutputError, match="too long"):
        check_outputs([tmp_path / "none" / ("x" * 256)], overwrite=overwrite, create=True)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("ending", "added"), [(".tif", 8), (".TIF", 8), (".tiff", 8), (".gpkg", 8), (".fgb", 5), (".geojson", 0)]
)
def test_a_name_leaves_room_for_files_of_a_longer_name(tmp_path, ending, added):
    """GDAL's sidecar, and what SQLite and GDAL write meanwhile, have longer names, which the folder must take, too."""
    longest = "x" * (255 - added - len(ending))
    check_outputs([tmp_path / f"{longest}{ending}"], overwrite=False)
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\); choose another name"):
        check_outputs([tmp_path / f"x{longest}{ending}"], overwrite=False)


def test_a_geopackage_in_a_deep_folder(tmp_path):
    """SQLite opens no path of more than 511 bytes: one that leaves no room for the work folder is refused."""
    folder = tmp_path.joinpath(*["x" * 100] * 4)
    folder.mkdir(parents=True)
    check_outputs([folder / "a.geojson"], overwrite=False)
    with pytest.raises(OutputError, match=r"a\.gpkg cannot .*\(its path has more than 411 bytes.*; choose another"):
        check_outputs([folder / "a.gpkg"], overwrite=False)


def test_the_longest_name_can_be_written(tmp_path):
    """A name that the folder takes is not too long for the work folder."""
    write_text(tmp_path / ("x" * 255), "text")


def test_a_folder_that_takes_no_files(tmp_path, monkeypatch):
    """Where nothing may be written, that is said before the work and not after it."""
    tmp_path.chmod(0o500)
    if AS_ROOT:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match=r"a\.txt cannot be written \(Permission denied\); choose another name"):
        check_outputs([tmp_path / "a.txt"], overwrite=False)
    tmp_path.chmod(0o700)


def test_errors_of_libraries_pass(tmp_path):
    """An OSError that is not the system's is left to those who know the library."""
    with pytest.raises(OSError, match="not recognized"), writing(tmp_path):
        raise OSError("not recognized as a supported file format")


def test_direct_paths(tmp_path, monkeypatch):
    """A path loses its `..` and `.` where that names the same file; links keep their names."""
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    (tmp_path / "link").symlink_to("a/deep")
    monkeypatch.chdir(tmp_path / "a")
    assert direct("../a/./file") == direct("file") == str(tmp_path / "a" / "file")
    assert direct("../link/../file") == f"{tmp_path}/a/../link/../file"  # not `file` beside the link
    assert direct("../link") == str(tmp_path / "link")
