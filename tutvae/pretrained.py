"""Trained models that come with the package."""

import hashlib
from importlib import resources

from tutvae.training import load_model

# name -> (file in tutvae/checkpoints, its SHA-256)
CHECKPOINTS = {}


def pretrained(name):
    """Load a trained model by its name.

    Args:
        name: Of the model; a wrong one is answered by the list of all.

    Raises:
        ValueError: If there is no such model, or its file is not the published one.
    """
    if name not in CHECKPOINTS:
        known = ", ".join(sorted(CHECKPOINTS)) or "none yet in this version"
        raise ValueError(f"no trained model is called {name!r}. There are: {known}.")
    file, sha256 = CHECKPOINTS[name]
    with resources.as_file(resources.files("tutvae") / "checkpoints" / file) as path:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise ValueError(
                f"{path} has SHA-256 {found}, not {sha256}: it is truncated or altered. "
                "Install tutvae again."
            )
        return load_model(path)
