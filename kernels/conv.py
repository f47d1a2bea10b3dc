"""Convolutions over NHWC images as matrix products whose rows are gathered through offsets (implicit GEMM, no copy).

Conv2D: https://www.tensorflow.org/api_docs/python/tf/raw_ops/Conv2D (Conv1D is one with in_h = 1). The rows of the
product are output pixels, its inner dimension runs over kernel_h x kernel_w taps of in_c contiguous values each, its
columns are output channels. Keras's dense layers and matrix products with a constant right side use the same kernel,
as 1 x 1 convolutions.

Own op `_Conv2D`: inputs x, filter, bias[, residual]; attrs of Conv2D and `epilogue`, an expression over the sum a0 and
the residual a1. Summation order: bias first, then taps by rows, then channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeload.kernels import expressions
from edgeload.kernels.conv_direct import lower_direct
from edgeload.kernels.kernel import kernel, kernel_family
from edgeload.kernels.pieces import ELEMENTS, PRODUCTS, pieces
from edgeload.kernels.registry import Emit, Node, Operand, Spec, register, require
from edgeload.kernels.winograd import lower_winograd, tile_size
from edgeload.memory import aligned_zeros

FLOATS = ("float32", "float64")
_PANEL_BLOCK_NBYTES = 1 << 17  # packed columns that are kept in the second-level cache while all rows pass by
# Rows of the register tile for each number of vectors, the preferred one first, by float32 lanes of the target: 32
# vector registers with 16 (AVX-512) and 4 lanes (NEON), 16 with 8 lanes (AVX2)
TILES = {16: {4: 6, 2: 12, 1: 14}, 8: {2: 6, 3: 4, 1: 12}, 4: {2: 8, 3: 6, 1: 12}}
ROW_VECTORS = (4, 6, 8)  # of the tile for a single row; fewer would wait for each other's results
_MERGED_DEPTH = 64  # values of neighbouring pixels that are worth merging into one run


@dataclass(frozen=True)
class Window:
    """How a kernel window moves over one image: sizes, steps, and what is missing at the top and the left."""

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int
    out_h: int
    out_w: int


def output_size(
    node: Node, size: int, kernel: int, stride: int, dilation: int, padding: bytes, explicit: tuple[int, int]
) -> tuple[int, int]:
    """Output size along one dimension, and the padding before it (TensorFlow's SAME puts the odd one behind)."""
    extent = (kernel - 1) * dilation + 1
    if padding == b"SAME":
        out = -(-size // stride)
        return out, max((out - 1) * stride + extent - size, 0) // 2
    before, after = explicit if padding == b"EXPLICIT" else (0, 0)
    require(size + before + after >= extent, node, f"size {size} with a window of {extent}", "the window must fit")
    return (size + before + after - extent) // stride + 1, before


def window_of(node: Node, in_h: int, in_w: int, kernel_h: int, kernel_w: int) -> Window:
    """The window that a node's strides, dilations and padding describe."""
    attrs = node.attrs
    is_nchw = attrs.get("data_format", b"NHWC") == b"NCHW"
    spatial = slice(2, 4) if is_nchw else slice(1, 3)
    stride_h, stride_w = attrs["strides"][spatial]
    dilation_h, dilation_w = (attrs.get("dilations") or [1, 1, 1, 1])[spatial]
    padding = attrs["padding"]
    require(
        min(stride_h, stride_w, dilation_h, dilation_w) > 0,
        node,
        "a step below 1",
        "strides and dilations of at least 1",
    )
    require(padding in (b"SAME", b"VALID", b"EXPLICIT"), node, f"padding {padding!r}", "SAME, VALID or EXPLICIT")
    explicit = list(attrs.get("explicit_paddings") or [0] * 8)
    first = 4 if is_nchw else 2
    if padding == b"EXPLICIT":
        require(len(explicit) == 8 and min(explicit) >= 0, node, f"paddings {explicit}", "8 numbers of at least 0")
    out_h, pad_top = output_size(
        node, in_h, kernel_h, stride_h, dilation_h, padding, tuple(explicit[first : first + 2])
    )
    out_w, pad_left = output_size(
        node, in_w, kernel_w, stride_w, dilation_w, padding, tuple(explicit[first + 2 : first + 4])
    )
    return Window(kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, out_h, out_w)


def infer_conv2d(node: Node, x: Operand, filter: Operand, *others: Operand) -> Spec:
    """x [batch, in_h, in_w, in_c], filter [kernel_h, kernel_w, in_c / groups, out_c]: [batch, out_h, out_w, out_c]."""
    require(len(x.shape) == 4 and len(filter.shape) == 4, node, f"ranks {len(x.shape)}, {len(filter.shape)}", "4 and 4")
    require(x.dtype == filter.dtype, node, f"dtypes {x.dtype} and {filter.dtype}", "equal dtypes")
    is_nchw = node.attrs.get("data_format", b"NHWC") == b"NCHW"
    batch, in_h, in_w, in_c = (x.shape[axis] for axis in ((0, 2, 3, 1) if is_nchw else range(4)))
    kernel_h, kernel_w, filter_c, out_c = filter.shape
    fits = filter_c > 0 and in_c % filter_c == 0 and out_c % max(1, in_c // filter_c) == 0
    require(
        fits,
        node,
        f"{in_c} channels and a filter for {filter_c} -> {out_c}",
        "input channels must be a multiple of the filter's, and output channels of the groups",
    )
    window = window_of(node, in_h, in_w, kernel_h, kernel_w)
    if len(others) > 0:
        require(others[0].shape == (out_c,), node, f"bias {others[0].shape}", f"bias ({out_c},)")
    shape = (batch, out_c, window.out_h, window.out_w) if is_nchw else (batch, window.out_h, window.out_w, out_c)
    return Spec(x.dtype, shape)


def reference_conv2d(node: Node, x: np.ndarray, filter: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Sum over taps of strided slices of the padded image times the filter's matrix, in float64 for floats."""
    is_nchw = node.attrs.get("data_format", b"NHWC") == b"NCHW"
    image = x.transpose(0, 2, 3, 1) if is_nchw else x
    batch, in_h, in_w, in_c = image.shape
    kernel_h, kernel_w, filter_c, out_c = filter.shape
    window = window_of(node, in_h, in_w, kernel_h, kernel_w)
    groups = in_c // filter_c
    wide = x.dtype if x.dtype.kind in "iu" else np.float64
    span_h = (window.out_h - 1) * window.stride_h + (kernel_h - 1) * window.dilation_h + 1
    span_w = (window.out_w - 1) * window.stride_w + (kernel_w - 1) * window.dilation_w + 1
    padded = np.zeros((batch, max(span_h, in_h + window.pad_top), max(span_w, in_w + window.pad_left), in_c), wide)
    padded[:, window.pad_top : window.pad_top + in_h, window.pad_left : window.pad_left + in_w] = image
    total = np.zeros((batch, window.out_h, window.out_w, out_c), wide)
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            top, left = ky * window.dilation_h, kx * window.dilation_w
            rows = slice(top, top + (window.out_h - 1) * window.stride_h + 1, window.stride_h)
            columns = slice(left, left + (window.out_w - 1) * window.stride_w + 1, window.stride_w)
            piece = padded[:, rows, columns].reshape(batch, window.out_h, window.out_w, groups, filter_c)
            matrix = filter[ky, kx].astype(wide).reshape(filter_c, groups, out_c // groups)
            total += np.einsum("bhwgc,cgo->bhwgo", piece, matrix).reshape(total.shape)
    result = finish_reference(node, total, x.dtype, *others)
    return result.transpose(0, 3, 1, 2) if is_nchw else result


def finish_reference(node: Node, total: np.ndarray, dtype: np.dtype, *others: np.ndarray) -> np.ndarray:
    """Bias and epilogue of the own ops, in the precision of the sum."""
    if others:
        total = total + others[0]
        operands = [total, *(other.astype(total.dtype) for other in others[1:])]
        total = expressions.evaluate(node.attrs.get("epilogue", "a0"), operands)
    return total.astype(dtype)


@kernel_family("conv2d")
def conv2d(dtype: str, rows: str, vectors: str, epilogue: str) -> Iterator[Any]:
    """out[p, n] = epilogue(bias[n] + sum over taps and channels of x * w), for pixels p = (b, oy, ox).

    x [batch * in_h * in_w, in_c] and out [batch * out_h * out_w, out_c] are flat; every window lies inside its image; w
    is packed by `pack_filter`; `offsets` is scratch for one tile of each worker. `depth` values are contiguous from
    each tap's pixel on: a group's channels, or those of several neighbouring pixels. The first window begins at element
    x_start; pixel p of the output at out_start + p * out_step.
    """
    t = dtype
    sizes = (
        "in_h in_w in_c depth kernel_h kernel_w stride_h stride_w dilation_h dilation_w out_h out_w out_c pixels "
        "groups columns block_panels x_start out_start out_step"
    )
    numbers = ", ".join(f"int64 {name}" for name in sizes.split())
    yield (f"{t}[:] x, {t}[:] w, {t}[:] bias, {t}[:] residual, {numbers}, int64[:] offsets, {t}[:] out")
    from edgeload.kernels.tiles import product_tile

    tile_rows = int(rows)
    tile = product_tile(tile_rows, int(vectors), epilogue)
    # pixels are dealt out evenly: 49 of them are 4 strips of 6 and 5 of 5, and not 8 of 6 and one that is mostly empty
    less_rows = max(1, tile_rows - 1)
    less = product_tile(less_rows, int(vectors), epilogue)

    def run(  # type: ignore[no-untyped-def]
        x, w, bias, residual, in_h, in_w, in_c, depth, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w,
        out_h, out_w, out_c, pixels, groups, columns, block_panels, x_start, out_start, out_step, offsets, out,
        worker, workers
    ):  # fmt: skip
        # a division takes as long as a hundred multiply-adds: where its result is known, there is none
        group_in, group_out = (in_c, out_c) if groups == 1 else (in_c // groups, out_c // groups)
        inner = kernel_h * kernel_w * depth
        panels = (group_out + columns - 1) // columns
        blocks = 1 if panels <= block_panels else (panels + block_panels - 1) // block_panels
        strips = 1 if tile_rows == 1 else (pixels + tile_rows - 1) // tile_rows
        short = pixels // strips
        longer = pixels - short * strips  # this many strips have one pixel more
        row_step, column_step = dilation_h * in_w * in_c, dilation_w * in_c
        work = groups * blocks * strips
        at = worker * tile_rows
        begin, end = (0, work) if workers == 1 else (work * worker // workers, work * (worker + 1) // workers)
        for item in range(begin, end):
            strip = item % strips
            block = 0 if blocks == 1 else item // strips % blocks
            group = 0 if groups == 1 else item // strips // blocks
            first = strip * short + min(strip, longer)
            valid_rows = short + 1 if strip < longer else short
            row = first // out_w
            image, oy, ox = row // out_h, row % out_h, first - row * out_w
            for m in range(tile_rows):
                pixel = (image * in_h + oy * stride_h) * in_w + ox * stride_w
                offsets[at + m] = x_start + pixel * in_c + group * group_in
                if m + 1 < valid_rows:
                    ox += 1
                    if ox == out_w:
                        ox, oy = 0, oy + 1
                        if oy == out_h:
                            oy, image = 0, image + 1
            for panel in range(block * block_panels, min((block + 1) * block_panels, panels)):
                column = panel * columns
                w_at = (group * panels + panel) * inner * columns
                bias_at = (group * panels + panel) * columns
                out_at = out_start + first * out_step + group * group_out + column
                if valid_rows > less_rows:
                    tile(
                        x, offsets, at, kernel_h, kernel_w, row_step, column_step, depth, w, w_at, bias, bias_at,
                        residual, out, out_at, out_step, valid_rows, group_out - column,
                    )  # fmt: skip
                else:
                    less(
                        x, offsets, at, kernel_h, kernel_w, row_step, column_step, depth, w, w_at, bias, bias_at,
                        residual, out, out_at, out_step, valid_rows, group_out - column,
                    )  # fmt: skip

    yield run


def tile_shape(emit: Emit, rows: int, columns: int, dtype: np.dtype) -> tuple[int, int]:
    """Rows and vectors of the register tile for a product of `rows` x `columns`.

    The tile of TILES that spends the least: columns with those that it pads, times its loads for each multiply-add
    where they are more than one, since CPUs do as many of either at a time. A single row takes the narrowest tile with
    the fewest panels. All others have the same, whatever their number, so that batches of every size share kernels and
    packed weights.
    """
    lanes = emit.lanes * 4 // dtype.itemsize
    if rows == 1:
        needed = max(1, -(-columns // lanes))
        panels = -(-needed // ROW_VECTORS[-1])
        return 1, next(vectors for vectors in ROW_VECTORS if vectors * panels >= needed)

    def cost(vectors: int) -> float:
        tile_rows = TILES[emit.lanes][vectors]
        loads = (tile_rows + vectors) / (tile_rows * vectors)
        return (columns + -columns % (vectors * lanes)) * max(1.0, loads)

    vectors = min(TILES[emit.lanes], key=cost)  # of equals the first, which is the preferred one
    return TILES[emit.lanes][vectors], vectors


def pack_filter(filter: np.ndarray, groups: int, columns: int) -> np.ndarray:
    """[kernel_h, kernel_w, group_in, out_c] -> [groups, panels, kernel_h * kernel_w * group_in, columns], with zeros
    in the columns behind a group's last."""
    kernel_h, kernel_w, group_in, out_c = filter.shape
    group_out = out_c // groups
    panels = -(-group_out // columns)
    matrix = filter.reshape(kernel_h * kernel_w * group_in, groups, group_out)
    packed = aligned_zeros((groups, panels, matrix.shape[0], columns), filter.dtype)
    whole = group_out // columns
    split = matrix[:, :, : whole * columns].reshape(matrix.shape[0], groups, whole, columns)
    packed[:, :whole] = split.transpose(1, 2, 0, 3)
    if whole < panels:
        packed[:, whole, :, : group_out - whole * columns] = matrix[:, :, whole * columns :].transpose(1, 0, 2)
    return packed


def pack_bias(bias: np.ndarray, groups: int, columns: int) -> np.ndarray:
    """[out_c] as [groups, panels * columns], zero-padded."""
    group_out = bias.size // groups
    padded = np.zeros((groups, -(-group_out // columns) * columns), bias.dtype)
    padded[:, :group_out] = bias.reshape(groups, group_out)
    return padded


def neighbours(window: Window, out_c: int, lanes: int) -> int:
    """How many pixels next to each other, with their channels side by side, fill vectors of `lanes` the best: those for
    which the fewest multiply-adds are done for a pixel."""

    def cost(count: int) -> float:
        columns = count * out_c
        return (window.kernel_w + (count - 1) * window.stride_w) * (columns + -columns % lanes) / count

    if window.dilation_w != 1:
        return 1
    counts = [n for n in range(1, max(1, 2 * lanes // max(1, out_c)) + 1) if window.out_w % n == 0]
    return min(counts, key=cost, default=1)


def side_by_side(
    filter: Operand, bias: Operand | None, window: Window, count: int
) -> tuple[Operand, Operand | None, Window]:
    """The convolution whose pixels are `count` neighbouring pixels of another, channels one behind the other: the same
    elements in the same order.

    A pixel's channels are multiplied by zero where only its neighbours read, so that infinity there makes them NaN.
    """
    kernel_h, kernel_w, in_c, out_c = filter.shape
    value = np.asarray(filter.value)
    wide = np.zeros((kernel_h, kernel_w + (count - 1) * window.stride_w, in_c, count, out_c), value.dtype)
    for n in range(count):
        wide[:, n * window.stride_w : n * window.stride_w + kernel_w, :, n] = value
    matrix = wide.reshape(*wide.shape[:3], count * out_c)
    if bias is not None:
        tiled = np.tile(np.asarray(bias.value), count)
        bias = replace(bias, shape=tiled.shape, value=tiled, key=("side by side", bias.key, count))
    filter = replace(filter, shape=matrix.shape, value=matrix, key=("side by side", filter.key, count, window.stride_w))
    merged = replace(window, kernel_w=matrix.shape[1], stride_w=count * window.stride_w, out_w=window.out_w // count)
    return filter, bias, merged


def _packed_bias(bias: Operand | None, out_c: int, dtype: np.dtype, groups: int, columns: int, emit: Emit) -> Operand:
    return emit.constant(
        ("bias", bias.key if bias is not None else ("zeros", out_c, dtype.name), groups, columns),
        lambda: pack_bias(np.zeros(out_c, dtype) if bias is None else np.asarray(bias.value), groups, columns),
    )


def lower_product(
    x: Operand,
    filter: Operand,
    bias: Operand | None,
    residual: Operand | None,
    out: Operand,
    epilogue: str,
    image: tuple[int, int, int],
    window: Window,
    groups: int,
    emit: Emit,
    filter_4d: tuple[int, int, int, int],
    x_start: int = 0,
    out_start: int = 0,
    out_step: int = 0,
) -> Any:
    """Emit one `conv2d` call. `filter` and `bias` must be constants; `filter_4d` is the convolution's filter shape.

    With `out_step`, the convolution writes out_c of every out_step elements of `out`, from out_start on.
    """
    if x.dtype.name not in FLOATS or filter.value is None or (bias is not None and bias.value is None):
        return NotImplemented
    in_h, in_w, in_c = image
    out_c = filter_4d[3]
    if 0 in out.shape:
        return None
    out_step = out_step or out_c
    pixels = math.prod(out.shape) // out_step
    rows, vectors = tile_shape(emit, pixels, out_c // groups, x.dtype)
    columns = vectors * emit.lanes * 4 // x.dtype.itemsize
    filter_value, name = filter.value, x.dtype.name
    w = emit.constant(
        ("filter", filter.key, filter_4d, groups, columns),
        lambda: pack_filter(np.asarray(filter_value).reshape(filter_4d), groups, columns),
    )
    packed_bias = _packed_bias(bias, out_c, x.dtype, groups, columns, emit)
    inner = filter_4d[0] * filter_4d[1] * filter_4d[2]
    depth = filter_4d[2]
    x, in_h, in_w, window = padded_image(x, in_h, in_w, window, emit)
    if window.kernel_w > 1 and window.dilation_w == 1 and groups == 1 and depth * window.kernel_w <= _MERGED_DEPTH:
        depth *= window.kernel_w
        window = replace(window, kernel_w=1)
    panels = -(-(out_c // groups) // columns)
    block_panels = max(1, min(panels, _PANEL_BLOCK_NBYTES // max(1, inner * columns * x.dtype.itemsize)))
    work = groups * -(-panels // block_panels) * -(-pixels // rows)
    tiles = pieces(work, pixels * inner * out_c // groups, PRODUCTS)
    offsets = emit.scratch(np.dtype(np.int64), (tiles * rows,))
    if residual is not None:
        emit.may_share(out, residual)
    emit.kernel(
        f"conv2d<{name},{rows},{vectors},{epilogue}>",
        x, w, packed_bias, packed_bias if residual is None else residual, in_h, in_w, in_c, depth,
        window.kernel_h, window.kernel_w, window.stride_h, window.stride_w, window.dilation_h, window.dilation_w,
        window.out_h, window.out_w, out_c, pixels, groups, columns, block_panels, x_start,
        out_start, out_step, offsets, out, tiles=tiles,
    )  # fmt: skip
    return None


@kernel(
    "T[:] x, int64 in_h, int64 in_w, int64 in_c, int64 pad_top, int64 pad_left, int64 out_h, int64 out_w, T[:] out",
    T=FLOATS,
)
def pad_image(x, in_h, in_w, in_c, pad_top, pad_left, out_h, out_w, out, worker, workers):  # type: ignore[no-untyped-def]
    """out[b, y + pad_top, u + pad_left, c] = x[b, y, u, c], zeros around it; what is beyond out is left out."""
    rows = out.size // (out_w * in_c)
    before, run = pad_left * in_c, min(in_w, out_w - pad_left) * in_c
    # unsigned indices: a signed one might be negative and count from the end, which no loop over vectors can do
    for row in range(rows * worker // workers, rows * (worker + 1) // workers):
        at, y = row * out_w * in_c, row % out_h - pad_top
        if y < 0 or y >= in_h:
            for i in range(out_w * in_c):
                out[np.uint64(at + i)] = 0
            continue
        source = (row // out_h * in_h + y) * in_w * in_c
        for i in range(before):
            out[np.uint64(at + i)] = 0
        for i in range(run):
            out[np.uint64(at + before + i)] = x[np.uint64(source + i)]
        for i in range(before + run, out_w * in_c):
            out[np.uint64(at + i)] = 0


def padded_size(window: Window) -> tuple[int, int]:
    """Height and width of what all windows of an image cover."""
    return (
        (window.out_h - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1,
        (window.out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1,
    )


def padded_image(x: Operand, in_h: int, in_w: int, window: Window, emit: Emit) -> tuple[Operand, int, int, Window]:
    """The image with its padding around it, so that every window lies inside it."""
    out_h, out_w = padded_size(window)
    if window.pad_top == window.pad_left == 0 and out_h <= in_h and out_w <= in_w:
        return x, in_h, in_w, window
    batch, in_c = math.prod(x.shape) // (in_h * in_w * x.shape[-1]), x.shape[-1]
    image = emit.scratch(x.dtype, (batch, out_h, out_w, in_c))
    emit.kernel(
        f"pad_image<{x.dtype.name}>", x, in_h, in_w, in_c, window.pad_top, window.pad_left, out_h, out_w, image,
        tiles=pieces(batch * out_h, math.prod(image.shape), ELEMENTS),
    )  # fmt: skip
    return image, out_h, out_w, replace(window, pad_top=0, pad_left=0)


def lower_conv2d(node: Node, operands: Sequence[Operand], outputs: Sequence[Operand], emit: Emit) -> Any:
    if node.attrs.get("data_format", b"NHWC") != b"NHWC":
        return NotImplemented
    x, filter, *others = operands
    _, in_h, in_w, in_c = x.shape
    kernel_h, kernel_w, filter_c, _ = filter.shape
    window = window_of(node, in_h, in_w, kernel_h, kernel_w)
    if not others and (filter.value is None or x.dtype.name not in FLOATS):
        return lower_direct(x, filter, filter.shape, in_c // filter_c, window, outputs[0], emit)
    if _lower_by_tiles(node, operands, outputs[0], window, emit):
        return None
    bias, residual = (*others, None, None)[:2]
    if filter_c == in_c and filter.value is not None and (bias is None or bias.value is not None):
        count = neighbours(window, filter.shape[3], emit.lanes * 4 // x.dtype.itemsize)
        if count > 1:
            filter, bias, window = side_by_side(filter, bias, window, count)
    return lower_product(
        x,
        filter,
        bias,
        residual,
        outputs[0],
        node.attrs.get("epilogue", "a0"),
        (in_h, in_w, in_c),
        window,
        in_c // filter_c,
        emit,
        filter.shape,  # type: ignore[arg-type]
    )


def _lower_by_tiles(node: Node, operands: Sequence[Operand], out: Operand, window: Window, emit: Emit) -> bool:
    """Emit `winograd` kernels for a 3 x 3 window over float32 where they are faster; whether they are."""
    x, filter, bias, residual = (*operands, None, None)[:4]
    assert x is not None and filter is not None
    has_constants = filter.value is not None and (bias is None or bias.value is not None)
    is_plain = window == replace(
        window, kernel_h=3, kernel_w=3, stride_h=1, stride_w=1, dilation_h=1, dilation_w=1
    ) and filter.shape[2] == x.shape[3]  # fmt: skip
    if not has_constants or not is_plain or x.dtype.name != "float32" or 0 in out.shape:
        return False
    out_c = out.shape[3]
    tile = tile_shape(emit, math.prod(out.shape[:3]), out_c, x.dtype)
    columns = tile[1] * emit.lanes
    size = tile_size(out.shape, x.shape[3], emit.lanes, tile[0], columns, x.dtype.itemsize)
    if size is None:
        return False
    epilogue = node.attrs.get("epilogue", "a0")
    packed_bias = _packed_bias(bias, out_c, x.dtype, 1, columns, emit)
    lower_winograd(x, filter, packed_bias, residual, out, epilogue, window, size, tile, emit)
    return True


register("Conv2D", infer=infer_conv2d, reference=reference_conv2d, lower=lower_conv2d)
register("_Conv2D", infer=infer_conv2d, reference=reference_conv2d, lower=lower_conv2d)
