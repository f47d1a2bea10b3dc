"""The program of a measured process: one contender, one model. Its text is run with `python -c`, so it imports what the
contender needs and nothing else.

Arguments: contender, model, signature key, threads, seconds of calls, whether AVX-512 is to be left alone ("avx2" or
""), folder of the inputs, folder for the outputs, names of the inputs. Prints "first result" after the first call, and
at the end one line of JSON; times are in seconds, memory in bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

times = [perf_counter()]

import numpy as np  # noqa: E402  (part of what a contender imports, and timed)

Arrays = dict[str, np.ndarray]
Call = Callable[[Arrays], dict[str, Any]]


def imported() -> None:
    """A contender calls it between importing and loading."""
    times.append(perf_counter())


def edgeload(model: str, key: str, threads: int, only_avx2: bool) -> tuple[Call, Any]:
    """What a user of edgeload writes; also for artefacts that were built ahead of time."""
    import edgeload

    if only_avx2:
        from edgeload.runtime import target

        flags = frozenset(flag for flag in target.cpu_flags() if not flag.startswith("avx512"))
        target.cpu_flags = lambda: flags  # type: ignore[assignment]
    edgeload.set_num_threads(threads)
    imported()
    signature = edgeload.load(model).signatures[key]
    return lambda inputs: signature(**inputs), signature


def litert(model: str, key: str, threads: int, only_avx2: bool) -> tuple[Call, Any]:
    """LiteRT with XNNPACK, called the shortest way; a signature runner would prepare all tensors anew in each call."""
    from ai_edge_litert.interpreter import Interpreter

    imported()
    interpreter = Interpreter(model_path=model, num_threads=threads)
    interpreter.allocate_tensors()
    signature = interpreter.get_signature_runner(key)
    indices = {name: tensor["index"] for name, tensor in signature.get_input_details().items()}
    output_indices = {name: tensor["index"] for name, tensor in signature.get_output_details().items()}

    def call(inputs: Arrays) -> Arrays:
        for name, index in indices.items():
            interpreter.set_tensor(index, inputs[name])
        interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in output_indices.items()}  # get_tensor copies

    return call, interpreter


def onnxruntime(model: str, key: str, threads: int, only_avx2: bool) -> tuple[Call, Any]:
    """ONNX Runtime on the CPU with all its graph optimisations, which are the default."""
    import onnxruntime

    imported()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True)), session


def openvino(model: str, key: str, threads: int, only_avx2: bool) -> tuple[Call, Any]:
    """OpenVINO, tuned for latency, in float32; it reads the inputs where they are, and copies the outputs."""
    import openvino

    imported()
    properties = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = openvino.Core().compile_model(model, "CPU", properties)
    names = [output.get_any_name() for output in compiled.outputs]
    request = compiled.create_infer_request()

    def call(inputs: Arrays) -> Arrays:
        results = request.infer(inputs, share_inputs=True, share_outputs=False)
        return {name: results[index] for index, name in enumerate(names)}

    return call, compiled


def tensorflow(model: str, key: str, threads: int, only_avx2: bool) -> tuple[Call, Any]:
    """What a user of TensorFlow writes."""
    import tensorflow as tf

    imported()
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    root = tf.saved_model.load(model)
    signature = root.signatures[key]

    def call(inputs: Arrays) -> Arrays:
        outputs = signature(**{name: tf.constant(array) for name, array in inputs.items()})
        return {name: output.numpy() for name, output in outputs.items()}  # numpy() copies

    return call, root


def main(
    contender: str, model: str, key: str, threads: str, seconds: str, masked: str, read: str, write: str, *names: str
) -> None:
    prepare = {
        "edgeload": edgeload,
        "built": edgeload,
        "litert": litert,
        "onnxruntime": onnxruntime,
        "openvino": openvino,
        "tensorflow": tensorflow,
    }[contender]
    call, owner = prepare(model, key, int(threads), masked == "avx2")
    times.append(perf_counter())
    inputs = {name: np.load(f"{read}/input-{index}.npy") for index, name in enumerate(names)}
    times.append(perf_counter())
    outputs = call(inputs)
    times.append(perf_counter())
    print("first result", flush=True)

    def timed_calls(seconds: float) -> list[float]:
        elapsed: list[float] = []
        end = perf_counter() + seconds
        while not elapsed or perf_counter() < end:
            start = perf_counter()
            call(inputs)
            elapsed.append(perf_counter() - start)
        return elapsed

    timed_calls(float(seconds) / 4)  # to warm up
    elapsed = timed_calls(float(seconds))
    with open("/proc/self/status") as status:
        peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

    import json
    from importlib import metadata

    for index, name in enumerate(sorted(outputs)):
        array = np.asarray(outputs[name])
        np.save(f"{write}/output-{index}.npy", array.astype("S") if array.dtype.hasobject else array)
    module = {"built": "edgeload", "litert": "ai_edge_litert"}.get(contender, contender)
    imports, loads, reads, first_call = np.diff(times).tolist()
    result = {
        "import": imports,
        "load": loads,
        "first call": first_call,
        "call": float(np.median(elapsed)),
        "undisturbed call": float(np.percentile(elapsed, 10)),
        "calls": len(elapsed),
        "peak memory": peak_kib * 1024,
        "outputs": sorted(outputs),
        "version": (getattr(sys.modules[module], "__version__", None) or metadata.version(module)).partition("-")[0],
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }
    if module == "edgeload":
        result["arena"] = owner.plan.arena_nbytes
    print(json.dumps(result))


main(*sys.argv[1:])
