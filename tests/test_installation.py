"""What is installed: pins within ranges, all that is imported declared, a torch pair that runs, errors that help."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from nastransfer import bootstrap
from tests.test_layers import DASHBOARD, PACKAGE, imports

ROOT = Path(__file__).resolve().parent.parent
# A shell in which no environment is activated, and where pip reaches nothing, should it be asked.
UNTOUCHED = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PIP_NO_INDEX": "1"}


def ranges() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return {requirement.name.lower(): requirement for requirement in map(Requirement, lines)}


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {requirement.name.lower(): requirement for requirement in pinned}


def test_every_range_has_one_exact_pin_inside_it() -> None:
    assert pins().keys() == ranges().keys()
    for name, pin in pins().items():
        (version,) = pin.specifier
        assert version.operator == "=="
        assert version.version in ranges()[name].specifier, f"{pin} is outside {ranges()[name]}"


def test_all_that_is_imported_is_declared() -> None:
    homes = metadata.packages_distributions()
    declared = {*ranges()}
    for path in [*PACKAGE, *DASHBOARD]:
        for module in imports(path):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names or top in ("nastransfer", "parts", ""):
                continue
            assert {home.lower() for home in homes.get(top, [])} & declared, f"{path} imports {module}"


def test_torch_and_torchvision_are_a_pair_that_runs() -> None:
    """The metadata of torchvision accepts torches that its compiled operations do not run with."""
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.9]])
    assert torchvision.ops.nms(boxes, torch.tensor([0.5, 1.0]), 0.5).tolist() == [1]


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """The files that an installation reads, in a folder of their own."""
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "ROOT", tmp_path)
        yield tmp_path


def test_pins_ranges_and_flags_decide_whether_to_install_again_and_lint_settings_do_not(
    checkout: Path,
) -> None:
    before = bootstrap.environment_key("")
    settings = checkout / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("line-length = 110", "line-length = 100"), encoding="utf-8")
    assert bootstrap.environment_key("") == before
    assert bootstrap.environment_key(bootstrap.SHARED) != before
    settings.write_text(text.replace("torch>=2.11", "torch>=2.12"), encoding="utf-8")
    assert bootstrap.environment_key("") != before
    settings.write_text(text, encoding="utf-8")
    with (checkout / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("another==1.0\n")
    assert bootstrap.environment_key("") != before


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "env" / "precious"
    precious.parent.mkdir()
    precious.write_text("mine", encoding="utf-8")
    with pytest.raises(bootstrap.InstallError, match="was not made by this project"):
        bootstrap.create(precious.parent, [])
    assert precious.read_text(encoding="utf-8") == "mine"


def test_a_python_without_the_venv_module_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    failing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(failing))
    with pytest.raises(bootstrap.InstallError, match=r"python3-venv.*PYTHON="):
        bootstrap.create(tmp_path / "env", [])
    assert not (tmp_path / "env").exists()


def test_an_unreachable_registry_says_what_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A real pip against a closed port of this machine."""
    environment = tmp_path / "env"
    (environment / "bin").mkdir(parents=True)
    bootstrap.environment_python(environment).symlink_to(sys.executable)
    for name, value in {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(
        bootstrap.InstallError, match=r"no network(.|\n)*PIP_INDEX_URL(.|\n)*same command again"
    ):
        bootstrap.pip(environment, "--retries", "0", "--target", str(tmp_path / "x"), "no-such-thing-1")
    assert "no-such-thing-1" in capfd.readouterr().err


def test_make_names_the_commands_and_refuses_an_old_python() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in ("study", "test", "lab", "dashboard", "bench", "campaign"):
        assert f"make {command} " in shown
    old = ["make", "install", "PYTHON=/nonexistent/python"]
    refused = subprocess.run(old, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "older than Python 3.11" in refused.stderr


@pytest.mark.parametrize("activated", [False, True])
def test_an_environment_is_kept_whatever_the_shell_has_activated(tmp_path: Path, activated: bool) -> None:
    """Made by this Python; make finds another on the path, or is given the environment's own, as if it were there."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    bootstrap.maker_of(environment).write_text(sys.executable, encoding="utf-8")
    (environment / "installed").write_text(bootstrap.environment_key(""), encoding="utf-8")
    python = [f"PYTHON={bootstrap.environment_python(environment)}"] if activated else []
    command = ["make", "install", f"VENV={environment}", "VENV_FLAGS=", *python]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=UNTOUCHED)
    assert done.stdout.splitlines()[-1] == "[install] env is up to date"
    assert not (environment / "made-for").exists(), "nothing was made"


def test_an_environment_that_makes_itself_anew_does_not_wait_for_itself(tmp_path: Path) -> None:
    """As one is that was made before its maker was written down: its own Python makes it, and is not its maker."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (environment / "made-for").write_text("another Python", encoding="utf-8")
    said = f"""
import pathlib, sys
sys.path.insert(0, {str(ROOT / "nastransfer")!r})
import bootstrap
environment = pathlib.Path({str(environment)!r})
bootstrap.create(environment, [])
bootstrap.hand_over(environment)
print("on")
"""
    command = [str(bootstrap.environment_python(environment)), "-c", said]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "making it anew" in done.stdout and done.stdout.splitlines()[-1] == "on"
    assert not bootstrap.maker_of(environment).exists()
