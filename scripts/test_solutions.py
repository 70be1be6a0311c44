"""Run the programs in the solutions of the exercises, each after the cells of its page.

Prints what each displays, for comparison with the text around it. Arguments choose the
notebooks; without any, all that have such programs are run. `--seed 1` adds to their seeds.
"""

import argparse
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from pages import arguments, quieten, read
from run_notebooks import CELL_SECONDS

SOLUTION = re.compile(r"^(`{3,})\{solution\} (\S+)\n(.*?)^\1$", re.M | re.S)
PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def programs(notebook):
    """[(label of the exercise, program)] of all solutions that hold code."""
    text = "\n".join(c.source + "\n" for c in notebook.cells if c.cell_type == "markdown")
    found = [
        (label, "\n".join(PROGRAM.findall(solution)))
        for _, label, solution in SOLUTION.findall(text)
    ]
    return [(label, program) for label, program in found if program]


def shown(cell):
    """What a cell printed and displayed, as text."""
    texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return "".join(text.rstrip("\n") + "\n" for text in texts)


def attempt(path):
    """Run the page and its solutions; return whether all of them ran."""
    notebook, failed = read(path), []
    found = programs(notebook)
    if not found:
        return True
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    with client.setup_kernel():
        try:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
        except CellExecutionError as error:
            print(f"FAILED {path.name}\n{error}", file=sys.stderr, flush=True)
            return False
        for label, program in found:
            cell = nbformat.v4.new_code_cell(program)
            notebook.cells.append(cell)
            try:
                client.execute_cell(cell, len(notebook.cells) - 1)
            except CellExecutionError as error:
                failed.append(label)
                print(f"FAILED {label}\n{error}", file=sys.stderr, flush=True)
            print(f"== {label}\n{shown(cell)}", flush=True)
    return not failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("notebooks", nargs="*")
    quieten(TUTVAE_SEED=str(parser.parse_args().seed))
    with ThreadPoolExecutor(max_workers=2) as pool:
        return 0 if all(list(pool.map(attempt, arguments()))) else 1


if __name__ == "__main__":
    sys.exit(main())
