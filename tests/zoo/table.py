"""Which models the zoo has. A name is its builder's name in the file `family` of this folder. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

USUAL_TOLERANCE = 1e-5
DEEP_TOLERANCE = 1e-4
# EfficientNet-B0's answer to a black image by TensorFlow is 2.5e-4 away from the same graph in float64, edgeload's 1e-5
DEEP_SCALED_TOLERANCE = 1e-3
FLOAT64_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Model:
    """Where a model comes from and how closely its outputs must agree; `reason` says why if not as usual."""

    family: str
    tolerance: float = USUAL_TOLERANCE
    reason: str = ""
    scaled_tolerance: float = USUAL_TOLERANCE  # times the output's largest magnitude


# a few units of the last place of numbers with 11 or 8 bits, relatively and times the largest output
_ROUNDINGS = "TensorFlow rounds to the dtype within ops as well, edgeload behind each op"
_FLOAT16 = (1e-2, _ROUNDINGS, 1e-2)
_BFLOAT16 = (1e-1, _ROUNDINGS, 1e-1)
_DEPTH = "rounding of float32 sums in another order grows through the layers"

MODELS: dict[str, Model] = {
    "dense_mlp": Model("nets"),
    "keyword_spotting": Model("nets"),
    "autoencoder": Model("nets"),
    "residual_net": Model("nets"),
    "inverted_residual": Model("nets"),
    "text_encoder": Model("nets"),
    "signal_autoencoder": Model("nets"),
    "conv2d_variants": Model("convolutions"),
    "conv2d_grouped": Model("convolutions"),
    "depthwise_variants": Model("convolutions"),
    "separable_variants": Model("convolutions"),
    "conv2d_transpose_variants": Model("convolutions"),
    "conv1d_variants": Model("convolutions"),
    "conv_bn_fusable": Model("convolutions"),
    "pooling": Model("images"),
    "pooling_1d": Model("images"),
    "resizing": Model("images"),
    "padding_cropping": Model("images"),
    "rounded_sizes": Model("images"),
    "activations": Model("functions"),
    "activation_layers": Model("functions"),
    "sorting": Model("functions"),
    "reductions": Model("functions"),
    "unary_functions": Model("functions"),
    "normalisations": Model("normalisation"),
    "fused_batch_norm": Model("normalisation"),
    "merging": Model("structure"),
    "reshaping": Model("structure"),
    "embedding": Model("structure"),
    "attention": Model("structure"),
    "einsum": Model("structure"),
    "time_distributed": Model("structure"),
    "newton": Model("control_flow"),
    "data_dependent_shapes": Model("control_flow"),
    "branches": Model("control_flow"),
    "detector": Model("detection"),
    "sound_features": Model("sound"),
    "lstm_gru": Model("recurrent"),
    "recurrent_variants": Model("recurrent"),
    "recurrent_masked": Model("recurrent"),
    "convolutional_lstm": Model("recurrent"),
    "list_loops": Model("recurrent"),
    "tf1_loops": Model("recurrent"),
    "counter_variable": Model("state"),
    "string_table": Model("state"),
    "untouched_variable": Model("state"),
    "no_signature": Model("calls"),
    "two_signatures": Model("calls"),
    "structured_outputs": Model("calls"),
    "other_dtypes": Model("calls"),
    "tf1_regression": Model("tf1"),
    "tf1_convolution": Model("tf1"),
    "mixed_float16_vision": Model("precision", *_FLOAT16),
    "mixed_float16_text": Model("precision", *_FLOAT16),
    "bfloat16_vision": Model("precision", *_BFLOAT16),
    "bfloat16_text": Model("precision", *_BFLOAT16),
    "float64_vision": Model("precision", FLOAT64_TOLERANCE, scaled_tolerance=FLOAT64_TOLERANCE),
    "float64_text": Model("precision", FLOAT64_TOLERANCE, scaled_tolerance=FLOAT64_TOLERANCE),
    "stored_halves": Model("precision"),
    "mobilenet_v2": Model("applications", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
    "mobilenet_v3_small": Model("applications", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
    "efficientnet_b0": Model("applications", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
    "resnet50": Model("applications", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
    "densenet121": Model("applications", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
    "xception": Model("applications", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
}

# Exported by name only: scripts/bench.py measures them, the tests do not need them.
BENCHMARKS: dict[str, Model] = {
    "mobilenet_v3_small_224": Model("benchmarks", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
    "densenet121_224": Model("benchmarks", DEEP_TOLERANCE, _DEPTH, DEEP_SCALED_TOLERANCE),
}
