"""The exceptions of edgeload. Each also derives from what TensorFlow raises in the same place."""


class EdgeloadError(Exception):
    """Base of every error that edgeload raises on purpose."""


class SavedModelNotFoundError(EdgeloadError, OSError):
    """There is no SavedModel at the path (TensorFlow: OSError)."""


class CorruptModelError(EdgeloadError, OSError):
    """A file of the model is truncated, fails its checksum, or does not parse (TensorFlow: OSError, DataLossError)."""


class TagsError(EdgeloadError, ValueError, RuntimeError):
    """No MetaGraph has exactly these tags (TensorFlow: ValueError for TF2 models, RuntimeError for TF1 models)."""


class MissingVariableError(EdgeloadError, AssertionError):
    """A variable has no value in the checkpoint (TensorFlow: AssertionError)."""


class MissingCheckpointError(MissingVariableError, FileNotFoundError):
    """The model has variables, and no folder with their values (TensorFlow: FileNotFoundError)."""


class ArgumentTypeError(EdgeloadError, TypeError):
    """A call's arguments have the wrong names, number or dtype (TensorFlow: TypeError)."""


class ArgumentValueError(EdgeloadError, ValueError):
    """A call's arguments have the wrong structure, rank or shape (TensorFlow: ValueError)."""


class UnknownNameError(EdgeloadError, KeyError):
    """The graph has no operation or tensor of this name (TensorFlow: KeyError)."""

    __str__ = Exception.__str__  # KeyError shows the message in quotes


class UnliftableError(EdgeloadError, ValueError):
    """A part of a TF1 graph needs a placeholder that is not among its feeds (TensorFlow: UnliftableError)."""


class InitOpError(CorruptModelError, RuntimeError):
    """A TF1 model names several init ops, or none where one is expected (TensorFlow: RuntimeError)."""


class InvalidGraphError(EdgeloadError, ValueError):
    """A node's attributes, inputs or shapes contradict its op's definition (TensorFlow: InvalidArgumentError)."""


class UnsupportedOpError(EdgeloadError, NotImplementedError):
    """A called function needs ops, dtypes or attributes that edgeload does not have. Names all of them."""


class ExecutionError(EdgeloadError, ValueError):
    """A kernel refused its data while running: an index out of range, a division by zero, a failed assertion
    (TensorFlow: InvalidArgumentError)."""


class MissingDependencyError(EdgeloadError, ImportError):
    """Something needs a package that is not installed; the message names the extra to install."""
