"""Into how many independent pieces the work of a kernel call is cut, for threads to share.

The number does not depend on how many threads there are, and so neither do the results. Taking a piece costs a thread
a tenth of a microsecond, so a piece is at least about one of work.
"""

from __future__ import annotations

MOST = 32  # more pieces would make no difference to how long the last thread has to do
ELEMENTS = 1 << 12  # least elements to copy
TAPS = 1 << 14  # least multiply-adds of a kernel that loads about as often
PRODUCTS = 1 << 16  # least multiply-adds of a matrix product


def pieces(units: int, work: int, least: int) -> int:
    """The number of pieces of `work`, which can be cut into `units` and should not be smaller than `least`. It is even,
    or a multiple of four, where it can be: for two or four threads, which most devices have."""
    most = max(1, min(units, MOST, work // least))
    return most - most % 4 if most > 4 else most - most % 2 if most > 2 else most
