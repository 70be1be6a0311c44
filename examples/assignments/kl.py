"""Assignment "kl": the KL to a normal prior of another width, in closed form.

Fill in `WideNormal.kl`: KL(N(mean, diag exp(log_var)) || N(0, scale^2 I)), in nats. Derive
it on paper first, and use functions of `keras.ops`, so that a model can train with it.

    python grade.py kl kl.py

grades it, without knowing a solution: `tv.Prior.kl` estimates any KL from samples. Points:

    columns 1   the shape is (B, D), and column d is the KL of dimension d alone
    zero    1   the KL is 0 where q is the prior
    value   4   for scale 1 the columns sum to the KL, within the noise of the estimate
    scale   3   so they do for other scales
    trains  1   a `tv.VAE` trains with this prior
"""

import math

import keras
from keras import ops

import tutvae as tv
from tutvae.distributions import log_normal, standard_normal


@keras.saving.register_keras_serializable("assignment")
class WideNormal(tv.Prior):
    """p(z) = N(0, scale^2 I)."""

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, z):
        return log_normal(z, 0.0, ops.full_like(z, 2.0 * math.log(self.scale)))

    def sample(self, shape, seed):
        return self.scale * standard_normal(shape, seed)

    def kl(self, q, z):
        """KL(q || p) by dimension, in nats.

        Args:
            q: `tv.Normal`: `q.mean` and `q.log_var`, the logarithm of the variance, (B, D).
            z: Samples of q (B, K, D), which a closed form does not need.

        Returns:
            (B, D).
        """
        raise NotImplementedError("write the closed form here")

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
