"""One module a family. Each has a list CASES, and must not import TensorFlow."""
