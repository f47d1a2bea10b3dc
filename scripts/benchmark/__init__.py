"""Measures edgeload side by side with other runtimes: `scripts/bench.py` is its command.

models ──► conversion ──► rounds (each call of `child` a process of its own) ──► report, picture
models ──► profiling                                                          ──► one table a model
"""
