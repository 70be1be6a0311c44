"""What several benchmarks measure in the same way."""

import resource
import time


def timed(work):
    """Seconds that a function takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_megabytes():
    """Memory that this process has had at most, in units of 2**20 bytes (MiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
