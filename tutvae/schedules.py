"""What beta, the weight of the KL, may be besides a number.

A schedule is a function of the training step: a Keras learning-rate schedule, evaluated at
the optimizer's step. `TargetRate` is learned. Neither needs a callback; both are saved with
the model, and resume where they were.
"""

import keras
import tensorflow as tf
from keras import ops

from tutvae.training import examples


def linear(steps, start=0.0, stop=1.0):
    """From `start` to `stop` in a straight line over `steps` updates, then constant.

    Raises:
        ValueError: If `steps` is below 0.

    Source: Bowman et al. 2016, arXiv:1511.06349 (KL annealing).
    """
    if steps < 0:
        raise ValueError(f"steps is {steps}; it must be at least 0")
    if steps == 0:
        start, steps = stop, 1
    return keras.optimizers.schedules.PolynomialDecay(start, steps, stop, power=1.0)


@keras.saving.register_keras_serializable("tutvae")
class Cyclical(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from 0 to 1 in the first `ramp` of every `period` updates, then stays at 1.

    Source: Fu et al. 2019, arXiv:1903.10145.

    Args:
        period: Updates per cycle.
        ramp: Share of a cycle spent rising, in (0, 1].
    """

    def __init__(self, period, ramp=0.5):
        if period < 1 or not 0 < ramp <= 1:
            raise ValueError(f"need period >= 1 and 0 < ramp <= 1, not {period} and {ramp}")
        self.period, self.ramp = period, ramp

    def __call__(self, step):
        phase = ops.cast(step % self.period, "float32") / self.period
        return ops.minimum(phase / self.ramp, 1.0)

    def get_config(self):
        return {"period": self.period, "ramp": self.ramp}


@keras.saving.register_keras_serializable("tutvae")
class TargetRate(keras.Layer):
    """A beta that holds the rate at `rate`, by the method of Lagrange multipliers.

    Training minimises -E log p(x|z) + KL subject to KL >= rate. The multiplier u of the
    constraint follows its gradient upwards, u += speed (rate - KL of the batch), and what
    multiplies the KL is beta = 1 - u, kept in [0, 1]: a constraint that holds costs
    nothing, and no rate is ever rewarded.

    Args:
        rate: Nats per example that the code is to carry, above 0.
        speed: Step of the multiplier, per nat and call in training. Too fast, and the rate
            swings: a code takes hundreds of steps to follow.
        start: Beta before the first step.

    Raises:
        ValueError: If `rate` or `speed` is not above 0, or `start` not in [0, 1].

    Source: Pelsmaeker & Aziz 2020, arXiv:1904.08194 (minimum desired rate); Rezende &
    Viola 2018, arXiv:1810.00597.
    """

    def __init__(self, rate, speed=1e-4, start=0.0, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        if not rate > 0 or not speed > 0 or not 0 <= start <= 1:
            raise ValueError(
                "need rate > 0, speed > 0 and 0 <= start <= 1, not "
                f"{rate}, {speed} and {start}"
            )
        self.rate, self.speed, self.start = rate, speed, start
        first = keras.initializers.Constant(start)
        self.beta = self.add_weight(
            name="beta", initializer=first, trainable=False, aggregation="mean"
        )
        self.built = True

    def call(self, kl, training=False):
        """The KL of a batch, (B,) in nats -> beta, which moves only in training."""
        if not training:
            return ops.convert_to_tensor(self.beta)
        total = tf.distribute.get_replica_context().all_reduce("sum", ops.sum(kl))
        miss = self.rate - total / examples(kl)
        beta = ops.clip(self.beta - self.speed * miss, 0.0, 1.0)
        self.beta.assign(beta)
        return beta

    def get_config(self):
        own = {"rate": self.rate, "speed": self.speed, "start": self.start}
        return {**super().get_config(), **own}
