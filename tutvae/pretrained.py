"""Trained models that come with the package."""

import hashlib
import io
import os
import tempfile
import zipfile
from importlib import resources
from pathlib import Path

import h5py
import numpy as np

from tutvae.resume import write_atomically
from tutvae.training import load_model

FOLDER = resources.files("tutvae") / "checkpoints"


def checkpoints():
    """{name of a trained model: SHA-256 of its file}, as `sha256sum *.keras` writes it."""
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    pairs = [line.split() for line in lines]
    return {file.removesuffix(".keras"): sha256 for sha256, file in pairs}


def pretrained(name):
    """Load a trained model by its name.

    "tatoeba-en-faithful" says back what it is told, "tatoeba-en-fluent" writes well;
    "tatoeba-zh-..." are the same in Chinese. All are `TextVAE` for sentences of 4 to 12
    tokens, trained on Tatoeba (CC BY 2.0 FR) as `tv.RECIPES` says.

    Args:
        name: Of the model; a wrong one is answered by the list of all.

    Raises:
        ValueError: If there is no such model, or its file is not the published one.

    Example:

    >>> tv.pretrained("tatoeba-en-fluent").generate(3)
    """
    known = checkpoints()
    if name not in known:
        names = ", ".join(sorted(known))
        raise ValueError(f"no trained model is called {name!r}. There are: {names}.")
    with resources.as_file(FOLDER / f"{name}.keras") as path:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != known[name]:
            raise ValueError(
                f"{path} has SHA-256 {found}, not {known[name]}: it is truncated or "
                "altered. Install tutvae again."
            )
        return load_model(path)


def save_compact(model, path):
    """As `model.save(path)`, but small: half precision, and no state of the training.

    `tv.load_model` reads it; the weights are float32 again then, rounded to three digits
    (those below 6e-5 to fewer, or to 0).

    Args:
        model: Any model of this package.
        path: File to write, ending in `.keras`; it is never half-written.

    Returns:
        The SHA-256 of the file.

    Raises:
        ValueError: If the path does not end in `.keras`, or a weight is too great for half
            precision, or not finite.
    """
    path = Path(path).expanduser()
    if path.suffix != ".keras":
        raise ValueError(f"{path} does not end in .keras; no other name can be loaded")
    untrained = type(model).from_config(model.get_config())
    untrained.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        full = os.path.join(folder, "model.keras")
        untrained.save(full)
        with zipfile.ZipFile(full) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    files["model.weights.h5"] = halved(files["model.weights.h5"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    write_atomically(path, packed.getvalue())
    return hashlib.sha256(packed.getvalue()).hexdigest()


def halved(weights):
    """The bytes of an HDF5 file -> the same with float16 in place of float32."""
    half = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as source, h5py.File(half, "w") as target:

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                value = item[()]
                if item.dtype == "float32":
                    if not (np.abs(value) <= np.finfo("float16").max).all():
                        raise ValueError(
                            f"{name} has a weight of {np.abs(value).max()}, too great for "
                            "half precision. Use model.save(path)."
                        )
                    value = value.astype("float16")
                target.create_dataset(name, data=value)
            else:
                target.require_group(name).attrs.update(item.attrs)

        source.visititems(copy)
    return half.getvalue()
