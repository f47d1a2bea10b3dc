"""The kernels of the stateless random ops against their NumPy form."""

from __future__ import annotations

import numpy as np
import pytest

from edgeload.dtypes import from_numpy_name
from tests.kernels.harness import check, run

KEY, COUNTER = np.array([0x123456789ABCDEF0], np.uint64), np.array([2**64 - 3, 77], np.uint64)
PHILOX = np.array(1, np.int32)
SHAPES = [(0,), (1,), (7,), (33, 5), (4, 5000)]


@pytest.mark.parametrize("op", ["StatelessRandomUniformV2", "StatelessRandomNormalV2", "StatelessTruncatedNormalV2"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_floats_are_those_of_the_reference(op: str, dtype: str) -> None:
    tolerance = {"float16": 1e-3, "bfloat16": 1e-2}.get(dtype, 1e-6)
    for shape in SHAPES:
        attrs = {"dtype": from_numpy_name(dtype)}
        check(op, attrs, np.array(shape, np.int32), KEY, COUNTER, PHILOX, constants=(0,), rtol=tolerance)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_integers_are_those_of_the_reference(dtype: str) -> None:
    attrs = {"dtype": np.dtype(dtype)}
    for shape in SHAPES:
        arguments = (np.array(shape, np.int32), KEY, COUNTER, PHILOX)
        check("StatelessRandomUniformFullIntV2", attrs, *arguments, constants=(0,))
        if dtype.startswith("int"):
            for low, high in ((-3, 9), (np.iinfo(dtype).min, np.iinfo(dtype).max)):
                ends = np.array(low, dtype), np.array(high, dtype)
                check("StatelessRandomUniformIntV2", attrs, *arguments, *ends, constants=(0,))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_seeds_lead_to_the_streams_of_the_reference(dtype: type) -> None:
    seed, attrs = np.array([-5, 7], dtype), {"dtype": np.dtype(np.float32)}
    check("StatelessRandomGetKeyCounter", {}, seed)
    check("StatelessRandomNormal", attrs, np.array([9], np.int32), seed, constants=(0,))


def test_kernels_refuse_other_algorithms_and_empty_intervals() -> None:
    shape, attrs = np.array([3], np.int32), {"dtype": np.dtype(np.int32)}
    with pytest.raises(ValueError, match="philox"):
        run("StatelessRandomUniformFullIntV2", attrs, shape, KEY, COUNTER, np.array(2, np.int32), constants=(0,))
    ends = np.array(4, np.int32), np.array(4, np.int32)
    with pytest.raises(ValueError, match="minval"):
        run("StatelessRandomUniformIntV2", attrs, shape, KEY, COUNTER, PHILOX, *ends, constants=(0,))
