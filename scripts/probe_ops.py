"""Finds out which dtypes an op has kernels for: by making a node of it and asking the planner.

The node has the attributes that the op's definition gives, or likely ones where it gives none. Its inputs are tried
from a few likely shapes and values until the op's shape rule accepts them. Then the node is planned for every dtype
that TensorFlow's definition allows. What no likely node is found for is said to be so; nothing is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.dtypes import RESOURCE, STRING, VARIANT, DType
from edgeload.errors import EdgeloadError
from edgeload.graph.ir import Graph, Node, Tensor
from edgeload.kernels import registry
from edgeload.kernels.registry import NeedsValue, Op, Operand, Spec
from edgeload.objects.variables import State, Variable
from edgeload.passes.freeze_variables import freeze_variables
from edgeload.passes.pad_labels import pad_labels
from edgeload.passes.pad_suppressions import pad_suppressions
from edgeload.passes.pipeline import run
from edgeload.passes.rewrite_einsum import rewrite_einsum
from edgeload.plan.plan import HostStep
from edgeload.plan.planner import make_plan
from edgeload.plan.store import Store
from edgeload.runtime import target as targets
from edgeload.savedmodel import opdefs
from edgeload.savedmodel.opdefs import MISSING, Arg, OpDef

_PASSES = (freeze_variables, pad_labels, pad_suppressions, rewrite_einsum)  # those that put other ops in place of one
_REWRITTEN = frozenset({"Einsum", "ResourceGather", "ResourceGatherNd"})
_CUT = "_Front"  # a kernel has done the work; Python takes as much of the result as there is
_TARGET = targets.find("x86-64-v3")
# DataType numbers, the likeliest first: floats, ints, bool, complex, string; quantised ones only where nothing else is
_NUMBERS = (1, 2, 19, 14, 3, 9, 5, 6, 4, 17, 22, 23, 10, 8, 18, 7)
_QUANTISED = (11, 12, 13, 15, 16)
_MOST_TRIES = 4000  # nodes of one op
_MOST_KERNELLESS = 300  # accepted nodes of one op without a kernel, before it is given up

_SHAPES = (
    (1, 4, 4, 4), (2, 3), (2,), (), (2, 2), (2, 2, 2), (1, 4, 4, 4, 4), (4,), (1,), (1, 4), (4, 4), (1, 1, 4, 1),
    (1, 1, 1, 4, 4), (4, 2, 2, 1),
)  # fmt: skip
_FIRST_AND_OTHERS = (((1, 4, 4, 4), (4,)), ((1, 4, 4, 4), (2,)), ((2, 3), ()), ((2, 3), (3,)))
_GRADIENTS = (  # sizes of the result, filter, gradient
    ([1, 4, 4, 4], (1, 1, 4, 4), (1, 4, 4, 4)),
    ([1, 4, 4, 4], (1, 1, 4, 1), (1, 4, 4, 4)),
    ([1, 4, 4, 4, 4], (1, 1, 1, 4, 4), (1, 4, 4, 4, 4)),
)
_INTEGERS = (
    0, 1, [0], [1], [2], [0, 0], [1, 1], [2, 2], [0, 1], [1, 0], [2, 3], [[0]], [[0, 0]], [[0, 0], [0, 0]],
    [[0, 0], [0, 0], [0, 0], [0, 0]], [1, 4, 4, 4], [0, 1, 2, 3], [1, 1, 1, 1], [1, 4, 4, 4, 4],
)  # fmt: skip
_IMAGE = (1, 4, 4, 4)
_SUPPRESSION: tuple[Any, ...] = ((4, 4), (4,), 2, (), (), ())  # boxes, scores, how many, thresholds
_INPUTS: dict[str, tuple[Any, ...]] = {  # of ops whose inputs' shapes have little to do with each other
    "AdjustHue": ((2, 2, 3), ()),
    "AdjustSaturation": ((2, 2, 3), ()),
    "AudioSpectrogram": ((4, 2),),
    "CombinedNonMaxSuppression": ((1, 4, 1, 4), (1, 4, 2), 2, 2, (), ()),
    "CropAndResize": (_IMAGE, (1, 4), [0], [2, 2]),
    "CTCGreedyDecoder": ((4, 2, 3), [4, 2]),
    "Dilation2D": (_IMAGE, (2, 2, 4)),
    "DrawBoundingBoxes": (_IMAGE, (1, 2, 4)),
    "DrawBoundingBoxesV2": (_IMAGE, (1, 2, 4), (2, 4)),
    "ExtractGlimpse": (_IMAGE, [2, 2], (1, 2)),
    "ExtractGlimpseV2": (_IMAGE, [2, 2], (1, 2)),
    "GRUBlockCell": ((1, 4), (1, 4), (8, 8), (8, 4), (8,), (4,)),
    "ImageProjectiveTransformV2": (_IMAGE, (1, 8), [2, 2]),
    "ImageProjectiveTransformV3": (_IMAGE, (1, 8), [2, 2], ()),
    "IRFFT3D": ((2, 2, 2), [2, 2, 2]),
    "LSTMBlockCell": ((1, 4), (1, 4), (1, 4), (8, 16), (4,), (4,), (4,), (16,)),
    "Mfcc": ((1, 1, 257), 16000),
    "NonMaxSuppression": _SUPPRESSION[:3],
    "NonMaxSuppressionV2": _SUPPRESSION[:4],
    "NonMaxSuppressionV3": _SUPPRESSION[:5],
    "NonMaxSuppressionV4": _SUPPRESSION[:5],
    "NonMaxSuppressionV5": _SUPPRESSION,
    "NonMaxSuppressionWithOverlaps": _SUPPRESSION[:5],
    "ResourceStridedSliceAssign": ((2, 3), [0], [1], [1], (1, 3)),
    "RFFT3D": ((2, 2, 2), [2, 2, 2]),
    "SparseTensorDenseMatMul": ([[0, 0]], (1,), [2, 3], (3, 2)),
    "StatelessRandomNormalV2": ([2, 3], [1], [1, 1], 1),
    "StatelessRandomUniformIntV2": ([2, 3], [1], [1, 1], 1, (), ()),
    "StatelessRandomUniformV2": ([2, 3], [1], [1, 1], 1),
    "StatelessTruncatedNormalV2": ([2, 3], [1], [1, 1], 1),
}
_LISTS = {  # lists of integers that have no default, by the rank of images
    "strides": ([1] * 4, [1] * 5),
    "ksize": ([1, 2, 2, 1], [1, 2, 2, 2, 1]),
    "ksizes": ([1, 2, 2, 1], [1, 2, 2, 2, 1]),
    "rates": ([1] * 4, [1] * 5),
    "dilations": ([1] * 4, [1] * 5),
    "window_shape": ([1], [1]),
}
_STRINGS = {
    "padding": (b"SAME",),
    "mode": (b"REFLECT", b"MIN_COMBINED"),
    "equation": (b"ij,jk->ik", b"ij->ji"),
    "reduction": (b"add",),
}
_GIVEN = {"range_given": True, "is_training": False}  # where the default is not what models have
_INTS = {"N": 2, "block_size": 2, "num": 2, "num_split": 2, "window_size": 4}
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "ImageProjectiveTransformV2": {"interpolation": b"BILINEAR"},
    "ImageProjectiveTransformV3": {"interpolation": b"BILINEAR"},
}
_IMAGE_RANKS = 2  # lists come for two


@dataclass(frozen=True)
class Support:
    """`native`: the dtypes with kernels; `host`: those that run in Python. `by`: the attribute that says the dtype.
    `is_known` is False if no node of the op was found that its shape rule accepts."""

    native: tuple[str, ...]
    host: tuple[str, ...]
    is_known: bool = True


def probe(name: str) -> Support:
    """What the planner does with an op."""
    op, definition = registry.find(name), opdefs.get(name)
    assert op is not None
    if op.view:
        return Support(("",), ())
    if op.lower is None and name not in _REWRITTEN:
        return Support((), ("",))
    if definition is None:
        return Support((), (), False)
    choices = _dtype_choices(name, definition)
    native: list[str] = []
    host: list[str] = []
    likely: tuple[Any, ...] | None = None
    for dtype in choices:
        found = _plan_with(op, definition, dtype, likely)
        if found is None:
            continue
        is_native, likely_now = found
        likely = likely or (likely_now if is_native else None)
        (native if is_native else host).append("" if dtype is None else dtypes.name_of(dtype))
    return Support(tuple(native), tuple(host), bool(native or host))


def _dtype_choices(name: str, definition: OpDef) -> list[DType | None]:
    """The dtypes of the op's first type attribute that an input or output has; [None] if none is open."""
    attr = _main_attr(definition)
    if attr is None:
        return [None]
    message = next(item for item in opdefs._table()[name].attr if item.name == attr)
    allowed = list(message.allowed_values.list.type) or _NUMBERS
    numbers = [number for number in _NUMBERS if number in allowed] or [
        number for number in _QUANTISED if number in allowed
    ]
    return [dtypes.from_enum(number) for number in numbers]


