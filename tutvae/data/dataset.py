"""What a loader returns, and how examples are divided into splits."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, repr=False)
class Dataset:
    """A corpus in three splits.

    Args:
        name: name by which `load_data` knows it.
        train: list of sentences (or of pairs of sentences), or an array whose first axis
            counts the examples.
        validation: as `train`.
        test: as `train`.
        licence: licence of the data.
        attribution: whom to name when examples are shown, and how.
        source: package, version and SHA-256 of every file that was read.
        labels: `labels[split][label]` is an array aligned with the split.
        extras: what belongs to the whole corpus, for example a vocabulary.
    """

    name: str
    train: Sequence
    validation: Sequence
    test: Sequence
    licence: str
    attribution: str
    source: str
    labels: Mapping = field(default_factory=dict)
    extras: Mapping = field(default_factory=dict)

    def __repr__(self):
        sizes = ", ".join(f"{split}={len(getattr(self, split)):,}" for split in SPLITS)
        labels = ", ".join(self.labels.get("train", {})) or "none"
        shape = getattr(self.train, "shape", None)
        kind = f"array {shape[1:]}" if shape else type(self.train[0]).__name__
        return (
            f"Dataset {self.name}: {sizes}\n  examples: {kind}\n  labels: {labels}\n"
            f"  licence: {self.licence}\n  attribution: {self.attribution}\n"
            f"  source: {self.source}"
        )


def split_of(group, held_out=0.05):
    """Return "train", "validation" or "test" by the SHA-256 of a group key.

    Args:
        group: key of a group of examples that belong together; its `str` counts.
        held_out: expected share of each of validation and test.
    """
    digest = hashlib.sha256(str(group).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < held_out:
        return "test"
    return "validation" if place < 2 * held_out else "train"


def divide(examples, groups, labels, held_out=0.05):
    """Divide examples into the three splits; a group stays in one split.

    Args:
        examples: list or array of n examples.
        groups: n keys.
        labels: dict from label to n values.
        held_out: expected share of each of validation and test.

    Returns:
        dict of the fields `train`, `validation`, `test` and `labels` of a `Dataset`.
    """
    splits = np.array([split_of(group, held_out) for group in groups])
    return take(examples, labels, {name: np.flatnonzero(splits == name) for name in SPLITS})


def take(examples, labels, indices):
    """Return the four fields of a `Dataset`, given the indices of each split."""
    labels = {label: np.asarray(values) for label, values in labels.items()}
    fields = {split: _pick(examples, indices[split]) for split in SPLITS}
    fields["labels"] = {
        split: {label: values[indices[split]] for label, values in labels.items()}
        for split in SPLITS
    }
    return fields


def _pick(examples, index):
    if isinstance(examples, np.ndarray):
        return examples[index]
    return [examples[i] for i in index]


def check_option(corpus, option, value, allowed):
    """Raise a ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{corpus!r} has no {option}={value!r}. Choose one of: {choices}.")
