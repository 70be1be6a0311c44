"""Where benchmarks write their figures, and the pages of the book read them."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).with_name("results")


def write(name, figures):
    """Write `benchmarks/results/NAME.json` in one step, with the versions that made it."""
    packages = {p: version(p) for p in ("tutvae", "keras", "tensorflow", "numpy")}
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", os.cpu_count())
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {threads} threads"
    content = {**figures, "versions": packages, "machine": machine}
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(path)
    print(f"wrote benchmarks/results/{name}.json")
