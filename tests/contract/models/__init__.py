"""Builders of the models that the contract's behaviours are about, a function a model. They import TensorFlow."""
