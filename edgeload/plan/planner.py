"""Turns the graph of one stage into a Plan: lowers nodes to steps, shares memory, places buffers in the arena."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from edgeload.dtypes import RESOURCE, STRING, DType
from edgeload.errors import EdgeloadError
from edgeload.graph.branches import CONTROL, parts
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels import kernel, registry
from edgeload.kernels.registry import Operand
from edgeload.plan import arena, bands, halves
from edgeload.plan.plan import (
    ControlStep,
    HostStep,
    KernelStep,
    LoopStep,
    NativeStep,
    Occupant,
    Place,
    Plan,
    Scalar,
    Step,
)
from edgeload.plan.store import Store
from edgeload.runtime.target import Target

Lacks = Callable[[Sequence[str]], list[str]]
"""Kernel names to those of them that are neither there nor can be compiled."""


@dataclass(eq=False)
class Buffer:
    """A value's memory while planning. `home` is the buffer whose memory it really is (itself, or what it is a view of
    or shares with), from its byte `offset` on. Arena buffers get their place at the end. In a part of a loop or branch,
    `space` "outer" is memory of the surrounding plan, by number."""

    name: str
    space: str
    dtype: DType
    shape: tuple[int, ...] | None
    at: int = 0
    first: int = 0
    last: int = 0
    home: Buffer | None = None
    offset: int = 0
    has_parts: bool = False

    @property
    def root(self) -> Buffer:
        buffer = self
        while buffer.home is not None:
            buffer = buffer.home
        return buffer

    @property
    def nbytes(self) -> int:
        return Place("arena", 0, self.dtype, self.shape).nbytes

    def place(self) -> Place:
        at, buffer = self.offset, self
        while buffer.home is not None:
            buffer = buffer.home
            at += buffer.offset
        return Place(buffer.space, buffer.at + at, self.dtype, self.shape)

    def rows(self, first: int, end: int) -> Buffer:
        """Rows [first, end) of an image [1, height, width, channels], as a buffer."""
        assert self.shape is not None
        _, height, *row = self.shape
        offset = first * (self.nbytes // height)
        return Buffer(self.name, self.space, self.dtype, (1, end - first, *row), home=self, offset=offset)


def make_plan(
    graph: Graph,
    store: Store,
    target: Target,
    *,
    has_rest: bool = False,
    targets: Sequence[int | None] | None = None,
    lacks: Lacks = lambda names: [],
) -> Plan:
    """The plan of a specialised graph. Constants and variables go to `store`. An op that takes a kernel which `lacks`
    gives back runs in Python.

    With `targets` the graph is a part of a loop or branch: its input i is outer memory number i, and output k goes to
    outer memory number targets[k] if that is possible before the last step; the plan's outputs tell.
    """
    return _Planner(graph, store, target, has_rest, targets, lacks).run()


@dataclass(eq=False)
class _Draft:
    """A step whose buffers have no offsets yet; `finish` makes the step, `touches` lists what it reads and writes."""

    touches: list[Buffer]
    finish: Callable[[], Step]


class _Planner:
    def __init__(
        self,
        graph: Graph,
        store: Store,
        target: Target,
        has_rest: bool,
        targets: Sequence[int | None] | None,
        lacks: Lacks,
    ) -> None:
        self.graph = graph
        self.store = store
        self.target = target
        self.has_rest = has_rest
        self.lacks = lacks
        self.notes: list[str] = []
        self.targets = targets
        self.outer: dict[int, Buffer] = {}
        self.buffers: dict[Tensor, Buffer] = {}
        self.arena_buffers: list[Buffer] = []
        self.drafts: list[_Draft] = []
        self.objects = 0
        self.chains = bands.find_chains(graph) if targets is None else []
        self.last_use = self._last_uses()

    def run(self) -> Plan:
        for index, tensor in enumerate(self.graph.inputs):
            self.buffers[tensor] = self._input(index, tensor)
        in_chains = {position for chain in self.chains for position in chain.positions}
        chain_at = {chain.positions[-1]: chain for chain in self.chains}
        for position, node in enumerate(self.graph.nodes):
            if position in chain_at:
                self._lower_chain(chain_at[position])
            elif position not in in_chains:
                self._lower(position, node)
        outputs = [self.buffer(tensor) for tensor in self.graph.outputs]
        end = len(self.drafts)
        for buffer in outputs:
            buffer.root.last = end
        if self.targets is not None:
            self._move_to_targets(outputs, self.targets)
        return self._finish(outputs)

    def _input(self, index: int, tensor: Tensor) -> Buffer:
        if self.targets is None or not _is_data(tensor.dtype, tensor.shape):
            return self._new(tensor.name, tensor.dtype, tensor.shape)  # type: ignore[arg-type]
        return self._outer(index, tensor)

    def _outer(self, index: int, tensor: Tensor) -> Buffer:
        """Outer memory number `index`, as large as the tensor."""
        if index not in self.outer:
            self.outer[index] = Buffer(tensor.name, "outer", tensor.dtype, tensor.shape, index, last=-1)  # type: ignore[arg-type]
        return self.outer[index]

    def _move_to_targets(self, outputs: list[Buffer], targets: Sequence[int | None]) -> None:
        """Let each output be made where it is to go, if all that read there have done so before."""
        for tensor, buffer, index in zip(self.graph.outputs, outputs, targets, strict=True):
            root = buffer.root
            if index is None or root.space != "arena" or root.has_parts:
                continue
            target = self._outer(index, tensor).root
            if target.nbytes == root.nbytes and target.last < root.first:
                self.take(root, target)

    def _last_uses(self) -> dict[Tensor, int]:
        """The position of the last node that reads each tensor; outputs are read behind the last node."""
        last = {tensor: position for position, node in enumerate(self.graph.nodes) for tensor in node.inputs}
        for chain in self.chains:  # all of it runs where its last node is
            last.update(
                (tensor, max(last[tensor], chain.positions[-1])) for node in chain.nodes for tensor in node.inputs
            )
        last.update((tensor, len(self.graph.nodes)) for tensor in self.graph.outputs)
        return last

    # -- buffers ----------------------------------------------------------------------------------------------------

    def _new(self, name: str, dtype: DType, shape: tuple[int, ...] | None) -> Buffer:
        is_data = _is_data(dtype, shape)
        here = len(self.drafts)
        buffer = Buffer(name, "arena" if is_data else "object", dtype, shape, first=here, last=here)
        if is_data:
            self.arena_buffers.append(buffer)
        else:
            buffer.at = self.objects
            self.objects += 1
        return buffer

    def buffer(self, tensor: Tensor) -> Buffer:
        if tensor not in self.buffers:
            node = tensor.node
            if node.op == "Const":
                value = node.attrs["value"]
                index = self.store.constant(node.attrs.get("key", node.name), lambda: np.asarray(value))
                self.buffers[tensor] = Buffer(node.name, "constant", tensor.dtype, np.shape(value), index)
            elif node.op == "_Resource":
                index = self.store.resource(node.attrs["resource"])
                self.buffers[tensor] = Buffer(node.name, "variable", RESOURCE, (), index)
            else:
                raise EdgeloadError(f"planning {self.graph.name!r}: {tensor!r} is read before it is made")
        return self.buffers[tensor]

    def operand(self, tensor: Tensor, index: int) -> Operand:
        node = tensor.node
        value, key, resource = None, None, None
        if node.op == "Const":
            value, key = node.attrs["value"], node.attrs.get("key", node.name)
            buffer: Any = _Later(lambda: self.buffer(tensor))  # a packed constant's original is not stored
        else:
            buffer = self.buffer(tensor)
            resource = node.attrs.get("resource") if node.op == "_Resource" else None
        return Operand(tensor.dtype, tensor.shape, index, value, buffer, key, resource)  # type: ignore[arg-type]

    # -- lowering ---------------------------------------------------------------------------------------------------

    def _lower(self, position: int, node: Node) -> None:
        if node.op in ("_Input", "Const", "_Resource"):
            return
        if node.op in CONTROL:
            self._lower_control(position, node)
            return
        op = registry.find(node.op)
        assert op is not None
        if op.view and self._make_view(node):
            return
        start = len(self.drafts)
        outputs = [self._new(tensor.name, tensor.dtype, tensor.shape) for tensor in node.outputs]  # type: ignore[arg-type]
        self.buffers.update(zip(node.outputs, outputs, strict=True))
        is_native = op.lower is not None and all(
            tensor.dtype != STRING and tensor.shape is not None for tensor in node.outputs
        )
        if is_native:
            emit = _Emit(self, node)
            operands = [self.operand(tensor, index) for index, tensor in enumerate(node.inputs)]
            results = [
                Operand(tensor.dtype, tensor.shape, index, None, buffer)  # type: ignore[arg-type]
                for index, (tensor, buffer) in enumerate(zip(node.outputs, outputs, strict=True))
            ]
            if any(operand.dtype == STRING for operand in operands):
                is_native = False
            else:
                is_native = self._emits_kernels(op, node, operands, results, emit)
                if is_native and (lacking := self.lacks(emit.kernels)):
                    is_native = False
                    self.notes.append(f"{node.op} {node.name} runs in Python: there is no kernel {lacking[0]}")
        if is_native:
            end = max(start, len(self.drafts) - 1)
            for buffer in [*outputs, *emit.scratches]:
                buffer.last = max(buffer.last, end)
            self._share(position, node, emit.shareable, outputs, start)
            for output, source, offset in emit.parts:
                self._make_part(output, source, offset)
        else:
            del self.drafts[start:]
            if op.lower is not None:
                self.arena_buffers = [buffer for buffer in self.arena_buffers if buffer.name != _scratch_of(node)]
            self._lower_to_host(node, outputs)

    def _lower_chain(self, chain: bands.Chain) -> None:
        if not bands.lower_chain(chain, self):
            for position, node in zip(chain.positions, chain.nodes, strict=True):
                self._lower(position, node)

    def _emits_kernels(
        self, op: registry.Op, node: Node, operands: list[Operand], results: list[Operand], emit: _Emit
    ) -> bool:
        """Whether the op has kernels for these operands, which then are emitted: its own or, around float16 and
        bfloat16, those of float32."""
        assert op.lower is not None
        start = len(self.drafts)
        if op.lower(node, operands, results, emit) is not NotImplemented:
            return True
        del self.drafts[start:], emit.kernels[:], emit.shareable[:], emit.parts[:]
        return halves.lower_in_float32(op, node, operands, results, emit) is not NotImplemented

    def _make_view(self, node: Node) -> bool:
        source = self.buffer(node.inputs[0])
        tensor = node.outputs[0]
        if source.space == "object" or tensor.shape is None or tensor.dtype != source.dtype:
            return False
        self.define_as(tensor, node.inputs[0])
        return True

    def _share(
        self, position: int, node: Node, shareable: list[tuple[Buffer, Buffer]], outputs: list[Buffer], start: int
    ) -> None:
        """Let an output take over the memory of an input that ends here."""
        tensors = dict(zip(outputs, node.outputs, strict=True))
        for output, source in sorted(
            shareable, key=lambda pair: pair[1].root.space != "outer"
        ):  # first where it is to go
            root = source.root
            if output not in tensors or output.home is not None or root.nbytes != output.nbytes:
                continue
            touched = sum(buffer.root is root for draft in self.drafts[start:] for buffer in draft.touches)
            if touched == 1 and self.may_take(position, tensors[output], source):
                self.take(output, source)

    def _make_part(self, output: Buffer, source: Buffer, offset: int) -> None:
        """Let a buffer be the memory of another from a byte on."""
        output.home, output.offset = source, offset
        self.arena_buffers.remove(output)
        root = source.root
        root.last, root.has_parts = max(root.last, output.last), True

    def _lower_to_host(self, node: Node, outputs: list[Buffer]) -> None:
        inputs = [self.buffer(tensor) for tensor in node.inputs]
        self.append(
            [*inputs, *outputs],
            lambda: HostStep(node.name, node.op, node.attrs, _places(inputs), _places(outputs)),
        )

    def _lower_control(self, position: int, node: Node) -> None:
        from edgeload.plan import control

        inputs = [self.buffer(tensor) for tensor in node.inputs]
        if any(tensor.shape is None for tensor in node.outputs):  # only running tells
            outputs = [self._new(tensor.name, tensor.dtype, tensor.shape) for tensor in node.outputs]  # type: ignore[arg-type]
            self.buffers.update(zip(node.outputs, outputs, strict=True))
            indices = tuple(self.store.part(graph) for graph in parts(node))
            self.append(
                [*inputs, *outputs],
                lambda: ControlStep(node.name, node.op, indices, _places(inputs), _places(outputs)),
            )
        else:
            control.lower(position, node, self, inputs)

    # -- for _Emit, control and bands ----------------------------------------------------------------------------------

    def append(self, touches: list[Buffer], finish: Callable[[], Step]) -> None:
        """Add a step. What it touches lives at least until then."""
        here = len(self.drafts)
        for buffer in touches:
            root = buffer.root
            if root.space in ("arena", "outer"):
                root.last = max(root.last, here)
        self.drafts.append(_Draft(list(touches), finish))

    def new_buffer(self, name: str, dtype: DType, shape: tuple[int, ...]) -> Buffer:
        """Arena memory from the next step on."""
        return self._new(name, dtype, shape)

    def emit(self, node: Node) -> _Emit:
        """What a node's `lower` gets."""
        return _Emit(self, node)

    def define(self, tensor: Tensor, buffer: Buffer) -> None:
        """Say where a tensor is."""
        self.buffers[tensor] = buffer

    def define_as(self, tensor: Tensor, source: Tensor) -> None:
        """Say that a tensor is another one's memory, whose value then lives as long as both are needed."""
        buffer = self.buffer(source)
        self.buffers[tensor] = Buffer(tensor.name, buffer.space, tensor.dtype, tensor.shape, buffer.at, home=buffer)  # type: ignore[arg-type]
        self.last_use[source] = max(self.last_use.get(source, 0), self.last_use.get(tensor, 0))

    def may_take(self, position: int, tensor: Tensor, source: Buffer) -> bool:
        """Whether a tensor that the node at `position` makes may have the memory of a value that nobody reads behind
        that node. Of outer memory, a part may change only what is to be overwritten in the end, and no output must lie
        where another belongs."""
        root = source.root
        if source.nbytes != root.nbytes:
            return False
        if root.space == "outer":
            wanted = [index for out, index in zip(self.graph.outputs, self.targets or (), strict=True) if out is tensor]
            if root.at not in (self.targets or ()) or wanted and wanted != [root.at]:
                return False
        elif root.space != "arena":
            return False
        readers = [other for other, buffer in self.buffers.items() if buffer.root is root and other is not tensor]
        return all(self.last_use.get(other, -1) <= position for other in readers)

    def take(self, buffer: Buffer, source: Buffer) -> None:
        """Give a buffer the memory of another."""
        root = source.root
        buffer.home = root
        self.arena_buffers.remove(buffer)
        root.last = max(root.last, buffer.last)

    def copy_step(self, node: str, source: Buffer, target: Buffer) -> None:
        """Copy bytes from one buffer to another."""
        self.append([source, target], lambda: copy_step(node, source.place(), target.place()))

    # -- the end ----------------------------------------------------------------------------------------------------

    def _finish(self, outputs: list[Buffer]) -> Plan:
        buffers = [buffer for buffer in self.arena_buffers if buffer.nbytes]
        lifetimes = [arena.Lifetime(buffer.nbytes, buffer.first, buffer.last) for buffer in buffers]
        offsets, total = arena.place(lifetimes)
        for buffer, offset in zip(buffers, offsets, strict=True):
            buffer.at = offset
        used = {buffer.root for draft in self.drafts for buffer in draft.touches} | {buffer.root for buffer in outputs}
        inputs = [self.buffers[tensor] for tensor in self.graph.inputs]
        drafted = [draft.finish() for draft in self.drafts]
        numbers = list(accumulate((not _is_idle(step) for step in drafted), initial=0))  # of drafts, among the steps
        return Plan(
            name=self.graph.name,
            steps=tuple(step for step in drafted if not _is_idle(step)),
            inputs=tuple(buffer.place() if buffer.root in used else None for buffer in inputs),
            outputs=_places(outputs),
            arena_nbytes=total,
            bound_nbytes=arena.lower_bound(lifetimes),
            occupants=tuple(
                Occupant(buffer.name, buffer.at, buffer.nbytes, numbers[buffer.first], numbers[buffer.last])
                for buffer in buffers
            ),
            objects=self.objects,
            rest=self.has_rest,
            notes=tuple(self.notes),
        )


