"""The C++ engine as a shared library: built on first use, cached by what it depends on (see cpp/)."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from nastransfer.cache import cache_folder
from nastransfer.space.engines.tables import ROWS, Call

SOURCES = Path(__file__).parent / "cpp"
FLAGS = (
    *("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    *("-Wno-unknown-pragmas", "-Wno-psabi", "-shared", "-fPIC"),
)
"""No flag that lets the compiler assume that numbers are finite: NaN and infinity must pass."""

GNU_FLAGS = ("-fschedule-insns", "-fsched-pressure")
"""Only g++ knows them; a search step is 8% faster with them."""

REALS = {torch.float32: "float", torch.float64: "double"}


class EngineUnavailable(RuntimeError):
    """The C++ engine cannot be built or loaded here; the message says why."""


@functools.cache
def compiled_engine(dtype: torch.dtype) -> ctypes.CDLL:
    """The engine for float32 or float64, built where the cache has none; `EngineUnavailable` where that fails."""
    if dtype not in REALS:
        raise EngineUnavailable(f"the C++ engine computes in {', '.join(map(str, REALS))}, not {dtype}")
    runtime = openmp_runtime()
    commands = compilers()
    problems = []
    for compiler in commands:
        gnu = GNU_FLAGS if any(Path(part).name.startswith("g++") for part in compiler) else ()
        flags = (*FLAGS, *gnu, "-march=native", f"-DREAL={REALS[dtype]}")
        target = cache_folder() / f"engine-{fingerprint(compiler, flags, runtime)}.so"
        try:
            loaded = _load(target, dtype) or _build(compiler, flags, runtime, target, dtype)
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip()[-500:] or f"it ended with status {error.returncode}"
            problems.append(f"{' '.join(compiler)}: {said}")
            continue
        except OSError as error:
            problems.append(f"{' '.join(compiler)}: {error}")
            continue
        if loaded is not None:
            return loaded
        problems.append(f"{' '.join(compiler)}: built {target}, which does not load")
    raise EngineUnavailable(
        "no C++ compiler built the engine (g++, clang++ or the package ziglang): "
        + ("; ".join(problems) or "none was found")
    )


@functools.cache
def available(dtype: torch.dtype) -> bool:
    """Whether the engine can be had here; a warning says once why not."""
    try:
        compiled_engine(dtype)
    except EngineUnavailable as error:
        warnings.warn(f"the slower torch engine is used: {error}", RuntimeWarning, stacklevel=2)
        return False
    return True


def compilers() -> list[tuple[str, ...]]:
    """Commands that may build the engine, best first: CXX, g++, clang++, then the clang of the package ziglang."""
    wanted = [shlex.split(os.environ.get("CXX", "")), ["g++"], ["clang++"]]
    found: list[tuple[str, ...]] = [
        (path, *arguments)
        for name, *arguments in filter(None, wanted)
        if (path := shutil.which(name)) is not None
    ]
    if importlib.util.find_spec("ziglang") is None:
        return found
    return [*found, (sys.executable, "-m", "ziglang", "c++")]


def fingerprint(compiler: tuple[str, ...], flags: tuple[str, ...], runtime: Path) -> str:
    """Hash of all that a built library depends on: sources, flags, compiler, CPU, torch."""
    parts = [*compiler, *flags, str(runtime), torch.__version__, platform.machine(), _cpu()]
    parts += [source.read_text(encoding="utf-8") for source in sorted(SOURCES.iterdir())]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def _cpu() -> str:
    """What `-march=native` depends on: the CPU's model and features."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.split("\t")[0].strip() in wanted}))


def openmp_runtime() -> Path:
    """The OpenMP library that torch brings, so that both share one pool of threads."""
    package = Path(torch.__file__).parent
    for folder in (package / "lib", package.parent / "torch.libs"):
        for pattern in ("libgomp*.so*", "libomp*.so*", "libiomp5*", "libomp.dylib"):
            for path in sorted(folder.glob(pattern)):
                return path
    raise EngineUnavailable(f"torch at {package} brings no OpenMP library to share threads with")


def _build(
    compiler: tuple[str, ...], flags: tuple[str, ...], runtime: Path, target: Path, dtype: torch.dtype
) -> ctypes.CDLL | None:
    """Compile beside the target and rename: whoever looks finds a whole file or none. None where it does not load.

    One process at a time builds; the others wait for its file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target.with_suffix(".lock")), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        loaded = _load(target, dtype)
        if loaded is not None:
            return loaded
        built = Path(folder) / target.name
        command = [*compiler, *flags, str(SOURCES / "engine.cpp"), str(runtime), "-o", str(built)]
        sys.stderr.write(f"building the CPU engine once, by {' '.join(compiler)}: about half a minute ...\n")
        sys.stderr.flush()
        subprocess.run(command, check=True, capture_output=True, text=True)
        seal = Path(folder) / "seal"
        seal.write_text(_digest(built), encoding="utf-8")
        seal.replace(_seal(target))
        built.replace(target)
        return _load(target, dtype)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """A lock between processes, released with the process; systems without fcntl build side by side."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _seal(target: Path) -> Path:
    """The file beside a library that holds its digest."""
    return target.with_suffix(".digest")


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _load(path: Path, dtype: torch.dtype) -> ctypes.CDLL | None:
    """The library; None where it is missing, is not what was built, or does not load.

    A torn library must not reach the loader: mapping pages that the file lacks ends the process.
    """
    try:
        if _seal(path).read_text(encoding="utf-8") != _digest(path):
            return None
        loaded = ctypes.CDLL(str(path))
        sizes = loaded.engine_sizes
    except (OSError, AttributeError, UnicodeDecodeError):
        return None
    sizes.restype = ctypes.c_int64
    expected = [8 * len(row) for row in ROWS] + [ctypes.sizeof(Call), dtype.itemsize]
    if [sizes(ctypes.c_int64(which)) for which in range(len(expected))] != expected:
        return None
    return loaded
