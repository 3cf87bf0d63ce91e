"""One weight step on a batch cut into groups that share batch-norm statistics, on one device or over many ranks.

The gradient is that of the batch's mean loss, whatever the groups: each group's gradients count by its share of the
images. Every group is normalised by its own statistics; a batch moves the running ones once, towards the groups' mean,
weighted by images. So one device that does one group after the other, and ranks that have some groups each, do the same
step.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor

from nastransfer.data.passes import group_ends
from nastransfer.data.streams import Streams
from nastransfer.train.device import autocast
from nastransfer.train.loop import clipped_step, losses, weight_step
from nastransfer.train.networks import TrainedNetwork
from nastransfer.train.ranks import Ranks


class GroupedStep:
    """Weight steps on `network`; `group` images share batch-norm statistics (None: the whole batch does).

    `drop_path` may be set between steps: its masks are drawn for each group from a seed of the step and the group, so
    that they depend neither on ranks nor on what was drawn before.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        optimizer: torch.optim.Optimizer,
        streams: Streams,
        ranks: Ranks,
        *,
        group: int | None,
        clip: float,
        auxiliary: float,
        precision: str = "fp32",
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._group, self._clip, self._auxiliary = group, clip, auxiliary
        self._streams, self._ranks = streams, ranks
        self._generator = torch.Generator()
        self._drop_path = 0.0
        self._network_forward, self._unshared = ranks.share(network)
        self._precision = precision
        buffers = list(network.buffers())
        self._running = [buffer for buffer in buffers if buffer.is_floating_point()]
        self._counters = [buffer for buffer in buffers if not buffer.is_floating_point()]

    @property
    def drop_path(self) -> float:
        """Probability that an edge of a cell is dropped, from the next step on."""
        return self._drop_path

    @drop_path.setter
    def drop_path(self, probability: float) -> None:
        self._drop_path = probability
        self._network.set_drop_path(probability, self._generator)

    def __call__(
        self, images: Tensor, labels: Tensor, step: int, *, number: int, start: int
    ) -> tuple[Tensor, Tensor]:
        """Step number `step`, on this rank's part of a batch of `number` images, the one that begins at place `start`.

        Returns the batch's mean cross entropy and how many were right, of all ranks, both 0-d, before the step.
        """
        group = self._group or number
        ends = group_ends(len(labels), group)
        if self._ranks.number == 1 and len(ends) == 1:
            self._drop(step, 0)
            clip, auxiliary = self._clip, self._auxiliary
            return weight_step(self._forward, self._optimizer, images, labels, clip=clip, auxiliary=auxiliary)
        pieces = [
            (images[a:b], labels[a:b], (b - a) / number) for a, b in zip([0, *ends], ends, strict=False)
        ]
        return self._several(pieces or [(*_placeholder(images, labels), 0.0)], step, start // group)

    def _several(
        self, pieces: list[tuple[Tensor, Tensor, float]], step: int, first: int
    ) -> tuple[Tensor, Tensor]:
        self._optimizer.zero_grad(set_to_none=True)
        running, counters = ([buffer.clone() for buffer in kind] for kind in (self._running, self._counters))
        mean = [torch.zeros_like(buffer) for buffer in running]
        told = torch.zeros(2, device=mean[0].device, dtype=mean[0].dtype)
        for index, (images, labels, share) in enumerate(pieces):
            torch._foreach_copy_(self._running, running)
            self._drop(step, first + index)
            with nullcontext() if index == len(pieces) - 1 else self._unshared():
                loss, total, right = losses(self._forward(images), labels, self._auxiliary)
                # Gradients of ranks are averaged; they are to be summed.
                (total * (share * self._ranks.number)).backward()
            if share:
                told += torch.stack([loss.detach() * share, right.to(told.dtype)])
                torch._foreach_add_(mean, self._running, alpha=share)
        told, *mean = self._summed([told, *mean])
        torch._foreach_copy_(self._running, mean)
        torch._foreach_add_(counters, 1)
        torch._foreach_copy_(self._counters, counters)
        clipped_step(self._optimizer, self._clip)
        return told[0], told[1]

    def _forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        # Of the forward pass only: gradients take the formats that it had.
        with autocast(images.device, self._precision):
            output = self._network_forward(images)
        if self._precision == "fp32":
            return output
        logits, *extra = output if isinstance(output, tuple) else (output,)
        return (logits.float(), extra[0].float()) if extra else logits.float()

    def _drop(self, step: int, group: int) -> None:
        if self._drop_path:
            self._generator.manual_seed(self._streams.seed("drop_path", step, group))

    def _summed(self, tensors: list[Tensor]) -> list[Tensor]:
        """Each of the tensors summed over all ranks, by one exchange."""
        if self._ranks.number == 1:
            return tensors
        flat = self._ranks.sum(torch.cat([tensor.flatten() for tensor in tensors]))
        parts = flat.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def _placeholder(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """What a rank without images of its own trains on, with weight 0: the others wait for its gradients."""
    return images.new_zeros(2, *images.shape[1:]), labels.new_zeros(2)
