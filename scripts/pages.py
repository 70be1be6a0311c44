"""The notebooks of the book and what each declares about itself."""

import os
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"

MOST_SECONDS = 300  # CPU-seconds one page may declare
ALL_SECONDS = 1800  # ... and all pages together: 15 minutes on two cores


def notebooks(book=BOOK):
    """Paths of the book's notebooks, in alphabetical order."""
    return sorted(Path(book).glob("*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


def budget(path):
    """CPU-seconds that the page declares, or None."""
    return read(path).metadata.get("tutvae", {}).get("cpu_seconds")


def address():
    """Where the repository lives, as `_config.yml` says."""
    return yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]


def colab_cell():
    """The first code cell of every page; the book does not show it."""
    source = f"""import sys

if "google.colab" in sys.modules:
    %pip install --quiet "tutvae[data] @ git+{address()}\""""
    return nbformat.v4.new_code_cell(source, id="colab", metadata={"tags": ["remove-cell"]})


def quieten(**settings):
    """Make the environment of this process, which kernels inherit, the quiet one."""
    quiet = quiet_environment(**settings)
    os.environ.clear()
    os.environ.update(quiet)


def quiet_environment(**settings):
    """The environment to run kernels in: TensorFlow's log silenced, `settings` added.

    What a reader may have set for an experiment of his own does not reach the pages.
    """
    personal = ("TUTVAE_SEED", "TUTVAE_JIT", "TF_ENABLE_ONEDNN_OPTS")
    return {
        **{name: value for name, value in os.environ.items() if name not in personal},
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
        **settings,
    }


def arguments():
    """Notebooks named on the command line, or all."""
    named = [Path(name).resolve() for name in sys.argv[1:] if name.endswith(".ipynb")]
    return named or notebooks()
