"""Loops and conditions as TF1 wrote them: each case for several numbers of turns and both predicates."""

from __future__ import annotations

from typing import Any

from tests.contract.harness import answered


def calls(tf: Any, model: Any, case: str) -> list[Any]:
    """The outputs of one signature, in four calls one after the other."""
    f, outputs = model.signatures[case], []
    for n, b in ((3, True), (0, False), (1, True), (5, False)):
        results = f(x=tf.constant([1.5, -2.0]), n=tf.constant(n), b=tf.constant(b))
        outputs.append([results[key] for key in sorted(results)])
    return outputs


@answered("tf1_control.cond", rtol=1e-5)
def test_a_condition_gives_what_the_taken_side_gives(tf: Any, model: Any) -> Any:
    return calls(tf, model, "cond")


@answered("tf1_control.nested_conds", rtol=1e-5)
def test_conditions_on_both_sides_of_a_condition(tf: Any, model: Any) -> Any:
    return calls(tf, model, "nested_conds")


@answered("tf1_control.case", rtol=1e-5)
def test_the_first_true_case_counts(tf: Any, model: Any) -> Any:
    return calls(tf, model, "case")


@answered("tf1_control.loop", rtol=1e-5)
def test_a_loop_hands_several_values_from_turn_to_turn(tf: Any, model: Any) -> Any:
    return calls(tf, model, "loop")


@answered("tf1_control.swapping_loop", rtol=1e-5)
def test_a_loop_that_swaps_its_values(tf: Any, model: Any) -> Any:
    return calls(tf, model, "swapping_loop")


@answered("tf1_control.invariant_loop", rtol=1e-5)
def test_a_loop_hands_on_a_value_that_it_does_not_change(tf: Any, model: Any) -> Any:
    return calls(tf, model, "invariant_loop")


@answered("tf1_control.nested_loops", rtol=1e-5)
def test_a_loop_in_a_loop_takes_values_of_the_outer_one(tf: Any, model: Any) -> Any:
    return calls(tf, model, "nested_loops")


@answered("tf1_control.cond_in_loop", rtol=1e-5)
def test_nested_conditions_in_a_loop(tf: Any, model: Any) -> Any:
    return calls(tf, model, "cond_in_loop")


@answered("tf1_control.loop_in_cond", rtol=1e-5)
def test_a_loop_on_one_side_of_a_condition(tf: Any, model: Any) -> Any:
    return calls(tf, model, "loop_in_cond")


@answered("tf1_control.loop_over_a_side", rtol=1e-5)
def test_a_loop_over_the_result_of_a_condition(tf: Any, model: Any) -> Any:
    return calls(tf, model, "loop_over_a_side")


@answered("tf1_control.same_predicate_twice", rtol=1e-5)
def test_a_condition_over_the_result_of_another_with_the_same_predicate(tf: Any, model: Any) -> Any:
    return calls(tf, model, "same_predicate_twice")


@answered("tf1_control.which_side", rtol=1e-5)
def test_a_merge_of_a_taken_and_a_dead_tensor_tells_which_was_taken(tf: Any, model: Any) -> Any:
    return calls(tf, model, "which_side")


@answered("tf1_control.array", rtol=1e-5)
def test_a_tensor_array_has_the_size_of_the_call(tf: Any, model: Any) -> Any:
    return calls(tf, model, "array")


@answered("tf1_control.growing_array", rtol=1e-5)
def test_a_tensor_array_grows_as_it_is_written(tf: Any, model: Any) -> Any:
    return calls(tf, model, "growing_array")


@answered("tf1_control.unstacked_array", rtol=1e-5)
def test_a_loop_reads_a_tensor_array_from_outside(tf: Any, model: Any) -> Any:
    return calls(tf, model, "unstacked_array")


@answered("tf1_control.split_and_joined_array", rtol=1e-5)
def test_a_tensor_array_of_elements_of_different_lengths(tf: Any, model: Any) -> Any:
    return calls(tf, model, "split_and_joined_array")


@answered("tf1_control.array_in_cond", rtol=1e-5)
def test_both_sides_of_a_condition_read_a_tensor_array(tf: Any, model: Any) -> Any:
    return calls(tf, model, "array_in_cond")


@answered("tf1_control.map_and_scan", rtol=1e-5)
def test_map_scan_and_fold_over_rows(tf: Any, model: Any) -> Any:
    return calls(tf, model, "map_and_scan")


@answered("tf1_control.assigned_in_branches", rtol=1e-5)
def test_assignments_on_both_sides_keep_their_order(tf: Any, model: Any) -> Any:
    return calls(tf, model, "assigned_in_branches")


@answered("tf1_control.assigned_in_loop", rtol=1e-5)
def test_a_loop_adds_to_a_variable_turn_by_turn(tf: Any, model: Any) -> Any:
    return calls(tf, model, "assigned_in_loop")


@answered("tf1_control.assigned_on_one_side", rtol=1e-5)
def test_an_assignment_that_only_a_control_edge_leads_to(tf: Any, model: Any) -> Any:
    return calls(tf, model, "assigned_on_one_side")


@answered("tf1_control.effects_between", rtol=1e-5)
def test_an_assignment_between_two_conditions_on_one_predicate_stays_there(tf: Any, model: Any) -> Any:
    return calls(tf, model, "effects_between")


@answered("tf1_control.nested_loops")
def test_the_outputs_of_a_loop_can_be_fetched_one_by_one(tf: Any, model: Any) -> Any:
    """The Exits of the outer loop."""
    graph = model.graph
    names = sorted(op.name for op in graph.get_operations() if op.type == "Exit" and op.name.count("while") == 1)
    feeds = [f"{op.name}:0" for op in graph.get_operations() if op.type == "Placeholder"]
    arguments = tf.constant([1.0, 2.0]), tf.constant(2), tf.constant(True)
    return [model.prune(feeds, f"{name}:0")(*arguments) for name in names]


@answered("tf1_control.random_0_to_3", rtol=1e-4)
def test_random_control_flow_with_seeds_0_to_3(tf: Any, model: Any) -> Any:
    return [calls(tf, model, f"seed{seed}") for seed in range(4)]


@answered("tf1_control.random_4_to_7", rtol=1e-4)
def test_random_control_flow_with_seeds_4_to_7(tf: Any, model: Any) -> Any:
    return [calls(tf, model, f"seed{seed}") for seed in range(4, 8)]


@answered("tf1_control.random_8_to_11", rtol=1e-4)
def test_random_control_flow_with_seeds_8_to_11(tf: Any, model: Any) -> Any:
    return [calls(tf, model, f"seed{seed}") for seed in range(8, 12)]


@answered("tf1_control.random_12_to_15", rtol=1e-4)
def test_random_control_flow_with_seeds_12_to_15(tf: Any, model: Any) -> Any:
    return [calls(tf, model, f"seed{seed}") for seed in range(12, 16)]
