"""The one training step that every model of the book shares.

A model says what a batch costs (`terms`); this module descends on it. It works with `fit`,
callbacks, sample weights, mixed precision, `jit_compile` and `tf.distribute`.
"""

import inspect
import os

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tutvae.batches import Batches, refuse_sparse
from tutvae.likelihoods import bernoulli, multinomial
from tutvae.optimizers import Adam
from tutvae.stream import TextStream

serialize = keras.saving.serialize_keras_object
deserialize = keras.saving.deserialize_keras_object


class BaseModel(keras.Model):
    """A model whose loss per example is computed by its own `terms`.

    Subclasses give `terms`, name their constructor's arguments in `parts`, and list the
    terms that `fit` reports in `logged`. What regularisers of Keras ask of the parts is
    added to what training minimises, not to the `loss` that is reported. A part may be
    replaced between two trainings, not within one, whose step is compiled; one with other
    weights asks for another `compile`.

    A figure of one's own: its name in `logged`, one value per example in `terms`. What
    needs the whole data set belongs into the `on_epoch_end` of a callback.
    """

    parts = ()  # constructor arguments, saved under the same names
    logged = ()  # names of the terms to average and report, besides the loss

    def __init__(self, seed=0, **kwargs):
        # x is also what the likelihood compares with: the parts cast their own copy.
        super().__init__(**{"autocast": False, **kwargs})
        self.seed = seed
        self.noise = keras.random.SeedGenerator(seed)
        self.trackers = [keras.metrics.Mean(name) for name in self.logged]
        self.built = True  # parts come built, so saving needs no first batch
        self.fitting = False

    def __setattr__(self, name, value):
        if name in self.parts and getattr(self, "fitting", False):
            raise ValueError(
                f"{name} cannot be changed while `fit` runs: the compiled step would not "
                "see it. A beta that changes is a schedule, a function of the training "
                "step such as tv.linear(1000); anything else is changed between two `fit`."
            )
        place = self.let_go(name, value) if name in self.parts else None
        super().__setattr__(name, value)
        if place is not None and self._layers[-1] is value:
            self._layers.insert(place, self._layers.pop())  # weights are saved in order
        if name in self.parts:  # compiled anew, with the new part, when next needed
            self.train_function = self.test_function = self.predict_function = None

    def let_go(self, name, value):
        """Make Keras forget the weights of a part that `value` replaces; its old place."""
        old = getattr(self, name, None)
        used = any(part is old for key, part in vars(self).items() if key != name)
        if not isinstance(old, keras.Layer) or old is value or used:
            return None
        place = next((i for i, x in enumerate(self._layers) if x is old), None)
        self._tracker.untrack(old)
        return place

    def terms(self, x, training=False):
        """x -> {name: (B,)}: the `loss` that training minimises, and what is logged."""
        raise NotImplementedError

    def build_parts(self):
        """Make the weights that parts have not made yet: before a compile, or a load."""
        for part in (getattr(self, name, None) for name in ("encoder", "decoder")):
            if not getattr(part, "built", True):
                refuse_unknown_shapes(part)

    def train_step(self, data):
        x, weight = unpack(data)
        with tf.GradientTape() as tape:
            terms = self.terms(x, training=True)
            check_one_per_example(terms["loss"], "an objective")
            losses = terms["loss"] if weight is None else terms["loss"] * weight
            loss = ops.sum(losses) / examples(losses)  # of all replicas: gradients add up
            loss += sum(self.losses) / replicas()
            loss = self.optimizer.scale_loss(loss)  # no effect except in mixed_float16
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        return self.track(terms, weight)

    def test_step(self, data):
        x, weight = unpack(data)
        return self.track(self.terms(x, training=False), weight)

    def track(self, terms, weight=None):
        """Update every running mean with one value per example, and return the means."""
        for metric in self.metrics:
            if metric.name in ("loss", *self.logged):  # others are their owner's affair
                metric.update_state(terms[metric.name], sample_weight=weight)
        return self.get_metrics_result()

    def compile(self, optimizer="adam", *, jit_compile=None, **kwargs):
        """As `keras.Model.compile`, without `loss` and `metrics`: the parts define both.

        Args:
            optimizer: Keras optimizer or its name; "adam" is `tv.Adam`.
            jit_compile: Whether to compile with XLA. Off by default: XLA compiles anew for
                every length of sentence, and draws other random numbers for the same seed,
                so that a CPU and a GPU would disagree. `TUTVAE_JIT=1` turns the default on,
                but not for several replicas, whose variables XLA cannot share.

        Raises:
            ValueError: If `loss` or `metrics` is given.
        """
        for name in ("loss", "metrics", "weighted_metrics", "loss_weights"):
            if kwargs.get(name) is not None:
                raise ValueError(
                    f"compile({name}=...) is not used by {type(self).__name__}: the loss "
                    "follows from its likelihood and objective. Pass the objective to the "
                    "constructor; for a figure of your own add its name to `logged`, and a "
                    "value per example to what `terms` returns."
                )
        if jit_compile is None:
            jit_compile = replicas() == 1 and os.environ.get("TUTVAE_JIT") == "1"
        optimizer = Adam() if optimizer == "adam" else optimizer
        self.build_parts()
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)
        self.optimizer.build(self.trainable_variables)  # so it can be saved at once

    def compile_from_config(self, config):
        self.compile(**deserialize(config))  # Keras does this only for its own `compile`

    def fit(self, x=None, y=None, *, sample_weight=None, validation_data=None, **kwargs):
        """As `keras.Model.fit`; x is an array, a `tf.data.Dataset` or a `tv.batches(...)`.

        All but x and y go by keyword. The y of a Dataset is not used.

        Raises:
            ValueError: If an array is empty or holds NaN or infinite values, y is given
                and is not x, weights are given for what is no array, or are NaN, infinite
                or negative, or a part of the model is replaced meanwhile.
        """
        y = self.check_all(x, y, sample_weight)
        if isinstance(validation_data, tuple):  # x, y or None, weights
            held_out, *rest = validation_data
            rest[:1] = [self.check_all(held_out, *rest)]
            validation_data = (held_out, *rest)
        else:
            self.check(validation_data)
        if isinstance(x, (Batches, TextStream, tf.data.Dataset)):
            kwargs["shuffle"] = False  # both bring their own order
        self.fitting = True
        try:
            return super().fit(
                as_dataset(x),
                y,
                sample_weight=sample_weight,
                validation_data=as_dataset(validation_data),
                **kwargs,
            )
        except BaseException:
            # What a `Resume` may have left that was passing batches and epochs by.
            self.train_function = self._initial_epoch = None
            raise
        finally:
            self.fitting = False

    def evaluate(self, x=None, y=None, *, sample_weight=None, **kwargs):
        """As `keras.Model.evaluate`, for the same x as `fit`."""
        if not kwargs.get("_use_cached_eval_dataset"):  # by `fit`, which has checked it
            y = self.check_all(x, y, sample_weight)
        return super().evaluate(as_dataset(x), y, sample_weight=sample_weight, **kwargs)

    def predict(self, x, **kwargs):
        """As `keras.Model.predict`, for the same x as `fit`, but in its own order.

        Returns:
            What the model gives when it is called: a `Draw` in a `VAE`, the decoder's
            output in an `Autoencoder`, log p of each sentence (N,), in nats, in a
            `TextAutoencoder` or `LanguageModel`.

        Raises:
            ValueError: If x is shuffled: its rows could not be told apart in the result.
        """
        self.check(x)
        if isinstance(x, (Batches, TextStream)) and x.seed is not None:
            raise ValueError("predict needs batches in order: leave out their seed")
        return super().predict(as_dataset(x), **kwargs)

    def check_all(self, x, y=None, sample_weight=None):
        """Refuse what cannot be used; return y, which Keras wants beside weights."""
        self.check(x)
        if y is not None and y is not x:
            raise ValueError("y is not used: these models learn x. Pass x alone.")
        if sample_weight is None:
            return y
        if isinstance(x, (Batches, TextStream, tf.data.Dataset)):
            raise ValueError(
                "sample_weight goes with an array x. Put the weights of batches into a "
                "tf.data.Dataset of (x, x, weight)."
            )
        weight = np.asarray(sample_weight)
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise ValueError(
                "sample_weight holds NaN, infinite or negative values. Give one finite "
                "number per example, 0 or more."
            )
        return x

    def check(self, x):
        """Refuse what cannot be learned from: arrays, and the arrays of batches."""
        if isinstance(x, Batches) and x.is_tokens and not hasattr(self, "tokenizer"):
            raise ValueError(
                "tv.batches takes whole numbers (N, T) for sentences, and trims them. This "
                "model has no tokenizer: pass x.astype('float32')."
            )
        x = as_array(x)
        check_array(x)
        likelihood = getattr(self, "likelihood", None)
        if likelihood is bernoulli and isinstance(x, np.ndarray):
            if x.min() < 0 or x.max() > 1:
                raise ValueError(
                    f"x lies between {x.min()} and {x.max()}; a Bernoulli likelihood needs "
                    "values in [0, 1]. Divide by the greatest possible one, or choose "
                    "another likelihood."
                )
        if likelihood is multinomial and isinstance(x, np.ndarray) and x.min() < 0:
            raise ValueError(f"x holds {x.min()}; counts of words are 0 or more")

    def get_config(self):
        config = super().get_config()
        arguments = inspect.signature(type(self).__init__).parameters.values()
        many = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
        named = {argument.name for argument in arguments if argument.kind not in many}
        unsaved = named - {*self.parts, *config, "self", "seed"}
        if unsaved and type(self).get_config is BaseModel.get_config:
            raise ValueError(
                f"{type(self).__name__} does not save its arguments {sorted(unsaved)}. "
                "Name all arguments of its constructor in `parts`, and keep each in an "
                "attribute of that name; or write a `get_config`."
            )
        saved = {name: serialize(getattr(self, name)) for name in (*self.parts, "seed")}
        return {**config, **saved}

    @classmethod
    def from_config(cls, config):
        return cls(**{name: deserialize(value) for name, value in config.items()})

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, state in enumerate(seed_states(self)):  # else noise would repeat itself
            store[f"seed_{i}"] = ops.convert_to_numpy(state)

    def load_own_variables(self, store):
        super().load_own_variables({k: store[k] for k in store.keys() if k.isdigit()})
        for i, state in enumerate(seed_states(self)):
            state.assign(store[f"seed_{i}"])


