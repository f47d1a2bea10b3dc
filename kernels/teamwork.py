"""Threads: workers that walk the steps of an inference together, each taking the next tile that nobody has taken.

Nobody waits for a thread, only for tiles: a worker that the system has put aside, or that has not woken yet, holds up
nothing but the tile it is in. A step's tiles are dealt out to seats, as many as there are workers; each worker begins
at its own, so that it mostly reads what it has written itself a step before, and then helps at the others.

The words of an inference are first its number of seats; then, from the next cache line on, for each seat how many
tiles of each step are taken; then how many of each step are done. All have the inference's generation in their upper
half, so that a worker who comes too late sees that its inference is over.

The mailbox, an int64 array that all workers share, holds what MAILBOX names. Its step is a one-entry step table: the
`walk` kernel and the argument block of the inference that is going on, or zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgeload.kernels.kernel import kernel_family
from edgeload.kernels.mailbox import LINE, MAILBOX, SEATS

_SPINS_INSIDE = 2000  # pauses before a waiting worker gives its CPU to others: about 20 us
_SPINS_BETWEEN = 4000  # pauses before an idle worker goes to sleep
_HALF = 1 << 32


@kernel_family("walk")
def walk() -> Iterator[Any]:
    """Walk a table's steps as part of generation `worker`, from seat `workers` on.

    error[0] becomes the first code of a kernel that fails, failed[0] its step; the tiles that are left are not run.
    """
    yield "int64[:] table, int64[:] words, int64[:] error, int64[:] failed, int64[:] mailbox"
    from edgeload.kernels.atomics import add_word, call_step, load_word, pause, replace_word, store_word, yield_cpu

    syscall_at = MAILBOX["syscall"]

    def run(table, words, error, failed, mailbox, worker, workers):  # type: ignore[no-untyped-def]
        generation, own_seat = worker, workers
        word = load_word(words, 0)
        if word >> 32 != generation:
            return 0
        seats = word & (_HALF - 1)
        row = (words.size - LINE) // (SEATS + 1)
        for step in range(table.size // 3):
            tiles = table[3 * step + 2]
            done_at = LINE + SEATS * row + step
            finished = 0
            for turn in range(seats):
                seat = (own_seat + turn) % seats
                first = (tiles * seat + seats - 1) // seats
                count = (tiles * (seat + 1) + seats - 1) // seats - first
                taken_at = LINE + seat * row + step
                while count > 0:
                    word = load_word(words, taken_at)
                    if word >> 32 != generation:
                        return 0
                    taken = word & (_HALF - 1)
                    if taken >= count:
                        break
                    if replace_word(words, taken_at, word, word + 1):
                        if load_word(error, 0) == 0:
                            code = call_step(table, step, first + taken, tiles)
                            if code != 0 and replace_word(error, 0, 0, code):
                                store_word(failed, 0, table[3 * step + 1])
                        finished += 1
            if finished > 0:
                add_word(words, done_at, finished)
            spins = 0
            while True:
                word = load_word(words, done_at)
                if word >> 32 != generation:
                    return 0
                if word & (_HALF - 1) >= tiles:
                    break
                spins += 1
                if spins > _SPINS_INSIDE:
                    yield_cpu(mailbox, syscall_at)
                else:
                    pause()
        return 0

    yield run


@kernel_family("work")
def work() -> Iterator[Any]:
    """A worker's life, from which it does not return: sleep until an inference begins, help, look for the next."""
    yield "int64[:] mailbox"
    from edgeload.kernels.atomics import add_word, call_step, load_word, pause, sleep_on_word

    generation_at, sleepers_at = MAILBOX["generation"], MAILBOX["sleepers"]
    active_at, limit_at, walk_at = MAILBOX["active"], MAILBOX["limit"], MAILBOX["walk"]
    syscall_at = MAILBOX["syscall"]

    def run(mailbox, worker, workers):  # type: ignore[no-untyped-def]
        seen = np.int64(0)
        while True:
            spins = 0
            while load_word(mailbox, generation_at) == seen:
                spins += 1
                if spins > _SPINS_BETWEEN:
                    add_word(mailbox, sleepers_at, 1)
                    sleep_on_word(mailbox, syscall_at, generation_at, seen)
                    add_word(mailbox, sleepers_at, -1)
                else:
                    pause()
            add_word(mailbox, active_at, 1)
            seen = load_word(mailbox, generation_at)
            if worker < load_word(mailbox, limit_at) and load_word(mailbox, walk_at) != 0:
                call_step(mailbox, 0, seen, worker + 1)
            add_word(mailbox, active_at, -1)

    yield run


@kernel_family("lead")
def lead() -> Iterator[Any]:
    """One inference with the workers' help; without it, when they are helping another one. The code of the failure.

    `step` is the table entry for the mailbox: `walk` and its argument block, whose arrays come next.
    """
    yield "int64[:] mailbox, int64[:] step, int64[:] words, int64[:] error"
    from edgeload.kernels.atomics import (
        call_step,
        load_word,
        pause,
        replace_word,
        store_word,
        wake_on_word,
        yield_cpu,
    )

    walk_at, block_at, generation_at = MAILBOX["walk"], MAILBOX["block"], MAILBOX["generation"]
    sleepers_at, active_at, busy_at = MAILBOX["sleepers"], MAILBOX["active"], MAILBOX["busy"]
    limit_at, syscall_at = MAILBOX["limit"], MAILBOX["syscall"]

    def run(mailbox, step, words, error, worker, workers):  # type: ignore[no-untyped-def]
        error[0] = 0
        if not replace_word(mailbox, busy_at, 0, 1):
            for i in range(words.size):
                words[i] = 0
            words[0] = 1
            call_step(step, 0, 0, 0)
            return error[0]
        spins = 0
        while load_word(mailbox, active_at) != 0:  # of the inference before: they are on their way out
            spins += 1
            if spins > _SPINS_INSIDE:
                yield_cpu(mailbox, syscall_at)
            else:
                pause()
        generation = (load_word(mailbox, generation_at) + 1) & 0x3FFFFFFF
        seats = min(SEATS, load_word(mailbox, limit_at) + 1)
        # plain stores: all tiles of the inference before are taken, so nobody writes these words, and nobody reads them
        # as words of this inference before its generation is stored
        for i in range(words.size):
            words[i] = generation << 32
        words[0] += seats
        store_word(mailbox, block_at, step[1])
        store_word(mailbox, walk_at, step[0])
        store_word(mailbox, generation_at, generation)
        if load_word(mailbox, sleepers_at) > 0:
            wake_on_word(mailbox, syscall_at, generation_at, 0x7FFFFFFF)
        call_step(step, 0, generation, 0)
        store_word(mailbox, walk_at, 0)
        store_word(mailbox, busy_at, 0)
        return error[0]

    yield run
