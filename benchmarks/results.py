"""Where benchmarks write their figures, and the pages of the book read them."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

from tutvae.resume import write_atomically

FOLDER = Path(__file__).with_name("results")


def write(name, figures):
    """Write `benchmarks/results/NAME.json` in one step, with the versions that made it."""
    packages = {p: version(p) for p in ("tutvae", "keras", "tensorflow", "numpy")}
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", os.cpu_count())
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {threads} threads"
    content = {**figures, "versions": packages, "machine": machine}
    text = json.dumps(content, indent=1) + "\n"
    write_atomically(FOLDER / f"{name}.json", text.encode("utf-8"))
    print(f"wrote benchmarks/results/{name}.json")