def _main_attr(definition: OpDef) -> str | None:
    for name in ("dtype", "T"):
        if definition.attrs.get(name, ("",))[0] == "type":
            return name
    for arg in (*definition.inputs, *definition.outputs):
        if arg.type_attr or arg.type_list_attr:
            return arg.type_attr or arg.type_list_attr
    return next((name for name, (kind, _) in definition.attrs.items() if kind == "type"), None)


def _plan_with(
    op: Op, definition: OpDef, dtype: DType | None, likely: tuple[Any, ...] | None
) -> tuple[bool, tuple[Any, ...]] | None:
    """Whether a node of this dtype has kernels, and the attributes and inputs that it has; None if none is accepted."""
    accepted = None
    kernelless = 0
    tries = [likely] if likely is not None else islice(_tries(definition, dtype), _MOST_TRIES)
    for choice in tries:
        is_native = _is_native(op, definition, dtype, choice)
        if is_native is None:
            continue
        if is_native:
            return True, choice
        accepted = accepted or choice
        kernelless += 1
        if kernelless > _MOST_KERNELLESS:
            break
    if accepted is None and likely is not None:
        return _plan_with(op, definition, dtype, None)
    return None if accepted is None else (False, accepted)


def _tries(definition: OpDef, dtype: DType | None) -> Iterator[tuple[Any, ...]]:
    """Choices: the number of a set of attributes, and a shape or value for each input, equal ones first."""
    seen: list[dict[str, Any]] = []
    for rank in range(_IMAGE_RANKS):
        for option in range(2):
            attrs = _attrs(definition, dtype, rank, option)
            if attrs in seen:
                continue
            seen.append(attrs)
            kinds = [arg_dtype for arg in definition.inputs for arg_dtype in _dtypes_of(arg, attrs)]
            options = [_SHAPES if _is_open(kind, dtype) else (*_INTEGERS, *_SHAPES) for kind in kinds]
            alike: list[Any] = [_INPUTS[definition.name]] if definition.name in _INPUTS else []
            alike += [(shape,) * len(kinds) for shape in _SHAPES] if kinds else [()]
            alike += [(first, *[other] * (len(kinds) - 1)) for first, other in _FIRST_AND_OTHERS if len(kinds) > 2]
            alike += _GRADIENTS if len(kinds) == 3 else ()
            mixed = product(*options) if len(kinds) < 4 else ()
            data = [index for index, kind in enumerate(kinds) if _is_open(kind, dtype)]
            for shape in _SHAPES if 0 < len(data) < len(kinds) else ():
                others = [(shape,) if index in data else _INTEGERS for index in range(len(kinds))]
                alike += list(islice(product(*others), 400))
            for inputs in (*alike, *islice(mixed, _MOST_TRIES // 4)):
                yield rank, option, inputs


def _is_open(kind: DType, dtype: DType | None) -> bool:
    """Whether an input is data; else it is probably a size, an axis or an index, whose value matters."""
    return kind == dtype or not isinstance(kind, np.dtype) or kind.kind not in "iu"


def _attrs(definition: OpDef, dtype: DType | None, rank: int, option: int) -> dict[str, Any]:
    main = _main_attr(definition)
    found: dict[str, Any] = {}
    for name, (kind, default) in definition.attrs.items():
        if name == main:
            found[name] = [dtype, dtype] if kind == "list(type)" else dtype
        elif name in _GIVEN or default is not MISSING:
            found[name] = _GIVEN.get(name, default)
        elif kind == "type":
            found[name] = dtype if name in ("DstT", "out_type", "Tout") else _other_type(definition.name, name, dtype)
        elif kind == "int":
            found[name] = _INTS.get(name, 1)
        elif kind == "float":
            found[name] = 1.0
        elif kind == "bool":
            found[name] = False
        elif kind == "list(int)":
            found[name] = list(_LISTS.get(name, ([1] * 4, [1] * 5))[rank])
        elif kind == "string":
            values = _STRINGS.get(name, (b"",))
            found[name] = values[min(option, len(values) - 1)]
        elif kind == "shape":
            found[name] = (2, 2)
        elif kind == "list(type)":
            found[name] = [dtype or np.dtype(np.float32)]
        elif kind.startswith("list("):
            found[name] = []
    return found | _ATTRIBUTES.get(definition.name, {})


def _other_type(op: str, name: str, dtype: DType | None) -> DType:
    """A dtype for another type attribute: the main one if it is allowed and not an index, else int32."""
    message = next(item for item in opdefs._table()[op].attr if item.name == name)
    allowed = [dtypes.from_enum(number) for number in message.allowed_values.list.type]
    for wanted in (np.dtype(np.int32), np.dtype(np.int64), dtype):
        if wanted in allowed:
            return wanted
    if allowed:
        return allowed[0]
    return np.dtype(np.int32) if name.startswith("T") else dtype or np.dtype(np.float32)


def _dtypes_of(arg: Arg, attrs: dict[str, Any]) -> list[DType]:
    if arg.type_list_attr:
        return list(attrs[arg.type_list_attr])
    one: Any = attrs[arg.type_attr] if arg.type_attr else arg.type
    return [one] * (int(attrs[arg.number_attr]) if arg.number_attr else 1)


def _is_native(op: Op, definition: OpDef, dtype: DType | None, choice: tuple[Any, ...]) -> bool | None:
    """Whether the planner takes kernels for the node; None if it does not accept the node."""
    rank, option, inputs = choice
    attrs = _attrs(definition, dtype, rank, option)
    kinds = [kind for arg in definition.inputs for kind in _dtypes_of(arg, attrs)]
    answers = []
    for constants in ((), tuple(range(1, len(kinds)))):  # filters, shapes and axes are constants, mostly
        try:
            answers.append(_plan(op, attrs, kinds, inputs, dtype, constants))
        except (EdgeloadError, NeedsValue, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            continue
    return any(answers) if answers else None


def _plan(
    op: Op, attrs: dict[str, Any], kinds: Sequence[DType], inputs: Sequence[Any], dtype: DType | None,
    constants: Sequence[int],
) -> bool:  # fmt: skip
    graph = Graph("probe")
    tensors, operands = [], []
    for index, (kind, given) in enumerate(zip(kinds, inputs, strict=True)):
        tensor, operand = _input(graph, index, kind, given, dtype, index in constants)
        tensors.append(tensor)
        operands.append(operand)
    node = Node(op.name, "node", tensors, attrs)
    specs = op.infer(node, *operands)
    for spec in [specs] if isinstance(specs, Spec) else specs:
        graph.outputs.append(node.add_output(spec.dtype, spec.shape))
    graph.nodes.append(node)
    run(graph, _PASSES)
    plan = make_plan(graph, Store(), _TARGET)
    return not any(isinstance(step, HostStep) and step.op != _CUT for step in plan.steps)


def _input(
    graph: Graph, index: int, kind: DType, given: Any, dtype: DType | None, is_constant: bool
) -> tuple[Tensor, Operand]:
    """An input of the probe: a variable, a constant, or a tensor that is not known."""
    shape = given if isinstance(given, tuple) else np.shape(given)
    if kind == RESOURCE:
        held = dtype if isinstance(dtype, np.dtype) else np.dtype(np.float32)
        variable = Variable("v", held, shape, state=State(), read=lambda: np.zeros(shape, held))
        node = Node("_Resource", f"input {index}", attrs={"resource": variable})
        graph.nodes.append(node)
        return node.add_output(RESOURCE, ()), Operand(RESOURCE, (), index, resource=variable)
    if kind == VARIANT:  # a list whose element shape is known is an array
        kind = dtype or np.dtype(np.float32)
    if not isinstance(kind, np.dtype):
        raise TypeError(f"there is no likely value of {kind}")
    if is_constant or (not isinstance(given, tuple) and not _is_open(kind, dtype)):
        value = np.full(shape, b"a", STRING) if kind == STRING else _value(given, shape, kind)
        node = Node("Const", f"input {index}", attrs={"value": value, "key": ("input", index)})
        graph.nodes.append(node)
        return node.add_output(kind, shape), Operand(kind, shape, index, value, key=("input", index))
    node = Node("_Input", f"input {index}")
    graph.nodes.append(node)
    graph.inputs.append(node.add_output(kind, shape))
    return node.output, Operand(kind, shape, index)


def _value(given: Any, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    return np.ones(shape, kind) if isinstance(given, tuple) else np.array(given).astype(kind)
