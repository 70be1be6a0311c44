"""Keep the memory that one training step frees for the next step.

A model of text makes arrays of many megabytes in every step: the logits of a batch, its
whole vocabulary wide. The C library of Linux returns such blocks to the system as soon as
they are freed, and in the next step the system hands them out again page by page, each
filled with zeros first.
"""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # names of glibc's malloc.h


def keep_freed_memory():
    """Tell glibc's malloc to keep what is freed. Does nothing on other systems.

    It concerns the whole process, and only threads that have not yet asked for memory:
    `import tutvae` calls it before TensorFlow starts to compute. TensorFlow 2.21 undoes it
    in any program that makes a `tf.data.Dataset.from_generator`.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other C libraries for Linux have none
        # glibc before 2.35 refuses more than 32 MB.
        mallopt(MMAP_THRESHOLD, 2**30) or mallopt(MMAP_THRESHOLD, 2**25)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)
        mallopt(ARENA_MAX, 1)  # the memory of a thread's own arena cannot grow so large
