"""Tables and other resources, which functions of the model create and fill; and assets, which are files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from edgeload import dtypes
from edgeload.errors import CorruptModelError
from edgeload.objects.arrays import Array
from edgeload.objects.origins import OfModel


class Resource(OfModel):
    """A resource of the model. It is created, and filled, when a function that captures it first runs.

    The model's functions `_create_resource` and `_initialize` are set as attributes while loading.
    """

    _create_resource: Callable[[], Any]
    _initialize: Callable[[], Any]

    def __init__(self, restore: Callable[[Any], None] | None = None) -> None:
        """`restore` puts what the checkpoint has for the resource into the created one."""
        self._restore = restore
        self._handle: Any = None
        self._lock = threading.RLock()  # _initialize captures the resource itself

    def capture(self) -> Any:
        """The object that ops work on, such as a table."""
        if self._handle is None:
            with self._lock:
                if self._handle is None:
                    self._make()
        return self._handle

    def _make(self) -> None:
        if not hasattr(self, "_create_resource"):
            raise CorruptModelError(
                "a resource of the model has no function _create_resource that makes it; export it again."
            )
        self._handle = self._create_resource()
        try:
            if self._restore is not None:
                self._restore(self._handle)
            if hasattr(self, "_initialize"):
                self._initialize()
        except BaseException:
            self._handle = None
            raise

    def _changed_state(self) -> Any:
        table = self._handle
        return table.export() if hasattr(table, "export") and not table.is_static else None

    def _set_changed_state(self, state: Any) -> None:
        self.capture().replace(*state)


class Asset(OfModel):
    """A file that the model brings along. Functions that capture it get its path."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    @property
    def asset_path(self) -> Array:
        """The absolute path as a string scalar."""
        return self.capture().view(Array)

    def capture(self) -> np.ndarray:
        scalar = np.empty((), dtypes.STRING)
        scalar[()] = self.path.encode()
        return scalar

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<edgeload.Asset {self.path!r}>"


class CapturedTensor(OfModel):
    """A tensor inside another function, which only gradient functions capture."""

    def __init__(self, name: str, function: str) -> None:
        self.name = name
        self.function = function

    def capture(self) -> Any:
        raise CorruptModelError(
            f"the called function captures tensor {self.name!r} of function {self.function!r}, which has a value "
            "only while that function runs: it is the gradient of a custom operation. Call the function itself."
        )
