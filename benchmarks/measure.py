"""What several benchmarks measure in the same way."""

import sys
import time


def timed(work):
    """Seconds that a function takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_megabytes():
    """Memory that this process has had at most, in units of 2**20 bytes (MiB)."""
    if sys.platform == "win32":  # which has no `resource`
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    unit = 1 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
