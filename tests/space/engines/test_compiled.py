"""The built library: what its cache depends on, damaged files, builds side by side, what is said without a compiler.

Only the stand-in compiler below runs here: it writes a small C library of the right shape, or what it is told to.
"""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nastransfer.space.engines import compiled as home
from nastransfer.space.engines.compiled import EngineUnavailable, available, compiled_engine
from nastransfer.space.known import known_genotype
from nastransfer.space.network import Network

FLOAT = torch.float32


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and no memory of what was loaded or warned of before, here and afterwards."""
    monkeypatch.setenv("NASTRANSFER_CACHE", str(tmp_path / "cache"))
    for variable in ("CXX", "NASTRANSFER_ENGINE"):
        monkeypatch.delenv(variable, raising=False)
    compiled_engine.cache_clear()
    available.cache_clear()
    yield tmp_path / "cache"
    compiled_engine.cache_clear()
    available.cache_clear()


@pytest.fixture(scope="module")
def donor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that answers `engine_sizes` as this version expects, and does nothing else."""
    folder = tmp_path_factory.mktemp("donor")
    sizes = [8 * len(row) for row in home.ROWS] + [home.ctypes.sizeof(home.Call), FLOAT.itemsize]
    source = folder / "sizes.cpp"
    source.write_text(
        'extern "C" {\n'
        f"long long engine_sizes(long long i) {{ long long s[] = {{{', '.join(map(str, sizes))}}}; return s[i]; }}\n"
        "int engine_forward(void *) { return 0; }\nint engine_backward(void *) { return 0; }\n}\n"
    )
    target = folder / "donor.so"
    subprocess.run([*home.compilers()[0], "-shared", "-fPIC", str(source), "-o", str(target)], check=True)
    return target


