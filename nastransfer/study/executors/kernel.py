"""The kernel of one task: started ahead while another task runs, told what to do, ended with its task."""

from __future__ import annotations

import contextlib
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

START_SECONDS = 300
# Kernels side by side must not share a file of history; a warning that each of them would print says nothing of a task.
_ARGUMENTS = ("--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=40")


class _Manager(AsyncKernelManager):
    """Knows the clients that were made for its kernel, papermill's among them: who ends the kernel closes them all."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.clients: list[Any] = []

    def client(self, **settings: Any) -> Any:
        made = super().client(**settings)
        self.clients.append(made)
        return made


class Kernel:
    """A running IPython kernel that papermill may execute a notebook in."""

    def __init__(self) -> None:
        self.manager = _Manager(kernel_name="python3")
        try:
            run_sync(self.manager.start_kernel)(extra_arguments=list(_ARGUMENTS))
            self._client = self.manager.client()
            self._client.start_channels()
            run_sync(self._client.wait_for_ready)(timeout=START_SECONDS)
        except BaseException:
            self.end()
            raise

    def warm(self, modules: tuple[str, ...]) -> None:
        """Let it import what a task needs, without waiting for that."""
        self._client.execute(
            _call("nastransfer.study.executors.warm", "warm", modules), silent=True, store_history=False
        )

    def set_environment(self, values: dict[str, str]) -> None:
        """Set variables of its environment, after all that it was told before."""
        told: Any = run_sync(self._client.execute_interactive)
        told(_call("os", "environ.update", values), silent=True, store_history=False, allow_stdin=False)

    def end(self) -> None:
        """End it at once: its task has published or failed, and what it may still hold is nobody's."""
        for client in self.manager.clients:
            client.stop_channels()
        with contextlib.suppress(RuntimeError):  # it may never have come up
            run_sync(self.manager.shutdown_kernel)(now=True)


def _call(module: str, name: str, value: object) -> str:
    """A call that leaves no name behind in the notebook's namespace."""
    return f"__import__({module!r}, fromlist=['_']).{name}({value!r})"
