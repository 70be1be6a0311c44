"""Codes on a sphere: a posterior whose KL is a constant, so that its rate cannot vanish.

The von Mises-Fisher distribution has the density C exp(kappa mean.z) on the unit sphere in
D dimensions. With a fixed concentration kappa its KL to the uniform distribution is fixed.
Source: Guu et al. 2018, arXiv:1709.08878; Xu & Durrett 2018, arXiv:1808.10805.
"""

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tutvae.distributions import Posterior, Prior, standard_normal, stateless_key

register = keras.saving.register_keras_serializable("tutvae")
PROPOSALS = 16  # of the rejection sampler: all are refused once in a million or less


class VonMisesFisher(NamedTuple):
    """Points on the unit sphere around `mean`."""

    mean: tf.Tensor  # (B, D), of length 1
    kappa: tf.Tensor  # (B,) concentration
    log_c: tf.Tensor  # (B,) log of the density's constant, nats
    cosine: tf.Tensor  # (B,) E[mean.z]

    def sample(self, k, seed):
        """k reparameterised draws, (B, K, D): the angle by rejection (Wood 1994)."""
        b, d = ops.shape(self.mean)
        w = self.sample_cosine(b, k, d, seed)[..., None]
        mean = self.mean[:, None]
        side = standard_normal((b, k, d), seed)
        side = unit(side - ops.sum(side * mean, axis=-1, keepdims=True) * mean)
        return w * mean + ops.sqrt(ops.maximum(1.0 - w**2, 0.0)) * side

    def sample_cosine(self, b, k, d, seed):
        """Draws of mean.z, (B, K)."""
        kappa, m, shape = self.kappa[:, None, None], d - 1, (b, k, PROPOSALS)
        a = m / (2.0 * kappa + ops.sqrt(4.0 * kappa**2 + m**2))
        x = (1.0 - a) / (1.0 + a)
        c = kappa * x + m * ops.log(1.0 - x**2)
        g, h = (tf.random.stateless_gamma(shape, stateless_key(seed), m / 2) for _ in "gh")
        beta = g / (g + h)
        w = (1.0 - (1.0 + a) * beta) / (1.0 - (1.0 - a) * beta)
        u = tf.random.stateless_uniform(shape, stateless_key(seed))
        accepted = kappa * w + m * ops.log(1.0 - x * w) - c >= ops.log(u)
        first = ops.argmax(accepted, axis=-1)[..., None]
        return ops.take_along_axis(w, first, axis=-1)[..., 0]

    def log_prob(self, z):
        """log density on the sphere in nats: (B, K, D) -> (B, K)."""
        cosine = ops.sum(self.mean[:, None] * z, axis=-1)
        return self.log_c[:, None] + self.kappa[:, None] * cosine


@register
class VonMisesFisherPosterior(Posterior):
    """q(z|x) around a mean on the sphere; to be used with the prior `UniformSphere`.

    Args:
        latent_dim: D, at least 3.
        kappa: Concentration, above 0: the larger, the more nats a code costs.

    Raises:
        ValueError: If `latent_dim` is below 3 or `kappa` not above 0.
    """

    heads = ("mean",)
    support = "sphere"

    def __init__(self, latent_dim, kappa=80.0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if latent_dim < 3 or not kappa > 0:
            raise ValueError(
                f"latent_dim is {latent_dim} and kappa {kappa}; a sphere needs at least 3 "
                "dimensions, and kappa must be above 0"
            )
        self.kappa = kappa
        self.log_c, self.cosine = constants(latent_dim, kappa)

    def call(self, features):
        mean = unit(self.mean(features))
        fields = (self.kappa, self.log_c, self.cosine)
        return VonMisesFisher(mean, *(ops.full_like(mean[:, 0], v) for v in fields))

    def get_config(self):
        return {**super().get_config(), "kappa": self.kappa}


@register
class UniformSphere(Prior):
    """p(z) uniform on the unit sphere, with the KL to a von Mises-Fisher in closed form."""

    support = "sphere"

    def call(self, z):
        return ops.full_like(z[..., 0], -log_area(z.shape[-1]))

    def sample(self, shape, seed):
        return unit(standard_normal(shape, seed))

    def kl(self, q, z):
        if not isinstance(q, VonMisesFisher):
            return super().kl(q, z)
        kl = q.log_c + q.kappa * q.cosine + log_area(q.mean.shape[-1])
        return kl[:, None]


def unit(x):
    """Vectors scaled to length 1, along the last axis."""
    return ops.normalize(x, axis=-1, epsilon=1e-12)


def log_area(d):
    """log of the area of the unit sphere in d dimensions."""
    return math.log(2.0) + 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d)


def constants(d, kappa):
    """log of the density's constant, and E[mean.z], by an integral over the angle."""
    angle = np.linspace(0, math.pi, 100_001)[1:-1]
    log_f = (d - 2) * np.log(np.sin(angle)) + kappa * np.cos(angle)
    top = log_f.max()
    f = np.exp(log_f - top)
    log_integral = top + math.log(f.sum() * (angle[1] - angle[0]))
    return -log_area(d - 1) - log_integral, float((f * np.cos(angle)).sum() / f.sum())
