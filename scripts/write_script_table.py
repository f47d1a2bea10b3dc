"""Writes the table in kernels/unicode_scripts.py: the script of every code point, as TensorFlow's ICU has it.

    python scripts/write_script_table.py > table.txt

Needs TensorFlow. The table is to be put in place of the old one by hand.
"""

from __future__ import annotations

import base64
import textwrap
import zlib

import numpy as np

_CODE_POINTS = 0x110000


def main() -> None:
    import tensorflow as tf

    scripts = tf.raw_ops.UnicodeScript(input=np.arange(_CODE_POINTS, dtype=np.int32)).numpy()
    starts = [0, *(np.flatnonzero(np.diff(scripts)) + 1).tolist()]
    table = bytearray()
    for start, before in zip(starts, [0, *starts], strict=False):
        step = start - before
        while step >= 128:
            table.append(step & 127 | 128)
            step >>= 7
        table += bytes([step, scripts[start]])
    text = base64.b85encode(zlib.compress(bytes(table), 9)).decode()
    print("\n".join(f'    r"{line}"' for line in textwrap.wrap(text, 112)))


if __name__ == "__main__":
    main()
