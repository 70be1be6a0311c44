"""Stop at any moment, start again, and get the same weights, bit for bit."""

import inspect
import io
import json
import os
import pathlib
import zipfile

import keras
import numpy as np

from tutvae.batches import Batches
from tutvae.stream import TextStream

FORMAT = 2
OTHER_DATA = (
    "Resume counts the batches of whole passes over its `data`: give `fit` the very same "
    "object, without steps_per_epoch and steps_per_execution."
)


class Resume(keras.callbacks.Callback):
    """Saves the whole state of a training, and continues it when the program runs again.

    The state is: weights, optimizer, every random seed (noise, dropout), the running means
    of the epoch, the place in the shuffled data, the state of other callbacks, and History.
    A resumed run equals an uninterrupted one bit for bit on a CPU. When the run had
    finished, `fit` only loads it.

    Args:
        path: File of the state, replaced in one step: it is never half-written.
        data: The `Batches` or `TextStream` given to `fit`. Batches for validation have no
            seed: their place is not saved.
        callbacks: Other callbacks whose state matters: EarlyStopping, ReduceLROnPlateau ...
        every: Save after so many batches, besides the start of each epoch.

    Raises:
        ValueError: If `data` is neither, or `every` below 1; from `fit`, if the file is
            truncated, altered, of another model, or of data of another number of batches,
            batch size or order, or `fit` was given other data.

    Example:

    >>> data = tv.batches(tokens, 64, seed=0)
    >>> stop = keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=2)
    >>> resume = tv.Resume("~/.cache/tutvae/run.npz", data, [stop], every=200)
    >>> vae.fit(data, validation_data=valid, epochs=50, callbacks=[stop, resume])
    """

    def __init__(self, path, data, callbacks=(), every=200):
        super().__init__()
        if not isinstance(data, (Batches, TextStream)):
            raise ValueError(
                f"data is a {type(data).__name__}; Resume finds its place in the "
                "tv.batches(...) or tv.TextStream(...) that `fit` gets"
            )
        if every < 1:
            raise ValueError(f"every is {every}; it must be at least 1")
        self.path = pathlib.Path(path).expanduser()
        self.data, self.callbacks, self.every = data, list(callbacks), every
        self.loaded = None  # what the file says, until it has been put in place

    # What Keras calls.

    def on_train_begin(self, logs=None):
        if self.params["steps"] != len(self.data) or self.model.steps_per_execution > 1:
            raise ValueError(OTHER_DATA)
        self.loaded, self.epoch = self.read(), -1
        self.learn = self.model.train_function
        if self.loaded is None:
            self.first_pass = self.data.epoch  # passes made before this fit
            return
        self.first_pass = self.loaded["first_pass"]
        self.data.epoch = self.first_pass + self.loaded["epoch"]
        finished = self.loaded["stopped"] or self.loaded["epoch"] >= self.params["epochs"]
        self.model._initial_epoch = (
            self.params["epochs"] if finished else self.loaded["epoch"]
        )
        if finished:
            self.restore()
            self.restore_callbacks()

    def on_epoch_begin(self, epoch, logs=None):
        self.model._initial_epoch = None  # was read; Keras would keep it for the next fit
        self.epoch, self.batch = epoch, 0
        if self.loaded is not None:
            self.restore()
            self.restore_callbacks()
            if not self.loaded["batch"]:
                self.model.reset_metrics()  # the file may hold those of the epoch before
            self.skip(self.loaded["batch"])
            self.batch, self.loaded = self.loaded["batch"], None
        else:
            self.save()
        self.data.epoch = self.first_pass + epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.data.epoch == self.first_pass + self.epoch:  # the pass is not of this data
            raise ValueError(OTHER_DATA)
        if batch < self.batch:
            return  # was done before the interruption
        self.batch = batch + 1
        if self.batch % self.every == 0:
            self.save()

    def on_train_end(self, logs=None):
        self.model._initial_epoch = None  # no epoch was left that would have done it
        self.model.train_function = self.learn  # if it stopped while passing batches by
        if self.loaded is not None:  # the run had finished: History was reset after loading
            self.restore_callbacks()
            return
        self.epoch, self.batch = self.epoch + 1, 0
        self.save(stopped=bool(self.model.stop_training))

    # The state.

    def variables(self):
        """Everything that training changes, in a fixed order."""
        model = self.model
        return [*model.variables, *model.metrics_variables, *model.optimizer.variables]

    def order(self):
        """What the order of the batches depends on, in words."""
        x = self.data
        which = f"seed {x.seed}, by_length {x.by_length}"
        which += f", buffer {x.buffer}" if isinstance(x, TextStream) else ""
        return f"{len(x)} batches of {x.batch_size}, {which}"

    def save(self, stopped=False):
        observers = [self.model.history, *self.callbacks]
        note = {
            "format": FORMAT,
            "epoch": self.epoch,
            "first_pass": self.first_pass,
            "data": self.order(),
            "batch": self.batch,
            "stopped": stopped,
            "callbacks": [plain_state(c) for c in observers],
        }
        arrays = {f"v{i}": np.array(v) for i, v in enumerate(self.variables())}
        for i, callback in enumerate(self.callbacks):  # EarlyStopping(restore_best_weights)
            for j, best in enumerate(getattr(callback, "best_weights", None) or []):
                arrays[f"best{i}_{j}"] = best
        buffer = io.BytesIO()
        np.savez(buffer, note=json.dumps(note), **arrays)
        write_atomically(self.path, buffer.getvalue())

    def read(self):
        if not self.path.exists():
            return None
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file}
            state = {**json.loads(str(arrays["note"])), "arrays": arrays}
        except (
            *(OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError),
            *(NotImplementedError, zipfile.BadZipFile),
        ) as error:
            raise ValueError(
                f"{self.path} is truncated or altered ({error}). Delete it to start "
                "anew, or put back a good copy."
            ) from error
        wanted = {f"v{i}": tuple(v.shape) for i, v in enumerate(self.variables())}
        found = {name: v.shape for name, v in arrays.items() if name[0] == "v"}
        if state["format"] != FORMAT or found != wanted:
            raise ValueError(
                f"{self.path} holds the state of another model. Build the model as "
                "it was, or choose another path."
            )
        if state.get("data", self.order()) != self.order():
            raise ValueError(
                f"{self.path} is of a training on other data: {state['data']}, not "
                f"{self.order()}. Give the data as they were, or choose another path."
            )
        if len(state["callbacks"]) != 1 + len(self.callbacks):
            raise ValueError(
                f"{self.path} holds the state of {len(state['callbacks']) - 1} callbacks, "
                f"not of {len(self.callbacks)}. Pass those it was made with, or choose "
                "another path."
            )
        return state

    def restore(self):
        for i, variable in enumerate(self.variables()):
            variable.assign(self.loaded["arrays"][f"v{i}"])

    def restore_callbacks(self):
        observers = [self.model.history, *self.callbacks]
        for i, (observer, note) in enumerate(
            zip(observers, self.loaded["callbacks"], strict=True)
        ):
            vars(observer).update(note)
            best = [
                v for k, v in self.loaded["arrays"].items() if k.startswith(f"best{i - 1}_")
            ]
            if i and best:
                observer.best_weights = best

    def skip(self, batches):
        """Let the first batches of this epoch pass by: they have been learned from."""
        left = batches

        def train_function(iterator):
            nonlocal left
            if left == 0:
                self.model.train_function = self.learn
                return self.learn(iterator)
            left -= 1
            next(iterator)
            return self.model.get_metrics_result()

        self.model.train_function = train_function


def plain_state(callback):
    """What training changes in a callback: its plain attributes but for its settings."""
    state, settings = {}, inspect.signature(type(callback)).parameters
    for name, value in vars(callback).items():
        if name.startswith("_") or name in ("model", "params", *settings):
            continue
        try:
            state[name] = json.loads(json.dumps(value, default=float))
        except (TypeError, ValueError):
            continue
    return state


def write_atomically(path, content):
    """Write bytes to a file so that it is either all there or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
