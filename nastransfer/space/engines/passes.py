"""One forward call of the C++ engine and the backward call that belongs to it: addresses in, gradients out."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch._utils import _unflatten_dense_tensors

from nastransfer.space.engines.compiled import compiled_engine
from nastransfer.space.engines.flags import Flags, Wanted
from nastransfer.space.engines.maps import Map
from nastransfer.space.engines.plan import Plan
from nastransfer.space.engines.tables import MAP, PIECE, READING, Call, Flag, column


class Pass:
    """One forward call and, where wanted, the backward call that belongs to it."""

    def __init__(self, plan: Plan, flags: Flags, wanted: Wanted) -> None:
        """Copies of the tables, to be filled with addresses."""
        tables = plan.structure.tables
        self.plan, self.flags, self.wanted = plan, flags, wanted
        self.maps, self.readings, self.pieces = (
            plan.maps.copy(),
            tables.reading_rows.copy(),
            tables.pieces.copy(),
        )
        self.ops, self.inputs = tables.ops.copy(), tables.inputs.copy()
        self.readings[:, column(READING, "active")] = flags.active
        self.readings[:, column(READING, "sums")] = flags.sums
        self.ops[:, -1] = flags.ops
        self.mix: Tensor | None = None
        self.keep: Tensor | None = None
        self.values: Tensor | None = None
        self.vectors: Tensor | None = None
        self.versions: list[int] = []

    def forward(
        self,
        given: Sequence[Tensor],
        parameters: Sequence[Tensor],
        mix: Tensor | None,
        keep: Tensor | None,
        track: bool,
    ) -> list[Tensor]:
        """Outputs [4, n, height, width, channels] of the exported cells. `given`: channels-last maps."""
        plan, shape, tables = self.plan, self.plan.shape, self.plan.structure.tables
        self.mix, self.keep = mix, keep
        self.versions = [parameter._version for parameter in parameters]
        if keep is None:
            self.readings[:, column(READING, "keep")] = -1
        self.values = values = plan.take(max(1, plan.value_size * plan.copies))
        sizes = [tables.weights, *(tables.statistics,) * 2, *(tables.channels,) * 4]
        self.vectors = plan.take(sum(sizes))
        value = column(MAP, "value")
        self.maps[plan.value_rows, value] = plan.value_offsets + values.data_ptr()
        for map_, tensor in zip(plan.structure.graph.given, given, strict=True):
            self.maps[tables.map_index[map_], value] = tensor.data_ptr()
        exports = []
        for nodes in plan.structure.graph.exports:
            exports.append(_node_maps(shape.images, nodes, shape.dtype))
            for node, out in zip(nodes, exports[-1], strict=True):
                self.maps[tables.map_index[node], value] = out.data_ptr()
        # The engine packs weights in the order of contiguous tensors; channels-last ones are copied for the call.
        packed = [weight if weight.is_contiguous() else weight.contiguous() for weight in parameters]
        self._address(packed, track)
        self.call = self._call()
        _point(self.call, self.vectors, ("theta", "mean", "rstd", "gamma", "beta", "scale", "shift"), sizes)
        compiled_engine(shape.dtype).engine_forward(ctypes.byref(self.call))
        return exports

    def _address(self, parameters: Sequence[Tensor], track: bool) -> None:
        """Where the weights are, and the running statistics where they are read or kept."""
        structure = self.plan.structure
        addresses = np.array([parameter.data_ptr() for parameter in parameters], np.int64)
        convs, affine = len(structure.convs), len(structure.affine)
        self.pieces[:, column(PIECE, "address")] = addresses[:convs]
        gamma = column(READING, "gamma")
        self.readings[structure.affine_rows, gamma] = addresses[convs : convs + affine]
        self.readings[structure.affine_rows, gamma + 1] = addresses[convs + affine :]
        if track or not self.plan.shape.training:
            names = ("running_mean", "running_var", "num_batches_tracked")
            places = [held[name].data_ptr() for name in names for held in structure.statistics]
            first = column(READING, "running_mean")
            self.readings[structure.norm_rows, first : first + 3] = np.reshape(places, (3, -1)).T

    def _call(self) -> Call:
        tables, shape = self.plan.structure.tables, self.plan.shape
        call = Call(
            images=shape.images,
            threads=shape.threads,
            pad=tables.pad,
            training=int(shape.training),
            maps=len(self.maps),
            readings=len(self.readings),
            pieces=len(self.pieces),
            weights=tables.weights,
            statistics=tables.statistics,
            channels=tables.channels,
            mixes=0 if self.mix is None else len(self.mix),
            forward_phases=len(tables.forward_start) - 1,
            backward_phases=len(tables.backward_start) - 1,
            momentum=shape.momentum,
            epsilon=shape.epsilon,
        )
        pointers = {
            "map": self.maps,
            "reading": self.readings,
            "op": self.ops,
            "input": self.inputs,
            "piece": self.pieces,
            **{
                name: getattr(tables, name)
                for side in ("forward", "backward", "sums")
                for name in (f"{side}_start", f"{side}_order")
            },
        }
        for name, table in pointers.items():
            setattr(call, name, table.ctypes.data)
        for name in ("mix", "keep"):
            tensor = getattr(self, name)
            setattr(call, name, None if tensor is None else tensor.data_ptr())
        return call

    def _forward_again(self, given: Sequence[Tensor]) -> list[Tensor]:
        """Before a second backward call (`retain_graph`): the first one has written its gradients over the maps.

        Returns the exported maps, which the backward call reads as well.
        """
        structure = self.plan.structure
        parameters = structure.parameters()
        if [parameter._version for parameter in parameters] != self.versions:
            raise RuntimeError(
                "weights have changed since this output was computed: it cannot be propagated backward a second time"
            )
        first = column(READING, "running_mean")
        self.readings[structure.norm_rows, first : first + 3] = 0
        return self.forward(given, parameters, self.mix, self.keep, track=False)

    def backward(
        self, outputs: Sequence[Tensor | None], given: Sequence[Tensor], parameters: Sequence[Tensor]
    ) -> Gradients:
        """Gradients of the given maps, the mixture weights and the parameters, None where there is none."""
        again = self.values is None or self.vectors is None
        exported = self._forward_again(given) if again else []
        assert self.values is not None
        assert self.vectors is not None
        plan, shape, tables = self.plan, self.plan.shape, self.plan.structure.tables
        structure, call = plan.structure, self.call
        gradient = column(MAP, "gradient")
        memory = plan.take(max(1, plan.gradient_size * shape.images))
        self.maps[plan.gradient_rows, gradient] = plan.gradient_offsets + memory.data_ptr()
        self.maps[plan.alias_rows, gradient] = plan.alias_offsets + self.values.data_ptr()
        held = []
        for nodes, output in zip(structure.graph.exports, outputs, strict=True):
            held.append(_node_maps(shape.images, nodes, shape.dtype))
            held[-1].zero_() if output is None else held[-1].copy_(output)
            for node, out in zip(nodes, held[-1], strict=True):
                index = tables.map_index[node]
                self.maps[index, gradient], self.maps[index, column(MAP, "begun")] = out.data_ptr(), 1
        result = Gradients(self, parameters)
        sizes = [tables.weights, 3 * tables.channels]
        small = plan.take(sum(sizes))
        _point(call, small, ("flipped", "behind"), sizes)
        call.mix_gradient = result.mix.data_ptr() if result.mix is not None else None
        compiled_engine(shape.dtype).engine_backward(ctypes.byref(call))
        if self.wanted.given:
            result.copy_given(memory, plan)
        for kept in (memory, small, self.values, self.vectors):
            plan.give(kept)
        self.values = self.vectors = None
        del exported  # read until here
        return result

    def release(self) -> None:
        """Give the memory back where no backward call will come."""
        for kept in (self.values, self.vectors):
            if kept is not None:
                self.plan.give(kept)
        self.values = self.vectors = None

    def __del__(self) -> None:
        """An output that was dropped without a backward call keeps no memory from the next one."""
        self.release()


class Gradients:
    """Room for the gradients of one backward call, in the shapes of what they belong to."""

    def __init__(self, call: Pass, parameters: Sequence[Tensor]) -> None:
        """Only weights that take part get room."""
        structure, dtype = call.plan.structure, call.plan.shape.dtype
        self.given: list[Tensor | None] = [None] * len(structure.graph.given)
        self.mix: Tensor | None = None
        if call.wanted.mix and call.mix is not None:
            self.mix = torch.zeros_like(call.mix, dtype=torch.float64)
        self.parameters: list[Tensor | None] = [None] * len(parameters)
        if not call.wanted.weights:
            return
        learning = (call.flags.ops[call.pieces[:, column(PIECE, "op")]] & Flag.WEIGHT_GRADIENT) != 0
        summed = call.flags.sums[structure.affine_rows] != 0
        part = np.flatnonzero(np.concatenate([learning, summed, summed])).tolist()
        shaped = [parameters[index] for index in part]
        sizes = [parameter.numel() for parameter in shaped]
        room = torch.empty(sum(sizes), dtype=dtype)
        addresses = np.zeros(len(parameters), np.int64)
        addresses[part] = room.data_ptr() + dtype.itemsize * np.cumsum([0, *sizes[:-1]])
        for index, gradient in zip(part, _unflatten_dense_tensors(room, shaped), strict=True):
            self.parameters[index] = gradient
        convs, affine = len(structure.convs), len(structure.affine)
        call.pieces[:, column(PIECE, "gradient")] = addresses[:convs]
        first = column(READING, "gamma_gradient")
        call.readings[structure.affine_rows, first] = addresses[convs : convs + affine]
        call.readings[structure.affine_rows, first + 1] = addresses[convs + affine :]

    def copy_given(self, memory: Tensor, plan: Plan) -> None:
        """The gradients of the given maps as tensors [n, channels, height, width] of their own."""
        for index, map_ in enumerate(plan.structure.graph.given):
            if map_ in plan.gradients:
                start = plan.gradients[map_]
                rows = memory.view(plan.shape.images, plan.gradient_size)[:, start : start + map_.size]
                shaped = rows.reshape(-1, map_.height, map_.width, map_.channels)
                # Contiguous rows would give a view of memory that the next call writes.
                self.given[index] = shaped.clone().permute(0, 3, 1, 2)


def _node_maps(images: int, nodes: Sequence[Map], dtype: torch.dtype) -> Tensor:
    node = nodes[0]
    return torch.empty(len(nodes), images, node.height, node.width, node.channels, dtype=dtype)


def _point(call: Call, memory: Tensor, names: Sequence[str], sizes: Sequence[int]) -> None:
    """Set pointers of a call to consecutive parts of a memory."""
    at = memory.data_ptr()
    for name, size in zip(names, sizes, strict=True):
        setattr(call, name, at)
        at += size * memory.element_size()
