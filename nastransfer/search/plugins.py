"""Methods from outside of the package: one file of one's own, or an installed package's entry points (no torch).

A file is told apart by its text (`Plugin.hash`), never by its path or time: the same text is the same method
everywhere, another text another one. Its text is read once and run from memory; no compiled copy is written beside it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import warnings
from dataclasses import dataclass, field
from importlib import metadata
from importlib.abc import ExecutionLoader
from pathlib import Path
from types import ModuleType
from typing import Any

# A package offers methods by entries `name = "module:Class"` under this group.
GROUP = "nastransfer.searchers"


def text_hash(*texts: str) -> str:
    """12 hex digits of some texts."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Plugin:
    """The file of an own method, as it was when it was read. `hash`: 12 hex digits of its text, line ends apart."""

    path: Path
    text: str = field(repr=False)

    @classmethod
    def read(cls, path: str | Path) -> Plugin:
        """The plug-in at `path`; `ValueError` where there is no file of Python source."""
        path = Path(path)
        if path.suffix != ".py":
            raise ValueError(f"plug-in {str(path)!r}: a plug-in is one file that ends in .py")
        if not path.is_file():
            raise ValueError(f"plug-in {str(path)!r}: there is no such file")
        try:
            return cls(path, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ValueError(f"plug-in {str(path)!r} is not text in UTF-8: {error}") from None

    @classmethod
    def inside(cls, folder: Path, name: str) -> Plugin:
        """The plug-in that a file in `folder` names by a relative path, which must not lead out of the folder."""
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(
                f"plug-in {name!r} lies outside of {str(folder)!r}: put it beside the study file, or in a folder there"
            )
        return cls.read(folder / name)

    @property
    def hash(self) -> str:
        return text_hash(self.text)

    @property
    def kept_as(self) -> str:
        """Where a study keeps its copy, relative to the study's folder."""
        return f"plugins/{self.hash}/{self.path.name}"

    def classes(self, base: type[Any]) -> list[type[Any]]:
        """The classes below `base` that the file defines, in its order, abstract ones left out.

        `ValueError` with the line where the file cannot be run, and where it defines none.
        """
        module = self._module()
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
        ]
        whole = [kind for kind in dict.fromkeys(found) if not inspect.isabstract(kind)]
        if not whole:
            abstract = [
                f"{kind.__name__} lacks {', '.join(sorted(getattr(kind, '__abstractmethods__', ())))}"
                for kind in found
            ]
            raise ValueError(
                f"plug-in {str(self.path)!r} defines no {base.__name__}: a method is a class below nastransfer."
                f"{base.__name__} with `method` (its name) and `search`"
                + (f" ({'; '.join(abstract)})" if abstract else "")
            )
        return whole

    def _module(self) -> ModuleType:
        name = f"nastransfer_plugin_{self.hash}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_loader(name, _FromMemory(self), origin=str(self.path))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # whatever an own file does wrong, its user needs the line
            del sys.modules[name]
            raise ValueError(
                f"plug-in {str(self.path)!r}, line {self._line(error)}: {type(error).__name__}: {error}"
            ) from error
        return module

    def _line(self, error: Exception) -> int:
        """The last line of this file on the way to an error."""
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            return error.lineno or 1
        lines = [1]
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == str(self.path):
                lines.append(trace.tb_lineno)
            trace = trace.tb_next
        return lines[-1]


class _FromMemory(ExecutionLoader):
    """Runs a plug-in's text as it was read: a file that changes meanwhile changes nothing."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 (a loader of one file)
        return self.plugin.text

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002
        return str(self.plugin.path)

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002
        return False


def installed(base: type[Any]) -> dict[str, type[Any]]:
    """The classes below `base` that installed packages offer, by the names of their entry points.

    One that cannot be loaded is left out with a warning that names its package: it must not stop all others.
    """
    found: dict[str, type[Any]] = {}
    for entry in metadata.entry_points(group=GROUP):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "a package"
        try:
            kind: Any = entry.load()
            if not (isinstance(kind, type) and issubclass(kind, base)) or inspect.isabstract(kind):
                raise TypeError(f"{entry.value} is no whole {base.__name__}")
        except Exception as error:  # noqa: BLE001 (whatever is wrong in another's package)
            said = f"{type(error).__name__}: {error}"
            warnings.warn(f"method {entry.name!r} of {package} is left out: {said}", stacklevel=2)
            continue
        found[entry.name] = kind
    return found


def source_hash(kind: type) -> str | None:
    """12 hex digits of the source that a class from outside of the package comes from; None for the package's own.

    For an installed package that is the version and the text of the class's module, not of what that imports. A class
    typed into a notebook has no source that lasts: None.
    """
    if kind.__module__.startswith("nastransfer."):
        return None
    loader = getattr(getattr(sys.modules.get(kind.__module__), "__spec__", None), "loader", None)
    if isinstance(loader, _FromMemory):
        return loader.plugin.hash
    if loader is None or not hasattr(loader, "get_source"):
        return None
    packages = metadata.packages_distributions().get(kind.__module__.partition(".")[0], [])
    return text_hash(*(metadata.version(name) for name in packages), loader.get_source(kind.__module__) or "")
