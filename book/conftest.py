"""What nbval needs to know about these notebooks; read by every `pytest --nbval book/`.

Standard error is not compared: what TensorFlow writes there depends on the machine.
The CPU time of each notebook's kernel is printed at the end, and written as JSON to the
file that `TUTVAE_TIMES` names.
"""

import json
import os
from pathlib import Path

import psutil
import pytest
from nbval.plugin import IPyNbFile

seconds = {}  # CPU-seconds by file name


def kernel_seconds(kernel):
    """CPU-seconds that a kernel and its children have used so far."""
    process = psutil.Process(kernel.km.provisioner.pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return round(sum(used.user + used.system for used in times), 1)


def pytest_collection_modifyitems(items):
    for notebook in {item.parent for item in items if isinstance(item.parent, IPyNbFile)}:
        notebook.skip_compare = (*notebook.skip_compare, "stderr")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    notebook = item.parent
    last_cell = nextitem is None or nextitem.parent is not notebook
    if last_cell and isinstance(notebook, IPyNbFile) and notebook.kernel.is_alive():
        used = kernel_seconds(notebook.kernel)
        item.user_properties.append(("cpu_seconds", [notebook.path.name, used]))


def pytest_runtest_logreport(report):
    if report.when == "teardown":
        seconds.update(
            value for name, value in report.user_properties if name == "cpu_seconds"
        )


def pytest_terminal_summary(terminalreporter):
    if seconds:
        terminalreporter.section("CPU-seconds of the kernels")
    for name, used in sorted(seconds.items()):
        terminalreporter.write_line(f"{used:8.1f}  {name}")
    if "TUTVAE_TIMES" in os.environ:
        Path(os.environ["TUTVAE_TIMES"]).write_text(json.dumps(seconds))