@pytest.fixture
def compiler(tmp_path: Path, donor: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    return Compiler(tmp_path, donor, monkeypatch)


class Compiler:
    """A script named by CXX; it notes every call and copies `donor` to where the output is wanted."""

    def __init__(self, folder: Path, donor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.script, self.log = folder / "fake-compiler", folder / "calls"
        code = f"import torch; home.compilers = lambda: [({str(self.script)!r},)]; home.compiled_engine(torch.float32)"
        self.user = [sys.executable, "-c", f"from nastransfer.space.engines import compiled as home; {code}"]
        self.write(f"cp {donor} $target")
        monkeypatch.setenv("CXX", str(self.script))
        monkeypatch.setattr(home.shutil, "which", lambda name: {str(self.script): name}.get(name))
        monkeypatch.setattr(home.importlib.util, "find_spec", lambda _: None)

    def write(self, action: str) -> None:
        self.script.write_text(
            f'#!/bin/sh\necho "$@" >> {self.log}\nfor target; do :; done\n{action}\n', encoding="utf-8"
        )
        self.script.chmod(self.script.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


def loaded_again() -> object:
    compiled_engine.cache_clear()
    return compiled_engine(FLOAT)


def test_the_compiler_named_by_cxx_builds_once_and_says_so(
    compiler: Compiler, own_cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded_again()
    loaded_again()
    assert len(compiler.calls) == 1
    assert "-O3" in compiler.calls[0] and "-DREAL=float" in compiler.calls[0]
    assert capfd.readouterr().err.count(f"building the CPU engine once, by {compiler.script}") == 1
    assert sorted(path.suffix for path in own_cache.iterdir()) == [".digest", ".lock", ".so"]


def test_cxx_may_hold_arguments(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", f"{compiler.script} --fast '-D WORD=two words'")
    assert home.compilers() == [(str(compiler.script), "--fast", "-D WORD=two words")]
    compiled_engine(FLOAT)
    assert compiler.calls[0].startswith("--fast -D WORD=two words -std=")


def test_compilers_are_tried_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(home.importlib.util, "find_spec", lambda _: None)
    assert home.compilers() == [("/bin/g++",), ("/bin/clang++",)]
    monkeypatch.setenv("CXX", "icx")
    assert home.compilers() == [("/bin/icx",), ("/bin/g++",), ("/bin/clang++",)]
    monkeypatch.setattr(home.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(home.shutil, "which", lambda _: None)
    assert home.compilers() == [(sys.executable, "-m", "ziglang", "c++")]


def test_the_key_changes_with_source_flags_compiler_and_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path("libgomp.so")
    base = home.fingerprint(("g++",), ("-O3",), runtime)
    assert base == home.fingerprint(("g++",), ("-O3",), runtime)
    others = [
        home.fingerprint(("clang++",), ("-O3",), runtime),
        home.fingerprint(("g++",), ("-O2",), runtime),
        home.fingerprint(("g++",), ("-O3",), Path("libomp.so")),
    ]
    copy = tmp_path / "cpp"
    copy.mkdir()
    for source in home.SOURCES.iterdir():
        (copy / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(home, "SOURCES", copy)
    assert home.fingerprint(("g++",), ("-O3",), runtime) == base
    with (copy / "pools.h").open("a", encoding="utf-8") as file:
        file.write("// other\n")
    others.append(home.fingerprint(("g++",), ("-O3",), runtime))
    monkeypatch.setattr(home, "_cpu", lambda: "another processor")
    others.append(home.fingerprint(("g++",), ("-O3",), runtime))
    monkeypatch.setattr(home.torch, "__version__", "99.0")
    others.append(home.fingerprint(("g++",), ("-O3",), runtime))
    assert len({base, *others}) == 1 + len(others)


def test_float_and_double_have_libraries_of_their_own(compiler: Compiler) -> None:
    compiled_engine(FLOAT)
    with pytest.raises(EngineUnavailable, match="which does not load"):
        compiled_engine(torch.float64)  # the stand-in's numbers have 4 bytes
    assert ["-DREAL=double" in call for call in compiler.calls] == [False, True]
    with pytest.raises(
        EngineUnavailable, match=r"computes in torch\.float32, torch\.float64, not torch\.bfloat16"
    ):
        compiled_engine(torch.bfloat16)


@pytest.mark.parametrize("left", [0, 64, 4096, 0.5, 0.9])
def test_a_torn_library_is_built_again(compiler: Compiler, own_cache: Path, left: float) -> None:
    """Half a library ends the process when the loader maps it, so it must not get there."""
    compiled_engine(FLOAT)
    (target,) = own_cache.glob("*.so")
    whole = target.read_bytes()
    target.unlink()  # this process has the old one mapped
    target.write_bytes(whole[: left if isinstance(left, int) else int(left * len(whole))])
    loaded_again()
    assert len(compiler.calls) == 2
    assert target.read_bytes() == whole


@pytest.mark.parametrize(
    "damage", ["other library", "text", "folder", "no digest", "bad digest", "digest of bytes"]
)
def test_a_foreign_file_is_built_again(compiler: Compiler, own_cache: Path, damage: str) -> None:
    compiled_engine(FLOAT)
    (target,) = own_cache.glob("*.so")
    whole, digest = target.read_bytes(), target.with_suffix(".digest")
    if damage in ("other library", "text", "folder"):
        target.unlink()
    if damage == "other library":
        target.write_bytes(home.openmp_runtime().read_bytes())
    elif damage == "text":
        target.write_text("not a library", encoding="utf-8")
    elif damage == "folder":
        target.mkdir()
    elif damage == "no digest":
        digest.unlink()
    elif damage == "bad digest":
        digest.write_text("0" * 32, encoding="utf-8")
    else:
        digest.write_bytes(b"\xff\xfe\x00")
    if damage == "folder":
        with pytest.raises(EngineUnavailable, match="directory"):
            loaded_again()
        return
    loaded_again()
    assert len(compiler.calls) == 2
    assert target.read_bytes() == whole


def test_a_sealed_file_that_is_no_library_is_built_again(compiler: Compiler, own_cache: Path) -> None:
    flags = (*home.FLAGS, "-march=native", "-DREAL=float")
    own_cache.mkdir()
    target = (
        own_cache / f"engine-{home.fingerprint((str(compiler.script),), flags, home.openmp_runtime())}.so"
    )
    target.write_text("not a library", encoding="utf-8")
    target.with_suffix(".digest").write_text(home._digest(target), encoding="utf-8")
    compiled_engine(FLOAT)
    assert len(compiler.calls) == 1
    assert target.read_bytes().startswith(b"\x7fELF" if sys.platform == "linux" else b"")


def test_processes_that_start_together_build_once(compiler: Compiler, donor: Path) -> None:
    compiler.write(f"sleep 1; cp {donor} $target")
    workers = [subprocess.Popen(compiler.user, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    assert len(compiler.calls) == 1
    assert sum("building the CPU engine" in error for error in errors) == 1


def test_a_builder_that_is_killed_leaves_no_lock(compiler: Compiler, donor: Path) -> None:
    compiler.write("exec sleep 60")
    worker = subprocess.Popen(compiler.user, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while not compiler.calls and time.monotonic() < deadline:
        time.sleep(0.05)
    subprocess.run(["kill", "-KILL", "--", f"-{worker.pid}"], check=True)
    worker.wait()
    compiler.write(f"cp {donor} $target")
    compiled_engine(FLOAT)
    assert len(compiler.calls) == 2


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("echo 'vectors.h has gone fishing' >&2; exit 1", "vectors.h has gone fishing"),
        ("exit 3", "it ended with status 3"),
        ("exit 0", r".*No such file"),
    ],
)
def test_a_failing_compiler_is_named_and_quoted(compiler: Compiler, action: str, said: str) -> None:
    compiler.write(action)
    with pytest.raises(EngineUnavailable, match=f"fake-compiler: {said}"):
        compiled_engine(FLOAT)


def test_the_next_compiler_is_tried_when_one_fails(
    compiler: Compiler, tmp_path: Path, donor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "second"
    second.write_text(f"#!/bin/sh\nfor target; do :; done\ncp {donor} $target\n", encoding="utf-8")
    second.chmod(0o700)
    compiler.write("exit 1")
    monkeypatch.setattr(home, "compilers", lambda: [(str(compiler.script),), (str(second),)])
    assert compiled_engine(FLOAT) is not None
    assert len(compiler.calls) == 1


def test_a_cache_that_cannot_be_written_is_named(compiler: Compiler, own_cache: Path) -> None:
    own_cache.write_text("a file in the way", encoding="utf-8")
    with pytest.raises(EngineUnavailable, match=re.escape(str(own_cache))):
        compiled_engine(FLOAT)
    assert not compiler.calls


def network(engine: str) -> Network:
    return Network(known_genotype("DARTS_V2"), 10, channels=4, cells=1, engine=engine)


def test_without_a_compiler_auto_warns_once_and_cpp_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "compilers", list)
    x, auto = torch.randn(2, 3, 8, 8), network("auto")
    with pytest.warns(RuntimeWarning, match=r"the slower torch engine is used: .*none was found") as caught:
        first = auto(x)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        auto(x)
        network("auto")(x)
    for engine in ("torch", "plain"):
        auto.engine = engine
        assert torch.allclose(auto(x), first, atol=1e-5)
    with pytest.raises(EngineUnavailable, match=r"no C\+\+ compiler built the engine .*none was found"):
        network("cpp")(x)


def test_the_cache_lies_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NASTRANSFER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert home.cache_folder() == tmp_path / "xdg" / "nastransfer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(home.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(home.sys, "platform", "linux")
    assert home.cache_folder() == tmp_path / ".cache" / "nastransfer"
    monkeypatch.setattr(home.sys, "platform", "darwin")
    assert home.cache_folder() == tmp_path / "Library" / "Caches" / "nastransfer"
