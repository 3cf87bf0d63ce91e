"""Create the environment and install into it; does nothing where all is as the project's files ask.

Run by path, before anything is installed, so it needs the standard library only:
`python3 nastransfer/bootstrap.py [--venv .venv] [--venv-flags "--system-site-packages"]`.
Seconds spent are left in <venv>/install-seconds for the time budget that `make study` prints.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
# A fresh environment took 6.9 GiB of disk (the registry's torch brings its GPU libraries along).
DISK_GIB = 8
SHARED = "--system-site-packages"
FIXED_BY_BASE = ("torch", "torchvision")

# Run by an environment's own Python: versions of packages that it sees but does not hold itself.
LIST_OUTSIDE = """
import importlib.metadata, json, pathlib, sys
found = {}
for name in sys.argv[1:]:
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    if not pathlib.Path(package.locate_file("")).resolve().is_relative_to(pathlib.Path(sys.prefix).resolve()):
        found[name] = package.version
print(json.dumps(found))
"""
# torchvision's compiled operations are missing at run time, not at install time, where the pair does not fit.
CHECK_PAIR = """
import torch, torchvision
torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
print(f"torch {torch.__version__}, torchvision {torchvision.__version__}: run")
"""


class InstallError(Exception):
    """Something that the user has to mend; the message says what."""


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"[install] {text}", flush=True)


def environment_key(flags: str) -> str:
    """Digest of all that decides what an environment holds: pins, ranges, this Python, the flags."""
    import tomllib  # new in Python 3.11: an older one is told so first, by `main`

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ranges = [project["project"], project["build-system"], project["tool"]["setuptools"]]
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    parts = [sys.version, sys.prefix, flags.split(), pins, ranges]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def environment_python(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def maker_of(venv: Path) -> Path:
    """The file that says which interpreter made the environment."""
    return venv / "made-by"


def runs_in(venv: Path) -> bool:
    """Whether this is the environment's own Python."""
    return Path(sys.prefix).resolve() == venv.resolve()


def hand_over(venv: Path) -> None:
    """Where the environment's own Python runs this, as in a shell that has activated it, let its maker go on.

    Which environment is made and whether it is up to date then does not hang on the shell. Does not return if it does.
    """
    maker = maker_of(venv)
    if not runs_in(venv) or not maker.is_file():
        return
    python = maker.read_text(encoding="utf-8")
    if Path(python).exists():
        os.execv(python, [python, "-P", __file__, *sys.argv[1:]])


def look_at_disk(folder: Path) -> None:
    """Say what an installation from nothing takes; `InstallError` where it does not fit."""
    free = shutil.disk_usage(folder).free / 2**30
    if free < DISK_GIB:
        raise InstallError(
            f"{folder} has {free:.1f} GiB free, {DISK_GIB} are needed: VENV=... names another place"
        )
    say(f"about 3 GB to fetch, 7 GB on disk ({free:.0f} GB are free), 2 to 10 minutes")


def create(venv: Path, flags: list[str]) -> None:
    """Make the environment, or make it anew where it belongs to another Python or other flags."""
    origin = json.dumps([sys.version, sys.prefix, flags])
    mark = venv / "made-for"
    if mark.is_file() and mark.read_text(encoding="utf-8") == origin and environment_python(venv).exists():
        say(f"keeping {venv}, bringing its packages up to date")
        return
    if mark.is_file():
        say(f"{venv} belongs to another Python or other flags: making it anew")
    elif venv.exists():
        raise InstallError(f"{venv} was not made by this project: remove it, or name another by VENV=...")
    else:
        say(f"making {venv} with Python {sys.version.split()[0]}")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", *flags, str(venv)], check=False).returncode:
        shutil.rmtree(venv, ignore_errors=True)
        raise InstallError(
            f"{sys.executable} could not make an environment. On Debian and Ubuntu the module is a package "
            "of its own: `apt-get install python3-venv`; or name another Python by PYTHON=/path/to/python3"
        )
    if SHARED in flags and sys.prefix != sys.base_prefix:
        share_parent(venv)
    mark.write_text(origin, encoding="utf-8")
    if not runs_in(venv):
        maker_of(venv).write_text(sys.executable, encoding="utf-8")