class _Later:
    """A buffer that is only made when a kernel takes it."""

    def __init__(self, make: Callable[[], Buffer]) -> None:
        self.make = make


class _Emit:
    """The registry's Emit, for one node."""

    def __init__(self, planner: _Planner, node: Node) -> None:
        self.planner = planner
        self.node = node
        self.target = planner.target
        self.lanes = planner.target.lanes
        self.kernels: list[str] = []
        self.scratches: list[Buffer] = []
        self.shareable: list[tuple[Buffer, Buffer]] = []
        self.parts: list[tuple[Buffer, Buffer, int]] = []

    def later(self, key: Any, make: Callable[[], np.ndarray]) -> _Later:
        """A packed constant that is only made when a kernel takes it."""
        return _Later(lambda: self.constant(key, make).buffer)

    def kernel(self, name: str, *args: Any, tiles: int = 1) -> None:
        parameters = kernel.parameters_of(name)
        if len(parameters) != len(args):
            raise EdgeloadError(f"kernel {name} takes {len(parameters)} arguments, {self.node.op} gives {len(args)}")
        touches: list[Buffer] = []
        arguments: list[tuple[Buffer, tuple[int, ...]] | Scalar] = []
        for parameter, argument in zip(parameters, args, strict=True):
            if parameter.ndim is None:
                arguments.append(scalar(parameter.dtype, argument))
                continue
            buffer = _buffer_of(argument)
            shape = argument.shape
            sizes = tuple(shape) if parameter.ndim == len(shape) else (math.prod(shape),)
            if len(sizes) != parameter.ndim or np.dtype(parameter.dtype).itemsize != argument.dtype.itemsize:
                raise EdgeloadError(f"kernel {name}: {parameter.name} is {argument.spec}")
            touches.append(buffer)
            arguments.append((buffer, sizes))
        self.kernels.append(name)
        frozen = tuple(arguments)
        self.planner.append(
            touches,
            lambda: KernelStep(
                self.node.name,
                name,
                tuple(part if isinstance(part, Scalar) else (part[0].place(), part[1]) for part in frozen),
                tiles,
            ),
        )

    def constant(self, key: Any, make: Callable[[], np.ndarray]) -> Operand:
        index = self.planner.store.constant(key, make)
        array = self.planner.store.constants[index]
        return Operand(array.dtype, array.shape, buffer=Buffer(str(key), "constant", array.dtype, array.shape, index))

    def scratch(self, dtype: DType, shape: tuple[int, ...]) -> Operand:
        buffer = self.planner.new_buffer(_scratch_of(self.node), np.dtype(dtype), shape)  # type: ignore[arg-type]
        self.scratches.append(buffer)
        return Operand(buffer.dtype, shape, buffer=buffer)

    def variable(self, operand: Operand) -> Operand:
        resource = operand.resource
        shape = tuple(resource.array.shape)
        index = self.planner.store.resource(resource)
        buffer = Buffer(resource.name, "variable", resource.dtype, shape, index)
        return Operand(resource.dtype, shape, buffer=buffer)

    def copy(self, source: Operand, output: Operand) -> None:
        self.planner.copy_step(self.node.name, _buffer_of(source), output.buffer)

    def may_share(self, output: Operand, operand: Operand) -> None:
        if isinstance(operand.buffer, Buffer):
            self.shareable.append((output.buffer, operand.buffer))

    def may_be_part(self, output: Operand, operand: Operand, start: int) -> bool:
        source, target = operand.buffer, output.buffer
        if not isinstance(source, Buffer) or source.root.space != "arena" or target.root.space != "arena":
            return False
        is_new = target in map(self.planner.buffers.get, self.node.outputs) and target.home is None
        if not is_new or any(target in draft.touches for draft in self.planner.drafts):
            return False
        self.parts.append((target, source, start * operand.dtype.itemsize))
        return True


