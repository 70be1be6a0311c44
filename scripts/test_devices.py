"""Every notebook under other arithmetic and other random numbers, one setting at a time.

XLA and other seeds draw other random numbers: there the assertions must hold, but the text
printed may differ. Everywhere else the text must be the same too. No time budget applies.
Arguments choose settings and notebooks; without any, all are run.
"""

import sys

from pages import arguments
from test_notebooks import nbval

SETTINGS = {  # name: (compare the outputs?, environment)
    "base": (True, {}),
    "onednn-off": (True, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "one-thread": (True, {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}),
    "xla": (False, {"TUTVAE_JIT": "1"}),
    "seed-1": (False, {"TUTVAE_SEED": "1"}),
    "seed-2": (False, {"TUTVAE_SEED": "2"}),
}


def chosen():
    """The settings named on the command line, or all."""
    named = [name for name in sys.argv[1:] if not name.endswith(".ipynb")]
    if unknown := set(named) - set(SETTINGS):
        sys.exit(f"no setting is called {sorted(unknown)}; there are {list(SETTINGS)}")
    return named or list(SETTINGS)


def main():
    paths = arguments()
    if not paths:
        print("no notebooks yet")
        return 0
    results = {}
    for name in chosen():
        compare, environment = SETTINGS[name]
        print(f"== {name}", flush=True)
        results[name] = nbval(paths, compare=compare, **environment)
    print("\nsetting       outputs    result   CPU-seconds")
    for name, (status, seconds) in results.items():
        compared = "compared" if SETTINGS[name][0] else "asserted"
        result = "FAILED" if status else "passed"
        print(f"{name:12}  {compared:9}  {result:7}  {sum(seconds.values()):11.0f}")
    return max(status for status, _ in results.values())


if __name__ == "__main__":
    sys.exit(main())
