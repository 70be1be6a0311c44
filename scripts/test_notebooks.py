"""Compare what every notebook prints with its stored outputs, within its declared budget.

Machines differ threefold in speed, so CPU-seconds are counted relative to a fixed program,
`reference.py`, that runs before and after the pages. A page that takes more than 1.5 times
the CPU-seconds it declares is run once more, alone; if it is still too slow, it fails. With
`--lax` neither outputs nor times are judged, only the assertions: for versions of
TensorFlow other than those of the lock.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

from pages import ROOT, arguments, budget, quiet_environment

SLACK = 1.5
# CPU-seconds of `reference.py` on a machine where the pages take what they declare:
# when it took 36, the median page took 1.3 times its own.
REFERENCE = 28.0
# Two kernels run at a time.
THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def nbval(paths, workers=2, compare=True, **settings):
    """Run pytest --nbval; return its exit status and the CPU-seconds by notebook name."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--nbval" if compare else "--nbval-lax", "--nbval-cell-timeout=1200"]
    command += [
        "-n",
        str(min(workers, len(paths))),
        "--dist",
        "loadscope",
        *map(str, paths),
    ]
    with tempfile.TemporaryDirectory() as folder:
        times = Path(folder) / "times.json"
        environment = quiet_environment(TUTVAE_TIMES=str(times), **settings)
        status = subprocess.run(command, cwd=ROOT, env=environment).returncode
        return status, json.loads(times.read_text()) if times.exists() else {}


def reference(copies):
    """CPU-seconds of each of so many copies of the fixed program, run at the same time."""
    command = [sys.executable, str(ROOT / "scripts/reference.py")]
    settings = {"env": quiet_environment(**THREADS), "stdout": subprocess.PIPE}
    runs = [subprocess.Popen(command, **settings) for _ in range(copies)]
    return [float(run.communicate()[0]) for run in runs]


def timed(paths, workers):
    """As `nbval`, in declared CPU-seconds: those of the machine of `REFERENCE`."""
    took = reference(workers)
    status, seconds = nbval(paths, workers, **THREADS)
    pace = mean(took + reference(workers)) / REFERENCE
    print(f"pace: a declared CPU-second takes {pace:.2f} on this machine", flush=True)
    return status, {name: round(used / pace, 1) for name, used in seconds.items()}


def too_slow(paths, seconds):
    """The notebooks that used more than their budget allows (or were not measured)."""
    limit = {path: SLACK * (budget(path) or 0) for path in paths}
    return [path for path in paths if seconds.get(path.name, float("inf")) > limit[path]]


def main():
    paths = arguments()
    if not paths:
        print("no notebooks yet")
        return 0
    # So that no page writes "building the font cache" while another waits for it.
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)
    if "--lax" in sys.argv:
        return nbval(paths, compare=False, **THREADS)[0]
    status, seconds = timed(paths, workers=2)
    if status:
        return status
    for path in too_slow(paths, seconds):
        print(f"{path.name} is over its budget: once more, alone", flush=True)
        status, seconds = timed([path], workers=1)
        if status or too_slow([path], seconds):
            used, declared = seconds.get(path.name), budget(path)
            print(f"FAILED {path.name}: {used} CPU-seconds used, {declared} declared")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
