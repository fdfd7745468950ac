"""Run the steps of the Dockerfile in chroots, where there is no container engine, and predict a sample as its user.

    debootstrap --variant=minbase --include=python3,python3-venv bookworm ROOT
    python packaging/dockerfile_in_chroot.py ROOT cpu

Needs root. ROOT stands in for the image of Python, and is left as it is. Ignore patterns are not applied.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
HOST = ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt")
"""Files of the host without which nothing can be downloaded."""


def read_stages(dockerfile: str) -> dict[str, list[tuple[str, str]]]:
    """Return instructions and their arguments by stage; the first is `FROM`."""
    stages: dict[str, list[tuple[str, str]]] = {}
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
    for word, rest in re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE):
        if word == "FROM":
            source, _, name = rest.partition(" AS ")
            stages[name] = [(word, source)]
        elif stages:
            stages[name].append((word, rest))
    return stages


def run(root: Path, command: list[str], *, folder: str, variables: dict[str, str], user: str = "0") -> None:
    """Run a command within `root`, from its folder."""
    inside = ["sh", "-c", f'cd "{folder}" && exec "$@"', "sh", *command]
    subprocess.run(["chroot", f"--userspec={user}:{user}", root, *inside], check=True, env=os.environ | variables)


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder with all that is in it; into `target` if that is a folder."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


class Builder:
    """Builds stages in a folder, each from the files of another or of the base image."""

    def __init__(self, base: Path, work: Path) -> None:
        self.base, self.work = base, work
        self.stages = read_stages((CHECKOUT / "packaging" / "Dockerfile").read_text())
        self.settings: dict[str, tuple[str, str, dict[str, str]]] = {}

    def build(self, name: str) -> Path:
        """Return the root of a stage, built if it is not there yet; `settings` then has its folder, user, variables."""
        root = self.work / name
        if root.exists():
            return root
        (_, source), *steps = self.stages[name]
        origin = self.build(source) if source in self.stages else self.base
        subprocess.run(["cp", "--archive", origin, root], check=True)
        folder, user, variables = self.settings.get(
            source, ("/", "0", {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        )
        if origin is self.base:
            for file in HOST:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(f"/{file}", root / file)
            (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        for word, rest in steps:
            print(name, word, rest, flush=True)
            if word == "RUN":
                run(root, ["sh", "-c", rest], folder=folder, variables=variables, user=user)
            elif word == "WORKDIR":
                folder = rest
                (root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif word == "USER":
                user = rest
            elif word == "ENV":
                pairs = re.findall(r"(\w+)=(\S+)", rest)
                variables = variables | {key: value.replace("$PATH", variables["PATH"]) for key, value in pairs}
            elif word == "COPY":
                *sources, target = rest.split()
                stage = self.build(sources.pop(0).removeprefix("--from=")) if sources[0].startswith("--from=") else None
                for item in sources:
                    copy((stage or CHECKOUT) / item.lstrip("/"), root / Path(folder, target).as_posix().lstrip("/"))
        self.settings[name] = folder, user, variables
        return root


def main(base: str, target: str) -> None:
    """Build a target, print its size, and predict a sample in it."""
    with tempfile.TemporaryDirectory() as work:
        builder = Builder(Path(base), Path(work))
        root = builder.build(target)
        subprocess.run(["du", "--summarize", "--human-readable", root], check=True)
        folder, user, variables = builder.settings[target]
        scenes = root / folder.lstrip("/")
        shutil.copy(CHECKOUT / "sample_rasters" / "suburb.tif", scenes)
        os.chown(scenes, int(user), int(user))
        subprocess.run(["mount", "--bind", "/proc", root / "proc"], check=True)
        try:
            run(root, ["geoseg", "predict", "suburb.tif"], folder=folder, variables=variables, user=user)
        finally:
            subprocess.run(["umount", root / "proc"], check=True)
        print(*sorted(path.name for path in scenes.iterdir()))


if __name__ == "__main__":
    main(*sys.argv[1:])
