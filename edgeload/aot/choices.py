"""What a build is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Choices:
    """`functions`: names of signatures and functions, all if empty. `batches`: sizes for unknown first dimensions.
    `shapes`: of inputs by name, several for several plans. `samples`: inputs by name, for functions whose later shapes
    depend on data. `fixed_shapes`: leave out what planning other shapes, on the device, takes. `with_runtime`: add the
    part of edgeload that runs the artefact."""

    functions: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1,)
    shapes: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    samples: Mapping[str, np.ndarray] = field(default_factory=dict)
    fixed_shapes: bool = False
    with_runtime: bool = False
