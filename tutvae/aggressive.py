"""Let a lagging encoder catch up before the decoder goes on."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tutvae.batches import trim
from tutvae.evaluation import mutual_information, posteriors


class Aggressive(keras.callbacks.Callback):
    """Trains the encoder alone before every training step, as long as that pays.

    Before each batch, encoder and posterior descend on other batches of `x` until the loss
    of 15 batches is no lower than that of the 15 before. This goes on until the mutual
    information of x and z on validation data has stopped to rise, or `budget` is spent.

    Args:
        x: Training examples, an array (N, ...).
        validation: Examples for the mutual information, an array too. A posterior that has
            none (nan, see `mutual_information`) ends the phase at the first measurement.
        budget: Steps of the encoder alone, at most, in the whole training.
        most: Steps of the encoder alone before one batch, at most; at least 1.
        every: Training steps from one measurement of the mutual information to the next.
        batch_size: Examples per step of the encoder.
        rate: Learning rate of the encoder's own optimizer, SGD. The gradient of all parts
            together is clipped at the norm 5.
        seed: Seed of the choice of batches.

    Raises:
        ValueError: If `most` is below 1, or x or `validation` is no array. From `fit`, if
            they hold what `fit` refuses, or in mixed_float16.

    `aggressive`, `steps`, `information` and `done` are its state: give it to `Resume`.

    Source: He et al. 2019, arXiv:1901.05534, algorithm 1; there the training step itself
    moves the decoder only.
    """

    def __init__(
        self,
        x,
        validation,
        budget,
        most=100,
        every=200,
        batch_size=32,
        rate=1.0,
        seed=0,
    ):
        super().__init__()
        self.x, self.validation, self.budget = np.asarray(x), np.asarray(validation), budget
        self.most, self.every, self.batch_size = most, every, batch_size
        self.rate, self.seed = rate, seed
        if most < 1:
            raise ValueError(f"most is {most}; it must be at least 1")
        for name, examples in (("x", self.x), ("validation", self.validation)):
            if examples.ndim == 0:  # it is drawn from, or looked at again and again
                raise ValueError(
                    f"{name} must be an array of examples, not batches or a dataset"
                )
        self.aggressive, self.steps, self.information = budget > 0, 0, 0.0
        self.done = -1  # training steps before which the encoder has caught up

    def on_train_begin(self, logs=None):
        vae = self.model
        for examples in (self.x, self.validation):
            vae.check(examples)
        if isinstance(vae.optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                "Aggressive does not scale the loss of the encoder's own steps, whose "
                "gradients vanish in mixed_float16: use float32 or mixed_bfloat16"
            )
        optimizer = keras.optimizers.SGD(self.rate)
        weights = [*vae.encoder.trainable_variables, *vae.posterior.trainable_variables]
        optimizer.build(weights)
        own = {id(w) for w in weights}
        others = [w for w in vae.trainable_variables if id(w) not in own]

        @tf.function(reduce_retracing=True)
        def step(x):
            with tf.GradientTape() as tape:
                loss = ops.mean(vae.terms(x, training=True)["loss"]) + sum(vae.losses)
            # A decoder on a steep slope shortens the encoder's step too.
            gradients = tape.gradient(loss, [*weights, *others])
            gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
            optimizer.apply(gradients[: len(weights)], weights)
            return loss

        self.step = step

    def on_train_batch_begin(self, batch, logs=None):
        done = int(self.model.optimizer.iterations)
        if done == self.done:
            return  # `Resume` lets batches pass by that were learned from
        self.done = done
        if self.aggressive and done and done % self.every == 0:
            information = mutual_information(posteriors(self.model, self.validation))
            self.aggressive = information > self.information
            self.information = information
        if self.aggressive:
            self.catch_up(np.random.default_rng([self.seed, done]))
        self.aggressive = self.aggressive and self.steps < self.budget

    def catch_up(self, rng):
        check, last = min(15, self.most), np.inf
        for _ in range(self.most // check):
            block = min(check, self.budget - self.steps)
            loss = np.mean([self.step(self.draw(rng)) for _ in range(block)])
            self.steps += block
            if loss >= last or self.steps >= self.budget:
                break
            last = loss

    def draw(self, rng):
        # Not sentences of like length: losses are compared, and longer ones lose more.
        x = self.x[rng.integers(len(self.x), size=self.batch_size)]
        return tf.constant(trim(x) if hasattr(self.model, "tokenizer") else x)
