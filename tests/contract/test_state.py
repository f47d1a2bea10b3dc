"""Variables: what Python and functions read and write, and who sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.harness import answered, refused, result_or_refusal

ONES = np.ones(2, np.float32)


@answered("state.variables")
def test_a_variable_is_read_as_numpy_and_as_tensor(tf: Any, model: Any) -> Any:
    v = model.v
    return v.numpy(), v.read_value(), v.value(), np.asarray(v), type(v.numpy()).__name__, type(model.i.numpy()).__name__


@answered("state.variables")
def test_assign_add_and_sub_change_the_value(tf: Any, model: Any) -> Any:
    model.v.assign([5.0, 6.0])
    first = model.v.numpy()
    model.v.assign_add([1.0, 1.0])
    second = model.v.numpy()
    model.v.assign_sub(tf.constant([2.0, 0.0]))
    return first, second, model.v.numpy()


@answered("state.variables")
def test_assigning_returns_something_with_the_new_value(tf: Any, model: Any) -> Any:
    return model.v.assign([5.0, 6.0]).numpy(), model.i.assign_add(2).numpy(), model.i.assign_sub(1).numpy()


@answered("state.variables")
def test_a_value_that_was_read_does_not_change_later(tf: Any, model: Any) -> Any:
    array, tensor = model.v.numpy(), model.v.read_value()
    model.v.assign([9.0, 9.0])
    return array, tensor


@answered("state.variables")
def test_assigning_a_wrong_shape_is_a_value_error(tf: Any, model: Any) -> Any:
    return (
        refused(lambda: model.v.assign([1.0, 2.0, 3.0]), "shape", "(2,)", "(3,)"),
        refused(lambda: model.v.assign(1.0), "shape"),
        refused(lambda: model.v.assign([[1.0, 2.0]]), "shape"),
    )


@answered("state.variables")
def test_assigning_a_wrong_kind_is_refused(tf: Any, model: Any) -> Any:
    return refused(lambda: model.v.assign(["a", "b"])), refused(lambda: model.i.assign(1.5)), model.v, model.i


@answered("state.variables")
def test_assigned_values_are_cast_as_tensorflow_does(tf: Any, model: Any) -> Any:
    model.v.assign(np.array([1.5, 2.5]))
    model.i.assign(np.int64(7))
    model.half.assign([3])
    model.flag.assign(False)
    model.text.assign(["x", b"y"])
    return model.v, model.i, model.half, model.flag, model.text


@answered("state.variables")
def test_python_sees_what_functions_assign(tf: Any, model: Any) -> Any:
    returned = model.add(ONES)
    return returned, model.v.numpy(), model.add(ONES), model.v.numpy()


@answered("state.variables")
def test_functions_see_what_python_assigns(tf: Any, model: Any) -> Any:
    before = model.scale(ONES)
    model.v.assign([3.0, 4.0])
    return before, model.scale(ONES), model.signatures["scale"](tf.constant(ONES))


@answered("state.variables")
def test_functions_and_signatures_share_their_variables(tf: Any, model: Any) -> Any:
    model.signatures["add"](tf.constant(ONES))
    model.add(ONES)
    return model.scale(ONES), model.signatures["scale"](tf.constant(ONES)), model.v


@answered("state.variables")
def test_a_function_for_its_effect_alone_returns_none(tf: Any, model: Any) -> Any:
    returned = model.store([7.0, 8.0])
    return returned, model.v, model.scale(ONES)


@answered("state.variables")
def test_a_signature_for_its_effect_alone_returns_an_empty_dict(tf: Any, model: Any) -> Any:
    returned = model.signatures["store"](tf.constant([7.0, 8.0]))
    return returned, model.v


@answered("state.variables")
def test_a_variable_of_unknown_length_grows_from_python(tf: Any, model: Any) -> Any:
    before = model.total()
    model.growing.assign([1.0, 2.0, 3.0, 4.0])
    middle = model.total()
    model.growing.assign([])
    return before, middle, model.total(), model.growing.shape, refused(lambda: model.growing.assign([[1.0]]))


@answered("state.variables")
def test_a_variable_of_unknown_length_grows_by_a_function(tf: Any, model: Any) -> Any:
    return model.push(5.0), model.push(6.0), model.total(), model.growing.numpy()


@answered("state.variables")
def test_string_variables_are_read_and_assigned(tf: Any, model: Any) -> Any:
    before = model.read_text()
    model.text.assign(["q", "r"])
    return before, model.read_text(), model.text.numpy()


@answered("state.variables")
def test_rows_of_a_variable_are_updated_in_place(tf: Any, model: Any) -> Any:
    return model.scatter(1, [9.0, 8.0]), model.scatter(0, [7.0, 6.0]), model.table


@answered("state.variables")
def test_assignments_in_branches_happen_once(tf: Any, model: Any) -> Any:
    return model.maybe(True), model.maybe(False), model.maybe(True), model.i


@answered("state.variables")
def test_assignments_in_loops_happen_every_time(tf: Any, model: Any) -> Any:
    return model.loop(3), model.loop(0), model.i


@answered("state.variables")
def test_reads_and_writes_keep_their_order(tf: Any, model: Any) -> Any:
    return model.order(), model.order(), model.i


@answered("state.variables")
def test_variables_take_part_in_arithmetic(tf: Any, model: Any) -> Any:
    v = model.v
    return v + 1.0, 2.0 * v, v - [1.0, 1.0], -v, v / 2.0, v**2, abs(v), v[1], v[:1]


@answered("state.variables")
def test_scalar_variables_become_python_numbers(tf: Any, model: Any) -> Any:
    return int(model.i), float(model.i), bool(model.flag), int(model.i.numpy())


@answered("state.variables")
def test_variables_compare_by_their_values(tf: Any, model: Any) -> Any:
    return model.v > 1.5, model.i < 6, model.v >= model.v


@answered("state.variables")
def test_variables_have_a_device_free_description(tf: Any, model: Any) -> Any:
    return model.v.shape, model.v.dtype, model.v.name, model.v.trainable, len(model.v.shape), model.table.shape[1]


@answered("state.variables")
def test_rows_are_scattered_from_python(tf: Any, model: Any) -> Any:
    return [
        result_or_refusal(call)
        for call in (
            lambda: model.table.scatter_nd_update([[0]], [[5.0, 5.0]]).numpy(),
            lambda: model.table.scatter_nd_add([[1]], [[1.0, 1.0]]).numpy(),
            lambda: model.table.scatter_nd_sub([[1]], [[1.0, 1.0]]).numpy(),
        )
    ]


@answered("state.folded")
def test_packed_weights_follow_an_assignment(tf: Any, model: Any) -> Any:
    x = np.array([[1.0, -1.0, 2.0]], np.float32)
    before = model.dense(x)
    model.w.assign(np.full([3, 4], 0.5, np.float32))
    middle = model.dense(x)
    model.b.assign_sub([1.0, 2.0, 3.0, 4.0])
    return (
        before,
        middle,
        model.dense(x),
        model.signatures["serving_default"](tf.constant(x)),
        model.dense(np.tile(x, (3, 1))),
    )


@answered("state.folded", rtol=1e-5)
def test_folded_normalisations_follow_an_assignment(tf: Any, model: Any) -> Any:
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1) / 8
    results = [model.conv(x)]
    for variable, value in ((model.gamma, [3.0, 1.0]), (model.variance, [0.25, 4.0]), (model.mean, [1.0, -1.0])):
        variable.assign(value)
        results.append(model.conv(x))
    model.kernel.assign_add(np.ones([3, 3, 1, 2], np.float32))
    return [*results, model.conv(x)]


@answered("state.folded")
def test_assigning_what_a_function_does_not_read_leaves_it_as_it_is(tf: Any, model: Any) -> Any:
    x = np.array([[1.0, -1.0, 2.0]], np.float32)
    before = model.dense(x)
    model.unused.assign(3.0)
    return before, model.dense(x)