def _scratch_of(node: Node) -> str:
    return f"{node.name}/scratch"


def _is_data(dtype: DType, shape: object) -> bool:
    """Whether values are numbers of a known shape, so that they live in an arena."""
    return isinstance(dtype, np.dtype) and dtype != STRING and shape is not None


def _is_idle(step: Step) -> bool:
    """Whether a step copies a value to where it is already."""
    if not isinstance(step, KernelStep) or step.kernel != "copy_bytes":
        return False
    (source, _), (target, _) = step.arguments  # type: ignore[misc]
    return bool(source.space == target.space and source.at == target.at)


def _buffer_of(operand: Operand) -> Buffer:
    return operand.buffer.make() if isinstance(operand.buffer, _Later) else operand.buffer


def scalar(dtype: str, number: float) -> Scalar:
    """A number as the 64-bit slot of an argument block."""
    if dtype == "int64":
        return Scalar(int(number), str(number))
    packed = np.array(number).astype(dtype).tobytes().ljust(8, b"\0")
    return Scalar(struct.unpack("<q", packed)[0], repr(number.item() if isinstance(number, np.generic) else number))


def copy_step(node: str, source: Place, target: Place) -> KernelStep:
    """A step that copies bytes."""
    sizes = (source.nbytes,)
    return KernelStep(node, "copy_bytes", ((source, sizes), (target, sizes)))


def _places(buffers: Sequence[Buffer]) -> tuple[Place, ...]:
    return tuple(buffer.place() for buffer in buffers)


def relocate(step: NativeStep, where: Callable[[Place], Place]) -> NativeStep:
    """The step with all its places replaced."""

    def relocate_all(steps: tuple[NativeStep, ...]) -> tuple[NativeStep, ...]:
        return tuple(relocate(inner, where) for inner in steps)

    if isinstance(step, KernelStep):
        return replace(
            step,
            arguments=tuple(part if isinstance(part, Scalar) else (where(part[0]), part[1]) for part in step.arguments),
        )
    if isinstance(step, LoopStep):
        return replace(
            step, condition=relocate_all(step.condition), flag=where(step.flag), body=relocate_all(step.body)
        )
    branches = tuple(relocate_all(branch) for branch in step.branches)
    return replace(step, selector=where(step.selector), branches=branches)
