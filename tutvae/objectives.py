"""Objectives: what training minimises, as one number per example.

Terms that belong to a batch and not to an example (the floors of FreeBits and FreeRate, the
distance of MMD) take no account of sample weights, and are taken on each replica's share.
"""

import dataclasses
import math
from dataclasses import dataclass

import keras
from keras import ops

register = keras.saving.register_keras_serializable("tutvae")


class Objective:
    """A loss per example, the base of all objectives: (draw, beta) -> (B,), in nats.

    An objective of one's own is a frozen dataclass with `__call__`, under
    `@keras.saving.register_keras_serializable()`; its fields are its hyperparameters, saved
    with the model. `samples` is how many z the model draws for each x, K of `Draw`.
    """

    samples = 1

    def __post_init__(self):
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; it must be at least 1")

    def __call__(self, draw, beta):
        """`Draw`, weight of the KL -> losses (B,), in nats."""
        raise NotImplementedError

    def get_config(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@register
@dataclass(frozen=True)
class ELBO(Objective):
    """-E log p(x|z) + beta KL(q || p).

    Source: Kingma & Welling 2014, arXiv:1312.6114; beta: Higgins et al. 2017.
    """

    samples: int = 1

    def __call__(self, draw, beta):
        return -ops.mean(draw.log_px, axis=1) + beta * ops.sum(draw.kl, axis=-1)


@register
@dataclass(frozen=True)
class FreeBits(Objective):
    """The ELBO, where a dimension pays no KL below `floor` nats (mean over the batch).

    It needs a KL of each dimension: a `GaussianPosterior` and `StandardNormal`.

    Raises:
        ValueError: When the model is first used, if the KL does not split into dimensions.

    Source: Kingma et al. 2016, arXiv:1606.04934.
    """

    floor: float = 0.25
    samples: int = 1

    def __call__(self, draw, beta):
        if draw.kl.shape[-1] != draw.z.shape[-1]:
            raise ValueError(
                "FreeBits needs a KL of each dimension, which this posterior and prior do "
                "not give. tv.FreeRate(floor) has a floor under their whole KL."
            )
        kl = ops.maximum(ops.mean(draw.kl, axis=0), self.floor)
        return -ops.mean(draw.log_px, axis=1) + beta * ops.sum(kl)


@register
@dataclass(frozen=True)
class FreeRate(Objective):
    """The ELBO, where the whole KL of a batch costs nothing more below `floor` nats.

    Unlike `FreeBits` it leaves open which dimensions carry the information.
    Source: the total form of Kingma et al. 2016, arXiv:1606.04934.
    """

    floor: float = 8.0
    samples: int = 1

    def __call__(self, draw, beta):
        rate = ops.mean(ops.sum(draw.kl, axis=-1))
        return -ops.mean(draw.log_px, axis=1) + beta * ops.maximum(rate, self.floor)


@register
@dataclass(frozen=True)
class IWAE(Objective):
    """-log mean over k of p(x, z_k) / q(z_k|x), a tighter bound than the ELBO.

    Source: Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519.
    """

    samples: int = 8

    def __call__(self, draw, beta):
        log_w = draw.log_px + beta * (draw.log_pz - draw.log_qz)
        return math.log(self.samples) - ops.logsumexp(log_w, axis=1)


@register
@dataclass(frozen=True)
class MMD(Objective):
    """-E log p(x|z) + beta (kl KL(q(z|x) || p(z)) + weight MMD^2(q(z), p(z))).

    The second is estimated between samples of the batch, which must be a random sample of
    the data: `tv.batches(x, seed=0, by_length=False)`. It does not see how narrow the
    single posteriors are; a share `kl` of the KL keeps them from becoming points, whose
    codes no draw from the prior meets.

    Source: Zhao et al. 2017, arXiv:1706.02262; Tolstikhin et al. 2018, arXiv:1711.01558.
    """

    weight: float = 100.0
    kl: float = 0.0
    samples: int = 1

    def __call__(self, draw, beta):
        q, p = draw.z[:, 0], draw.z_prior[:, 0]
        gap = mean_kernel(q, q) + mean_kernel(p, p) - 2.0 * mean_kernel(q, p)
        rate = self.kl * ops.sum(draw.kl, axis=-1)
        return -ops.mean(draw.log_px, axis=1) + beta * (rate + self.weight * gap)


def mean_kernel(a, b):
    """Mean inverse multiquadratic kernel between two sets of points, (B, D) and (B, D)."""
    scale = 2.0 * ops.shape(a)[-1]
    squares = ops.sum((a[:, None] - b[None]) ** 2, axis=-1)
    return ops.mean(scale / (scale + squares))
