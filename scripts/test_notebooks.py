"""Compare what every notebook prints with its stored outputs, within its declared budget.

A page that takes more than 1.5 times the CPU-seconds it declares is run once more, alone;
if it is still too slow, it fails. With `--lax` neither outputs nor times are judged, only
the assertions: for versions of TensorFlow other than those of the lock.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import ROOT, arguments, budget, quiet_environment

SLACK = 1.5


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
    # One thread each: two kernels run at a time.
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    lax = "--lax" in sys.argv
    status, seconds = nbval(paths, compare=not lax, **threads)
    if status or lax:
        return status
    for path in too_slow(paths, seconds):
        print(f"{path.name} is over its budget: once more, alone", flush=True)
        status, seconds = nbval([path], workers=0, **threads)
        if status or too_slow([path], seconds):
            used, declared = seconds.get(path.name), budget(path)
            print(f"FAILED {path.name}: {used} CPU-seconds used, {declared} declared")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
