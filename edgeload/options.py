"""What `load` may be asked for besides path and tags: the options of tf.saved_model.LoadOptions."""

from __future__ import annotations

from typing import Any

from edgeload.errors import ArgumentTypeError, ArgumentValueError

_POLICIES = (None, "save_variable_devices", "expand_distributed_variables")


class LoadOptions:
    """Options of `load`, by TensorFlow's names.

    allow_partial_checkpoint: variables without a value in the checkpoint are no error; they can be assigned.
    experimental_skip_checkpoint: read no values of variables at all.
    experimental_load_function_aliases: give the loaded object `.function_aliases`, functions by the aliases that they
    were saved with. experimental_io_device, experimental_variable_policy: where TensorFlow's distributed runtimes read
    and keep variables. On one machine they change nothing.

    Raises ArgumentValueError for an unknown policy, or a device of another machine.
    """

    __slots__ = (
        "allow_partial_checkpoint",
        "experimental_io_device",
        "experimental_load_function_aliases",
        "experimental_skip_checkpoint",
        "experimental_variable_policy",
    )

    def __init__(
        self,
        allow_partial_checkpoint: bool = False,
        experimental_io_device: str | None = None,
        experimental_skip_checkpoint: bool = False,
        experimental_variable_policy: Any = None,
        experimental_load_function_aliases: bool = False,
    ) -> None:
        self.allow_partial_checkpoint = allow_partial_checkpoint
        self.experimental_io_device = _local_device(experimental_io_device)
        self.experimental_skip_checkpoint = experimental_skip_checkpoint
        self.experimental_variable_policy = _policy(experimental_variable_policy)
        self.experimental_load_function_aliases = experimental_load_function_aliases

    @classmethod
    def of(cls, options: Any) -> LoadOptions:
        """The options in an object with attributes of these names, such as tf.saved_model.LoadOptions; None has none.

        Raises ArgumentTypeError for an object without any of them.
        """
        if options is None:
            return cls()
        if isinstance(options, cls):
            return options
        given = {name: getattr(options, name) for name in cls.__slots__ if hasattr(options, name)}
        if not given:
            raise ArgumentTypeError(
                f"options must be an edgeload.LoadOptions (or TensorFlow's), found the {type(options).__name__} "
                f"{options!r}."
            )
        return cls(**given)

    @property
    def are_default(self) -> bool:
        """Whether all of them are as TensorFlow has them by default."""
        return all(getattr(self, name) in (None, False) for name in self.__slots__)

    def __repr__(self) -> str:
        return f"LoadOptions({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


def _policy(policy: Any) -> str | None:
    """A policy's name; TensorFlow's enumeration has it as value."""
    value = getattr(policy, "value", policy)
    name = None if value is None else str(value).lower()
    if name not in _POLICIES:
        raise ArgumentValueError(
            f"Received invalid VariablePolicy value: {policy}. There are {', '.join(map(repr, _POLICIES))}."
        )
    return name


def _local_device(device: str | None) -> str | None:
    """A device name such as "/job:localhost/device:CPU:0". All files are read by this process."""
    if device is not None and not isinstance(device, str):
        raise ArgumentTypeError(f"experimental_io_device must be a device's name, found {device!r}.")
    jobs = [part for part in (device or "").split("/") if part.startswith("job:")]
    if jobs and jobs != ["job:localhost"]:
        raise ArgumentValueError(
            f"experimental_io_device is {device!r}: there are no other machines here. Leave it out, or pass "
            "'/job:localhost'."
        )
    return device