def share_parent(venv: Path) -> None:
    """Let an environment made from another environment see that one's packages.

    The venv module shares the packages of the interpreter below an environment, not the environment's own.
    """
    parent = [path for path in sys.path if Path(path).name == "site-packages"]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = venv / ("Lib/site-packages" if sys.platform == "win32" else f"lib/{version}/site-packages")
    (own / "parent-environment.pth").write_text("\n".join(parent) + "\n", encoding="utf-8")


def pip(venv: Path, *arguments: str) -> None:
    """`pip install` in the environment, its progress shown; `InstallError` with advice where it fails."""
    command = [str(environment_python(venv)), "-m", "pip", "install", "--disable-pip-version-check"]
    if subprocess.run([*command, *arguments], cwd=ROOT, check=False).returncode:
        free = shutil.disk_usage(venv).free / 2**30
        raise InstallError(
            "pip could not install; its own words are above. What it mostly is:\n"
            "  - no network, or a package registry that this machine may not reach: see `pip config list`;\n"
            "    PIP_INDEX_URL names a mirror\n"
            f"  - a Python ({sys.version.split()[0]}) too new for a pinned version: PYTHON=python3.12\n"
            f"    takes another, VENV_FLAGS={SHARED} a torch that is there\n"
            f"  - a full disk ({free:.1f} GiB free)\n"
            "Then give the same command again: what was fetched is kept."
        )


def install(venv: Path, flags: list[str]) -> None:
    """Exact pins; or, where the base interpreter's packages are shared, the ranges around its torch."""
    command = [str(environment_python(venv)), "-c", LIST_OUTSIDE, *FIXED_BY_BASE]
    outside = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if SHARED in flags:
        constraints = venv / "constraints.txt"
        constraints.write_text(
            "".join(f"{name}=={version}\n" for name, version in outside.items()), encoding="utf-8"
        )
        found = ", ".join(f"{name} {version}" for name, version in outside.items()) or "no torch of its own"
        say(f"installing the ranges of pyproject.toml; the base interpreter has {found}")
        pip(venv, "--constraint", str(constraints), "--editable", ".[dev]")
    else:
        say("installing requirements.txt")
        pip(venv, "--requirement", "requirements.txt")
        pip(venv, "--quiet", "--no-deps", "--editable", ".")
    if subprocess.run([str(environment_python(venv)), "-c", CHECK_PAIR], check=False).returncode:
        raise InstallError(
            f"torch and torchvision do not run together (above). With VENV_FLAGS={SHARED} install the\n"
            f"torchvision that belongs to your torch; without it remove {venv} and give the command again"
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Create the environment of the project and install into it.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where it lies")
    parser.add_argument("--venv-flags", default="", help=f"flags for `python -m venv`, such as {SHARED}")
    options = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"[install] Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    venv: Path = options.venv.absolute()
    hand_over(venv)
    started = time.monotonic()
    stamp, key = venv / "installed", environment_key(options.venv_flags)
    try:
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
            say(f"{venv.name} is up to date")
        else:
            if not venv.exists() and SHARED not in options.venv_flags:
                look_at_disk(venv.parent)
            create(venv, options.venv_flags.split())
            install(venv, options.venv_flags.split())
            stamp.write_text(key, encoding="utf-8")
            say(f"done in {time.monotonic() - started:.0f} s")
    except (InstallError, OSError) as error:
        sys.exit(f"[install] {error}")
    except KeyboardInterrupt:
        sys.exit("[install] interrupted: the same command goes on from here")
    (venv / "install-seconds").write_text(f"{time.monotonic() - started:.1f}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
