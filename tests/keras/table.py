"""All cases by family, and the public classes of keras.layers that need none. Imports nothing heavy."""

from __future__ import annotations

from tests.keras import attention, convolutions, core, images, normalisation, pooling, preprocessing, recurrent
from tests.keras.case import Case

FAMILIES: dict[str, dict[str, Case]] = {
    "core": core.CASES,
    "convolutions": convolutions.CASES,
    "pooling": pooling.CASES,
    "normalisation": normalisation.CASES,
    "attention": attention.CASES,
    "recurrent": recurrent.CASES,
    "preprocessing": preprocessing.CASES,
    "images": images.CASES,
}

WITHOUT_CASES = {
    "InputLayer": "computes nothing: the model of every case begins with it",
    "InputSpec": "describes an input; it is no layer",
    "Layer": "the base class of all layers",
    "Wrapper": "the base class of Bidirectional, TimeDistributed and SpectralNormalization",
    "FlaxLayer": "wraps a module of Flax, which needs JAX",
    "JaxLayer": "wraps a function of JAX, which needs JAX",
    "TorchModuleWrapper": "wraps a module of PyTorch, which only Keras on PyTorch runs",
}
