"""The worker threads of this process: how many there are, and the mailbox that wakes them.

They are started at the first call of a plan that has work to share, and sleep between calls. Each spends its life in
one native call without the GIL (kernels/teamwork.py). A forked child starts its own.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from edgeload.errors import ArgumentValueError
from edgeload.kernels.mailbox import MAILBOX, MAILBOX_WORDS

if TYPE_CHECKING:
    from edgeload.runtime.library import Library

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)
_lock = threading.Lock()
_count = 0  # 0: not chosen yet
_started = 0
_kept: list[np.ndarray] = []
mailbox = np.zeros(MAILBOX_WORDS, np.int64)
mailbox[MAILBOX["syscall"]] = ctypes.cast(ctypes.CDLL(None).syscall, ctypes.c_void_p).value or 0


def get_num_threads() -> int:
    """How many threads one call uses at most, the caller's own included.

    By default the CPUs that this process may use: its affinity, cut by the CPU quota of its control group.
    """
    global _count
    if _count == 0:
        _count = _available_cpus()
    return _count


def set_num_threads(count: int) -> None:
    """Let one call use `count` threads at most, from the next call on. Results do not depend on it."""
    global _count
    if not isinstance(count, int) or count < 1:
        raise ArgumentValueError(f"got {count!r} threads; it takes an integer of at least 1")
    _count = count


def start(library: Library) -> None:
    """Start the workers that are missing and say how many may help."""
    global _started
    wanted = get_num_threads() - 1
    mailbox[MAILBOX["limit"]] = wanted
    if _started >= wanted:
        return
    with _lock:
        entry = _ENTRY(library.addresses(["work"])["work"])
        block = np.array([mailbox.ctypes.data, mailbox.size], np.int64)
        _kept.append(block)
        while _started < wanted:
            arguments = (block.ctypes.data, _started, wanted)
            threading.Thread(target=entry, args=arguments, name=f"edgeload-{_started}", daemon=True).start()
            _started += 1


def _available_cpus() -> int:
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
        limit = max(1, int(quota) // int(period)) if quota != "max" else affinity
    except (OSError, ValueError):
        limit = affinity
    return max(1, min(affinity, limit))


def _forget() -> None:
    """In a forked child: the workers have stayed in the parent, and what they were doing with them."""
    global _started, _lock
    _started = 0
    _lock = threading.Lock()
    mailbox[: MAILBOX["syscall"]] = 0


os.register_at_fork(after_in_child=_forget)
