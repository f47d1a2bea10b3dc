"""Tables and other resources, which functions of the model create and fill; and assets, which are files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeload import dtypes
from edgeload.array import Array
from edgeload.errors import CorruptModelError
from edgeload.objects.origins import OfModel

if TYPE_CHECKING:
    from edgeload.objects.functions import ConcreteFunction, Executor


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

    @property
    def resource_handle(self) -> Any:
        """What `capture` gives, by TensorFlow's name."""
        return self.capture()

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


class Initializers:
    """Runs the `_initialize` of resources that no function captures, once, before the first call of any function: the
    init op of a TF1 model that was loaded and saved again is one."""

    def __init__(self, make_executor: Callable[[ConcreteFunction], Executor]) -> None:
        self.waiting: list[Resource] = []
        self._make_executor = make_executor
        self._is_running = False
        self._lock = threading.RLock()

    def make_executor(self, function: ConcreteFunction) -> Executor:
        program = self._make_executor(function)
        return _AfterInitializers(self, program) if self.waiting else program

    def run(self) -> None:
        """Run those that have not run yet. Other threads wait; what an initialiser calls does not."""
        with self._lock:
            if self._is_running:
                return
            self._is_running = True
            try:
                while self.waiting:
                    self.waiting[0]._initialize()
                    del self.waiting[0]
            finally:
                self._is_running = False


class _AfterInitializers:
    """Runs a function after the initialisers."""

    def __init__(self, initializers: Initializers, program: Executor) -> None:
        self._initializers = initializers
        self._program = program

    def run(self, inputs: list[Any]) -> list[Any]:
        if self._initializers.waiting:
            self._initializers.run()
        return self._program.run(inputs)

    def prepared(self, inputs: list[Any]) -> Any:
        return self._program.prepared(inputs)

    @property
    def plan(self) -> Any:
        return self._program.plan
