"""Schedules of beta, the weight of the KL: functions of the training step.

A schedule is a Keras learning-rate schedule, evaluated at the optimizer's step. It needs no
callback, is saved with the model, and resumes where it was.
"""

import keras
from keras import ops


def linear(steps, start=0.0, stop=1.0):
    """From `start` to `stop` in a straight line over `steps` updates, then constant.

    Source: Bowman et al. 2016, arXiv:1511.06349 (KL annealing).
    """
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
