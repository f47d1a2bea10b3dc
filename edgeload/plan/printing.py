"""Plans as text: the steps as a table, the arena as a picture."""

from __future__ import annotations

from edgeload import dtypes
from edgeload.plan.plan import BranchStep, HostStep, KernelStep, LoopStep, Place, Plan, Scalar, Step

_PICTURE_COLUMNS = 72
_PICTURE_ROWS = 24
_BANDS_SHOWN = 2  # of a chain: the first one, which begins at the image's edge, and the next
_WIDEST_COLUMN = 100  # characters; longer entries push their line to the right


def render(plan: Plan) -> str:
    """The plan as a person reads it."""
    header = (
        f"plan of {plan.name}: {len(plan.steps)} steps, arena {_bytes(plan.arena_nbytes)} "
        f"(lower bound {_bytes(plan.bound_nbytes)})"
    )
    legend = "values: arena offset (c: constant, v: variable, o: object) : dtype[shape]; x: tiles"
    lines = [
        header,
        legend,
        "  in   " + ", ".join("unused" if place is None else _place(place) for place in plan.inputs),
    ]
    lines += [f"  note {note}" for note in plan.notes]
    lines += _rows(plan.steps, "")
    lines.append(
        "  out  " + ", ".join(map(_place, plan.outputs)) + ("  (the next stage's inputs)" if plan.rest else "")
    )
    return "\n".join([*lines, "", *_picture(plan)])


def _rows(steps: tuple[Step, ...], indent: str) -> list[str]:
    """One line a step: number, kernel, what it reads and writes, the node that it computes. Of a chain's bands, the
    first ones."""
    columns = [_columns(step) for step in steps]
    widths = [min(_WIDEST_COLUMN, max((len(row[index]) for row in columns), default=0)) for index in range(2)]
    lines = []
    for number, (step, (name, values)) in enumerate(zip(steps, columns, strict=True)):
        band = step.band if isinstance(step, KernelStep) else None
        if band is not None and band >= _BANDS_SHOWN:
            following = steps[number + 1] if number + 1 < len(steps) else None
            if not (isinstance(following, KernelStep) and (following.band or 0) >= band):
                lines.append(f"{indent}      ... likewise up to band {band}, which ends with step {number}")
            continue
        node = step.node if band is None else f"{step.node}, band {band}"
        lines.append(f"{indent}{number:4d}  {name:<{widths[0]}}  {values:<{widths[1]}}  {node}")
        if isinstance(step, LoopStep):
            lines += [f"{indent}      while {_place(step.flag)}:", *_rows(step.condition, indent + "      ")]
            lines += [f"{indent}      do:", *_rows(step.body, indent + "      ")]
        elif isinstance(step, BranchStep):
            for index, branch in enumerate(step.branches):
                lines += [f"{indent}      branch {index}:", *_rows(branch, indent + "      ")]
    return lines


def _columns(step: Step) -> tuple[str, str]:
    """A step's name, and its arrays. The scalars of kernels, which are sizes and steps, are left out."""
    if isinstance(step, KernelStep):
        places = [part[0] for part in step.arguments if not isinstance(part, Scalar)]
        tiles = f" x{step.tiles}" if step.tiles > 1 else ""
        return step.kernel + tiles, f"{', '.join(map(_place, places[:-1]))} -> {_place(places[-1])}"
    if isinstance(step, LoopStep):
        return "native loop", ""
    if isinstance(step, BranchStep):
        return "native branch", f"on {_place(step.selector)}"
    kind = "host" if isinstance(step, HostStep) else "control"
    outputs = ", ".join(map(_place, step.outputs)) or "nothing"
    return f"{kind} {step.op}", f"{', '.join(map(_place, step.inputs))} -> {outputs}"


def _place(place: Place) -> str:
    where = {"arena": "", "constant": "c", "variable": "v", "object": "o"}[place.space]
    dims = "?" if place.shape is None else "x".join(map(str, place.shape))
    return f"{where}{place.at}:{dtypes.name_of(place.dtype)}[{dims}]"


def _picture(plan: Plan) -> list[str]:
    """Steps from left to right, arena offsets downwards; each letter is a buffer, from its first step to its last."""
    if not plan.occupants:
        return []
    steps = max(len(plan.steps), 1)
    rows = min(_PICTURE_ROWS, max(1, len(plan.occupants)))
    columns = min(_PICTURE_COLUMNS, steps)
    grid = [[" "] * columns for _ in range(rows)]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for index, buffer in enumerate(plan.occupants):
        top = buffer.offset * rows // max(plan.arena_nbytes, 1)
        bottom = max(top + 1, -(-(buffer.offset + buffer.nbytes) * rows // max(plan.arena_nbytes, 1)))
        left = min(buffer.first, steps - 1) * columns // steps
        right = min(buffer.last, steps - 1) * columns // steps
        for row in range(top, min(bottom, rows)):
            for column in range(left, right + 1):
                grid[row][column] = letters[index % len(letters)]
    per_row = plan.arena_nbytes / rows
    lines = ["arena: steps to the right, offsets down"]
    return lines + [f"{_bytes(round(row * per_row)):>10} |{''.join(cells)}|" for row, cells in enumerate(grid)]


def _bytes(nbytes: int) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} B"
