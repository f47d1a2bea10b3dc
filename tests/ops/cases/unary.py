"""Element-wise functions of one tensor: every dtype, the domain's edges, extreme values, no elements."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.arrays import (
    COMPLEX,
    FLOATS,
    INTEGERS,
    NUMBERS,
    SIGNED,
    array,
    bools,
    extremes,
    f32,
    i32,
    sample,
    scalar,
)
from tests.ops.case import EXACT, Case, case, each

_MADE = ("float32", "float64")  # also run by kernels
_WIDE = (*FLOATS, *COMPLEX)
_DTYPES = {
    **dict.fromkeys(
        ("Asinh", "Atan", "Cos", "Cosh", "Exp", "Expm1", "Sigmoid", "Sin", "Sinh", "Sqrt", "Tan", "Tanh"), _WIDE
    ),
    **dict.fromkeys(("Acos", "Acosh", "Asin", "Atanh", "Inv", "Log", "Log1p", "Reciprocal", "Rsqrt"), _WIDE),
    **dict.fromkeys(("Erf", "Erfc", "Elu", "Selu", "Softplus", "Softsign", "Ceil", "Floor"), FLOATS),
    **dict.fromkeys(("IsFinite", "IsInf", "IsNan"), FLOATS),
    **dict.fromkeys(("Abs",), (*FLOATS, *SIGNED)),
    **dict.fromkeys(("Neg", "Sign"), (*FLOATS, *SIGNED, *COMPLEX)),
    **dict.fromkeys(("Relu", "Relu6"), NUMBERS),
    "LeakyRelu": FLOATS,
    "Digamma": ("float32", "float64", "float16"),
    "Lgamma": ("float32", "float64", "float16"),
    "Rint": ("float32", "float64"),
    "Round": FLOATS,  # TensorFlow's kernel makes zeros of integers
    "Square": (*NUMBERS, *COMPLEX),
}
_EXACT = ("Abs", "Ceil", "Floor", "IsFinite", "IsInf", "IsNan", "Neg", "Rint", "Round")
_WRONG_IN_TENSORFLOW = {("Erf", "float64"), ("Erfc", "float64")}  # infinities give NaN
_BOUNDED = {"Acos": (-1, 1), "Asin": (-1, 1), "Atanh": (-0.99, 0.99), "Acosh": (1, 9), "Log": (0.01, 9)}
_BOUNDED |= {"Log1p": (-0.9, 9), "Rsqrt": (0.01, 9), "Sqrt": (0, 9), "Lgamma": (0.1, 9), "Digamma": (0.1, 9)}


def _cases(op: str, dtypes: tuple[str, ...]) -> Iterator[Case]:
    tolerance = EXACT if op in _EXACT else None
    low, high = _BOUNDED.get(op, (None, None))
    for dtype in dtypes:
        made = [case(op, sample(dtype, 2, 19, low=low, high=high))]
        if (dtype in FLOATS or dtype in INTEGERS) and (op, dtype) not in _WRONG_IN_TENSORFLOW:
            made.append(case(op, extremes(dtype)))
        for one in made:
            one = one if tolerance is None else one.within(tolerance)
            yield one if dtype in _MADE else one.folded()
    yield case(op, sample("float32", low=low, high=high))
    yield case(op, f32(3, 0, 2))
    yield case(op, sample("float32", 1, 1, 1, 1, 1, 1, low=low, high=high))


_EDGES = array(
    "float32", [0, 1, -1, 1.0000001, -1.0000001, 0.99999994, 1e-8, -1e-8, 1e-20, 1e30, -1e30, 20, -20, 88, -88, 89]
)
_HALVES = array("float32", [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8388609, 0.49999997, -0.49999997, 1e9, -1e9])

CASES = [
    *(one for op, dtypes in _DTYPES.items() for one in _cases(op, dtypes)),
    *(case(op, _EDGES) for op, dtypes in _DTYPES.items() if op not in ("Lgamma", "Digamma", "Sin", "Cos", "Tan")),
    *(
        case(op, array("float32", [0, 1e-8, -1e-8, 3.1415927, -3.1415927, 1e3, -12345.67]))
        for op in ("Sin", "Cos", "Tan")
    ),
    *(case(op, _HALVES).within(EXACT) for op in ("Ceil", "Floor", "Rint", "Round")),
    *(case(op, array("float32", [0.1, 1, 2, 3, 10, 33.3, 1e4])) for op in ("Lgamma", "Digamma")),
    *(case(op, array("float32", [-0.5, -1.5, -2.3])) for op in ("Lgamma", "Digamma")),
    *(
        case("LeakyRelu", sample(dtype, 4), alpha=alpha)
        for dtype in ("float32", "float64")
        for alpha in (0.0, 1.5, -0.5)
    ),
    *each(INTEGERS, ("int32", "uint8"), lambda dtype: case("Invert", extremes(dtype))),
    case("Invert", i32(0)),
    case("Invert", i32(3, 4)),
    case("LogicalNot", bools(3, 4)),
    case("LogicalNot", bools(0)),
    case("LogicalNot", scalar(True, "bool")),
    case("Erf", array("float32", np.linspace(-4, 4, 33))),
    case("Tanh", array("float32", np.linspace(-10, 10, 33))),
    case("Sigmoid", array("float32", np.linspace(-100, 100, 33))),
    case("Exp", array("float32", np.linspace(-104, 89, 33))),
]
