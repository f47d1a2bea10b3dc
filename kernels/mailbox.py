"""The words of the mailbox, the int64 array that the threads of a process share; see `teamwork`.

Loading a model needs only these, and not the kernels.
"""

# the workers' own words are 64 bytes and more apart from each other
MAILBOX = {"walk": 0, "block": 1, "generation": 8, "sleepers": 16, "active": 24, "busy": 32, "limit": 40, "syscall": 41}
MAILBOX_WORDS = 48
LINE = 8  # words of a cache line: what threads write lies apart from what others read
SEATS = 4  # that a step's tiles are dealt out to, at most
