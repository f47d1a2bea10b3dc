"""Structured values: every kind decodes, nests flatten in TensorFlow's order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

from edgeload import dtypes
from edgeload.errors import CorruptModelError
from edgeload.objects.decoding import decode
from edgeload.objects.specs import BoundedTensorSpec, CompositeSpec, TensorSpec
from edgeload.objects.structured import flat_specs, leaves, pack
from edgeload.savedmodel import protos


def decoded(text: str) -> Any:
    return decode(text_format.Parse(text, protos.StructuredValue(), descriptor_pool=protos.POOL))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("none_value { }", None),
        ("float64_value: 1.5", 1.5),
        ("int64_value: -3", -3),
        ("string_value: 'a'", "a"),
        ("bool_value: true", True),
        ("tensor_shape_value { dim { size: -1 } dim { size: 2 } }", (None, 2)),
        ("tensor_dtype_value: DT_STRING", dtypes.STRING),
        ("tensor_spec_value { name: 'x' dtype: DT_INT32 shape { } }", TensorSpec((), np.int32, "x")),
        ("list_value { values { int64_value: 1 } }", [1]),
        ("tuple_value { values { int64_value: 1 } }", (1,)),
        (
            "dict_value { fields { key: 'b' value { int64_value: 1 } } fields { key: 'a' value { int64_value: 2 } } }",
            {"a": 2, "b": 1},
        ),
    ],
)
def test_each_kind_decodes(text: str, value: Any) -> None:
    assert decoded(text) == value and type(decoded(text)) is type(value)


def test_namedtuples_keep_name_and_field_order() -> None:
    pair = decoded(
        """named_tuple_value { name: 'P'
        values { key: 'z' value { int64_value: 1 } } values { key: 'a' value { int64_value: 2 } } }"""
    )
    assert type(pair).__name__ == "P" and pair._fields == ("z", "a") and pair.z == 1


def test_bounded_specs_keep_their_bounds() -> None:
    spec = decoded(
        """bounded_tensor_spec_value { dtype: DT_FLOAT shape { }
        minimum { dtype: DT_FLOAT float_val: -1 } maximum { dtype: DT_FLOAT float_val: 1 } }"""
    )
    assert isinstance(spec, BoundedTensorSpec) and float(spec.maximum) == 1 and spec.accepts(np.dtype(np.float32), ())


def test_tensor_values_are_arrays() -> None:
    assert decoded("tensor_value { dtype: DT_INT32 tensor_shape { dim { size: 2 } } int_val: 4 }").tolist() == [4, 4]


def test_an_unknown_type_still_has_its_number_of_tensors() -> None:
    spec = decoded(
        """type_spec_value { type_spec_class: REGISTERED_TYPE_SPEC
        type_spec_class_name: 'my.Spec' num_flat_components: 3 }"""
    )
    assert isinstance(spec, CompositeSpec) and len(flat_specs((spec, TensorSpec(())))) == 4


def test_a_ragged_spec_is_flat_values_and_row_splits() -> None:
    spec = decoded("""type_spec_value { type_spec_class: RAGGED_TENSOR_SPEC type_state { tuple_value {
        values { tensor_shape_value { dim { size: -1 } dim { size: -1 } dim { size: 5 } } }
        values { tensor_dtype_value: DT_FLOAT }
        values { int64_value: 1 } values { tensor_dtype_value: DT_INT64 } } } }""")
    assert [str(part) for part in spec.components] == ["float32[None, 5]", "int64[None]"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "list_value { values { } }",
        "tensor_spec_value { shape { } }",
        "type_spec_value { num_flat_components: 100000000 }",
        "type_spec_value { num_flat_components: -1 }",
        """type_spec_value { type_spec_class: SPARSE_TENSOR_SPEC type_state { tuple_value {
        values { int64_value: 1 } values { string_value: 'a' } } } }""",
    ],
)
def test_broken_values_raise_corrupt_model_error(text: str) -> None:
    with pytest.raises(CorruptModelError):
        decoded(text)


def test_leaves_come_by_sorted_key_and_pack_is_the_inverse() -> None:
    structure = {"b": [TensorSpec(()), None], "a": (TensorSpec(()), TensorSpec(()))}
    assert len(list(leaves(structure))) == 4
    assert pack(structure, iter([1, 2, 3])) == {"a": (1, 2), "b": [3, None]}
