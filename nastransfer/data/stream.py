"""Batches from images read while they are needed, by worker processes: for sets too large to lie on the device.

A worker reads, decodes and cuts; every random number is drawn in the main process, before. So batches depend neither on
the number of workers nor on how many processes share them, and equal those of a small set held on the device.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from nastransfer.data.dataset import Dataset
from nastransfer.data.files import BadImage, image_path
from nastransfer.data.manifest import ROW_SCHEMA, Manifest
from nastransfer.data.passes import Batches, Pass, Share
from nastransfer.data.threads import WORKERS_VARIABLE, default_workers, one_thread
from nastransfer.data.transforms import Draws, Recipe, ResizedCrop, scaled

# Rows of a manifest, and of a training batch the numbers of its random resized crops: what a worker is told.
Task = tuple[pl.DataFrame, np.ndarray | None]


class Loader(ABC):
    """What a worker does; a small object, since every worker gets a copy of it."""

    @abstractmethod
    def load(self, rows: pl.DataFrame, crop: np.ndarray | None) -> np.ndarray:
        """Images of these rows as uint8 [rows, 3, side, side]; crop float64 [rows, 22] or None.

        `BadImage` and `ChangedImage` name the file.
        """


@dataclass(frozen=True)
class SquareLoader(Loader):
    """Images as `Dataset.read_images` gives them, at `resolution` pixels."""

    dataset: Dataset
    resolution: int | None

    def load(self, rows: pl.DataFrame, crop: np.ndarray | None) -> np.ndarray:  # noqa: ARG002 - nothing is cut here
        """Images in the order of the rows; nothing is cut here, so `crop` is not needed."""
        images, _ = self.dataset.read_images(replace(self.dataset.manifest, rows=rows), self.resolution)
        # They come in the order of the keys.
        return images[rows["key"].arg_sort().arg_sort().to_numpy()]


@dataclass(frozen=True)
class WholeImageLoader(Loader):
    """Image files at their own size, cut and scaled as `ResizedCrop` says.

    A proxy of small images first scales the shorter side to its resolution.
    """

    dataset: Dataset
    recipe: ResizedCrop

    def load(self, rows: pl.DataFrame, crop: np.ndarray | None) -> np.ndarray:
        """The cut images."""
        side = self.recipe.side
        images = np.empty((len(rows), 3, side, side), np.uint8)
        for place, row in enumerate(rows.iter_rows(named=True)):
            try:
                image = self._image(row)
            except BadImage as error:
                path = image_path(self.dataset.root or "", row["container"], row["name"])
                raise BadImage(f"{path}: {error.reason}") from error
            cut = self.recipe.cut(image, None if crop is None else crop[place])
            images[place] = cut.transpose(2, 0, 1)
        return images

    def _image(self, row: dict[str, Any]) -> np.ndarray:
        image, resolution = self.dataset.image(row), self.dataset.manifest.resolution
        if resolution is None:
            return image
        height, width = (
            max(1, round(length * resolution / min(image.shape[:2]))) for length in image.shape[:2]
        )
        return scaled(image, height, width)


def loader_of(dataset: Dataset, manifest: Manifest, recipe: Recipe, resolution: int | None) -> Loader:
    """What workers do for a set: without its rows, which are sent with each task."""
    small = replace(
        dataset, manifest=replace(manifest, rows=manifest.rows.clear()), rejects=dataset.rejects.clear()
    )
    if isinstance(recipe, ResizedCrop):
        return WholeImageLoader(small, recipe)
    return SquareLoader(small, resolution)


class StreamBatches(Batches):
    """Batches of the images that `rows` of a manifest name, read by `loader` in the order of their keys when evaluated.

    workers: processes that read ahead; 0: read in this process, when a batch is asked for. They wait for the next epoch
    and end with these batches, with an epoch that is left or fails, and within seconds of a killed main process.
    """

    def __init__(
        self,
        rows: pl.DataFrame,
        loader: Loader,
        recipe: Recipe,
        *,
        batch: int,
        device: str | torch.device = "cpu",
        share: Share | None = None,
        workers: int | None = None,
    ) -> None:
        self._rows = rows.select(list(ROW_SCHEMA))
        self._order = rows["key"].arg_sort().to_numpy()
        labels = torch.from_numpy(rows["label"].to_numpy()[self._order].astype(np.int64))
        super().__init__(labels, recipe, batch=batch, device=device, share=share or Share())
        self.workers = default_workers() if workers is None else workers
        if self.workers < 0:
            raise ValueError(f"workers must not be negative, got {workers}")
        self._loader = loader
        self._idle: _Reader | None = None

    def _shuffled(self, sizes: Iterator[int], generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        # Tasks are made ahead of the batch that is given, from a copy of the generator; what the caller sees of both
        # generator and pass is brought to where each batch given leaves them.
        ahead = torch.Generator()
        ahead.set_state(generator.get_state())
        made: deque[tuple[Tensor, Draws, Pass, Tensor]] = deque()

        def tasks() -> Iterator[Task]:
            current = self._pass
            for number in sizes:
                index, current = current.take(number, ahead)
                mine = self.share.of(number)
                draws = {name: values[mine] for name, values in self.recipe.draw(number, ahead).items()}
                made.append((index[mine], draws, current, ahead.get_state()))
                yield self._task(index[mine], draws)

        expected = generator.get_state()
        for images in self._loaded(tasks()):
            if not torch.equal(generator.get_state(), expected):
                raise ValueError(
                    "the generator of an epoch was used for something else while batches were read"
                )
            index, draws, self._pass, expected = made.popleft()
            generator.set_state(expected)
            yield self._finished(images, index, draws)

    def _in_order(self, places: Iterator[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        made: deque[Tensor] = deque()

        def tasks() -> Iterator[Task]:
            for index in places:
                made.append(index)
                yield self._task(index, {})

        for images in self._loaded(tasks()):
            yield self._finished(images, made.popleft(), {})

    def _task(self, index: Tensor, draws: Draws) -> Task:
        # As text: a column of categories would carry all its categories along.
        rows = self._rows[self._order[index.numpy()]].with_columns(pl.col("container").cast(pl.String))
        return rows, draws["crop"].numpy() if "crop" in draws else None

    def _finished(self, images: Tensor, index: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        # Threads of a CPU whose cores the workers have would wait for one another: seen to take twice as long.
        with one_thread() if self.workers and self.device.type == "cpu" else nullcontext():
            images = self.recipe.loaded(images.to(self.device, non_blocking=True), draws)
            return self.recipe.finish(images, draws), self._labels[index].to(self.device)

    def _loaded(self, tasks: Iterator[Task]) -> Iterator[Tensor]:
        """Images uint8 [b, 3, side, side] of each task, in their order; an error where the first bad one comes."""
        # Whoever reads takes the workers along: two epochs at once have their own. Only what was read to its end is
        # put back, so an epoch that is left or fails ends its workers.
        reader, self._idle = self._idle or self._new_reader(), None
        reader.tasks.append(tasks)
        loaded = iter(reader.loader)
        try:
            while True:
                try:
                    images = next(loaded)
                except StopIteration:
                    break
                except RuntimeError as error:
                    if not self.workers:
                        raise
                    raise RuntimeError(
                        "a process that reads images ended: a script must keep what it runs below "
                        f"`if __name__ == '__main__':`, or set {WORKERS_VARIABLE}=0; else see its own message"
                    ) from error
                if isinstance(images, Exception):
                    raise images
                yield images
            self._idle = reader
        finally:
            # A traceback would keep what is not put back, and with it the workers.
            del reader, loaded

    def _new_reader(self) -> _Reader:
        tasks: deque[Iterator[Task]] = deque(maxlen=1)
        loader = DataLoader(
            _Work(self._loader, self.recipe.side),
            sampler=_Handed(tasks),
            batch_size=None,
            num_workers=self.workers,
            collate_fn=_as_it_is,
            worker_init_fn=_end_with_main_process,
            pin_memory=self.device.type == "cuda",
            persistent_workers=self.workers > 0,
            multiprocessing_context=_context() if self.workers else None,
            # Its own: else torch would take a number from the global generator.
            generator=torch.Generator(),
        )
        return _Reader(loader, tasks)


@dataclass(frozen=True)
class _Reader:
    """Worker processes and where they are handed the tasks of their next epoch."""

    loader: DataLoader[Any]
    tasks: deque[Iterator[Task]]


class _Handed:
    """A sampler as torch wants it, that goes through what was handed to it last."""

    def __init__(self, tasks: deque[Iterator[Task]]) -> None:
        self._tasks = tasks

    def __iter__(self) -> Iterator[Task]:
        # Torch asks twice when it starts.
        return self._tasks[-1]


class _Work(TorchDataset[Tensor | Exception]):
    """A loader as torch's workers call it."""

    def __init__(self, loader: Loader, side: int) -> None:
        self._loader, self._side = loader, side

    def __getitem__(self, task: Task) -> Tensor | Exception:
        rows, crop = task
        if not len(rows):
            return torch.empty(0, 3, self._side, self._side, dtype=torch.uint8)
        try:
            rows = rows.with_columns(pl.col("container").cast(pl.Categorical))
            return torch.from_numpy(np.ascontiguousarray(self._loader.load(rows, crop)))
        except (ValueError, OSError) as error:
            # Given back as it is: torch would hide its type and its message in a traceback.
            return error


def _as_it_is(loaded: Any) -> Any:
    return loaded


def _end_with_main_process(_: int) -> None:
    """Ends this worker when the process that asked for it dies, however it dies.

    Torch's workers watch the process they were forked from; that is the fork server here, which lives as long as they.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers are ended"

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _context() -> Any:
    """Workers are forked from a fresh process that has one thread only, never from this one and its many threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context
