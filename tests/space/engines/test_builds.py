"""The engine built otherwise: with sanitizers, for older processors, by the other compiler. Minutes: all are slow."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nastransfer.space.engines import compiled as home

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow
SANITIZE = (
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)
FLAVOURS: dict[str, tuple[str, ...]] = {
    "no AVX-512": ("-march=native", "-mno-avx512f"),
    "AVX2": ("-march=x86-64-v3",),
    "oldest": ("-march=x86-64",),
    "plain loops": ("-march=x86-64", "-O1", "-fno-tree-vectorize"),
}


def built(target: Path, compiler: list[str], *flags: str) -> Path:
    source, runtime = home.SOURCES / "engine.cpp", home.openmp_runtime()
    command = [*compiler, *home.FLAGS, *flags, str(source), str(runtime), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return target


def run_matrix(library: Path, real: str, **variables: str) -> None:
    command = [sys.executable, "-m", "tests.space.engines.variants", str(library), real]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def gnu() -> list[str]:
    found = shutil.which("g++")
    if found is None:
        pytest.skip("no g++ here")
    return [found]


def runtime_of(name: str) -> str:
    """A compiler's own library, to be loaded first."""
    path = subprocess.run(
        [*gnu(), f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(path).is_absolute():
        pytest.skip(f"g++ has no {name}")
    return path


@pytest.mark.parametrize("real", ["double", "float"])
@pytest.mark.parametrize("processor", ["native", "x86-64"])
def test_sanitizers_find_nothing(tmp_path: Path, real: str, processor: str) -> None:
    """Memory out of bounds, used after it was freed, or misaligned; numbers that overflow. Python's own leaks are not
    looked for."""
    if processor != "native" and platform.machine() != "x86_64":
        pytest.skip("not an x86-64 processor")
    library = built(tmp_path / "engine.so", gnu(), *SANITIZE, f"-march={processor}", f"-DREAL={real}")
    run_matrix(library, real, LD_PRELOAD=runtime_of("libasan.so"), ASAN_OPTIONS="detect_leaks=0")


def test_sanitizers_would_find_something(tmp_path: Path) -> None:
    """The same build with a fault put in: a border that is two vectors too short."""
    folder = tmp_path / "cpp"
    shutil.copytree(home.SOURCES, folder)
    header = folder / "vectors.h"
    text = header.read_text(encoding="utf-8")
    whole = "buffer_.reserve((height + 2 * pad) * row_);"
    assert text.count(whole) == 1
    header.write_text(
        text.replace(whole, "buffer_.reserve((height + 2 * pad) * row_ - 16);"), encoding="utf-8"
    )
    library = tmp_path / "engine.so"
    flags = [*home.FLAGS, *SANITIZE, "-march=native", "-DREAL=double"]
    command = [*gnu(), *flags, str(folder / "engine.cpp"), str(home.openmp_runtime()), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(AssertionError, match="AddressSanitizer: heap-buffer-overflow"):
        run_matrix(library, "double", LD_PRELOAD=runtime_of("libasan.so"), ASAN_OPTIONS="detect_leaks=0")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="flags of x86-64")
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("real", ["double", "float"])
def test_other_lanes_give_the_same_numbers(tmp_path: Path, flavour: str, real: str) -> None:
    run_matrix(built(tmp_path / "engine.so", gnu(), *FLAVOURS[flavour], f"-DREAL={real}"), real)


@pytest.mark.parametrize("real", ["double", "float"])
def test_clang_gives_the_same_numbers(tmp_path: Path, real: str) -> None:
    """Of the package ziglang, which `requirements.txt` brings."""
    compiler = [sys.executable, "-m", "ziglang", "c++"]
    run_matrix(built(tmp_path / "engine.so", compiler, "-march=native", f"-DREAL={real}"), real)