def examples(losses):
    """How many examples all replicas see in this step; a last batch may be uneven."""
    n = ops.cast(ops.shape(losses)[0], "float32")
    return tf.distribute.get_replica_context().all_reduce("sum", n)


def replicas():
    """How many copies of the model train in step: 1 without a `tf.distribute.Strategy`."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def seed_states(model):
    """The state of every random number generator in a model: its noise and its dropout."""
    return [v for v in model.variables if v.name == "seed_generator_state"]


def refuse_unknown_shapes(net):
    raise ValueError(
        f"{net.name} has no known shapes: make it a functional or Sequential model that "
        "begins with a keras.Input"
    )


def check_one_per_example(values, source):
    """Refuse a mean over the batch, and pairs of examples, which would train in silence."""
    if len(values.shape) != 1:
        raise ValueError(
            f"{source} gives one number per example, (B,), not {tuple(values.shape)}: sum "
            "over what makes up an example, and never over the batch"
        )


def as_dataset(x):
    """`Batches`, `TextStream` -> tf.data.Dataset; anything else is left to Keras."""
    return x.dataset() if isinstance(x, (Batches, TextStream)) else x


def as_array(x):
    """The array in `Batches`, a tensor or a DataFrame; anything else as it is."""
    x = x.x if isinstance(x, Batches) else x
    return np.asarray(x) if hasattr(x, "__array__") else x


def unpack(data):
    """A batch as Keras hands it over -> x, and weights (B,) or None."""
    x, _, weight = keras.utils.unpack_x_y_sample_weight(data)
    return x, None if weight is None else ops.reshape(weight, (-1,))  # (B, 1) too


def check_array(x):
    """Refuse an array that no model can learn from, before it is trained on."""
    if isinstance(x, list):
        raise ValueError(
            f"x is a list of {len(x)}; pass an array. Sentences become one with "
            "Tokenizer.encode."
        )
    refuse_sparse(x)
    if not isinstance(x, np.ndarray):
        return
    if x.size == 0:
        raise ValueError(f"x is empty: its shape is {x.shape}. Pass at least one example.")
    if x.dtype.kind not in "fiub":
        raise ValueError(
            f"x has dtype {x.dtype}; a model needs numbers. Turn sentences into token ids "
            "with Tokenizer.encode."
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).sum())
        raise ValueError(
            f"x holds {bad} NaN or infinite values. Remove or replace them, for example "
            "with numpy.nan_to_num."
        )


def load_model(path):
    """Load a model saved with `model.save("name.keras")`, without running code from it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated or altered, or has a part that is not
            registered.
    """
    path = os.path.expanduser(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"no model file at {path}; save one with model.save(...)")
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a saved model. If a class or a function could not "
            "be located, import the module that defines it, decorated with "
            "@keras.saving.register_keras_serializable(). Otherwise the file may be "
            "truncated or altered: fetch or save it again. "
            f"({type(error).__name__}: {error})"
        ) from error
