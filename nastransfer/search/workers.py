"""Work done side by side in processes of their own, its answers in the order of the work (no torch).

Each process is a fresh interpreter that runs nothing of the script or notebook that asked for it (scripts need no
`if __name__ == "__main__":`). It ends with the process that started it, however that dies: its input ends then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")

# A process that ended is replaced once for each piece of work: a second end is hardly chance.
_TRIES = 2
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from nastransfer.search.workers import serve; serve(int(sys.argv[1]))"
)
_NOT_SENT = (
    "what is needed to train networks side by side cannot be sent to other processes: put functions that read images "
    "into a module of their own, or set workers=1"
)
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1"
)


class WorkerLost(RuntimeError):
    """Processes that worked on the same piece of work ended before they had an answer."""


@dataclass
class _Process:
    """A process, the pipe to it, and the number of the piece of work that it has."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    task: int | None = None


class Workers(Generic[Task, Answer]):
    """At most `number` processes; each calls `make(*arguments)` once, and what that gives for each piece of work.

    All of it goes to them by pickle: `make` and the types of arguments, work and answers lie in modules that can be
    imported, not in a notebook. Processes start with the first work and live until `close`, or until this object is
    gone.
    """

    def __init__(
        self, make: Callable[..., Callable[[Task], Answer]], arguments: Sequence[Any], number: int
    ) -> None:
        self._make, self._arguments, self._number = make, tuple(arguments), number
        self._processes: list[_Process] = []
        self._finalizer = weakref.finalize(self, _end, self._processes)

    def close(self) -> None:
        """End all processes, whatever they are at."""
        _end(self._processes)

    def answers(self, work: Sequence[Task]) -> Iterator[Answer]:
        """The answer to each piece of work, in their order.

        An exception in a process is raised here. A process that was killed is replaced, and its work given to another
        once more; the second time `WorkerLost` is raised.
        """
        waiting = deque(range(len(work)))
        found: dict[int, Answer] = {}
        lost: Counter[int] = Counter()
        try:
            while len(self._processes) < min(self._number, len(work)):
                self._processes.append(self._start())
            for index in range(len(work)):
                while index not in found:
                    for worker in self._processes:
                        if worker.task is None and waiting:
                            worker.task = waiting.popleft()
                            _send(worker.pipe, work[worker.task])
                    self._receive(found, waiting, lost)
                yield found.pop(index)
        except GeneratorExit:
            # Nobody wants the rest: answers to come would be taken for those of later work.
            if any(worker.task is not None for worker in self._processes):
                self.close()
            raise
        except BaseException:
            self.close()
            raise

    def _receive(self, found: dict[int, Answer], waiting: deque[int], lost: Counter[int]) -> None:
        """Wait for at least one answer or one end of a process, and take all that there are."""
        busy = [(worker, worker.task) for worker in self._processes if worker.task is not None]
        ready = wait([worker.pipe for worker, _ in busy])
        for worker, task in busy:
            if worker.pipe not in ready:
                continue
            try:
                good, answer = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                _end([worker])
                lost[task] += 1
                if lost[task] == _TRIES:
                    raise WorkerLost(
                        f"{_TRIES} processes that worked on the same network ended, the last one with status "
                        f"{worker.process.returncode} (-9: killed, often for want of memory): try fewer workers"
                    ) from None
                self._processes[self._processes.index(worker)] = self._start()
                waiting.appendleft(task)
                continue
            if not good:
                raise answer
            worker.task = None
            found[task] = answer

    def _start(self) -> _Process:
        ours, theirs = Pipe()
        with theirs:
            descriptor = theirs.fileno()
            # A session of its own: Ctrl-C is for the process that asked, which then ends this one.
            process = subprocess.Popen(
                [sys.executable, "-c", _START, str(descriptor), json.dumps(sys.path)],
                pass_fds=[descriptor],
                env={**os.environ, **_ONE_THREAD},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        started = _Process(process, ours)
        try:
            _send(ours, (self._make, self._arguments))
        except Exception as error:
            _end([started])
            raise ValueError(f"{_NOT_SENT} ({error})") from error
        return started


def _send(pipe: Connection, message: Any) -> None:
    """Send; where the other side is gone, the next look for its answer finds out."""
    with suppress(BrokenPipeError, ConnectionResetError):
        pipe.send(message)


def _end(processes: list[_Process]) -> None:
    for worker in processes:
        worker.pipe.close()
        worker.process.kill()
        worker.process.wait()
    processes.clear()


def serve(descriptor: int) -> None:
    """What a process does: answer piece after piece, until nobody is there to ask."""
    pipe = Connection(descriptor)
    messages: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, messages), daemon=True).start()
    try:
        make, arguments = messages.get()
        answer = make(*arguments)
        while True:
            _send(pipe, (True, answer(messages.get())))
    except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
        _send(pipe, (False, _plain(error)))
        # Nothing more is asked of a process that failed: it is ended.
        threading.Event().wait()


def _listen(pipe: Connection, messages: SimpleQueue[Any]) -> None:
    """Take messages while the work goes on; the end of them ends the process at once."""
    while True:
        try:
            messages.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(0)
        except Exception as error:  # noqa: BLE001 - what cannot be rebuilt here is said where it was sent
            messages.put((_refuse, (f"{_NOT_SENT} ({error})",)))


def _refuse(reason: str) -> None:
    raise ValueError(reason)


def _plain(error: Exception) -> Exception:
    """The error as a type that can be rebuilt from its message, with where it came from as a note."""
    kind = type(error)
    if kind.__module__ != "builtins":
        kind = ValueError if isinstance(error, ValueError) else RuntimeError
        error = kind(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__)
    where = "".join(traceback.format_exception(error))
    error.add_note(f"in a process of its own:\n{where}")
    return error
