"""Assignment "objective": a remedy of posterior collapse, against free bits.

Fill in `Remedy`. The grader trains a small VAE on sentences of the grammar with it, another
with `tv.FreeBits()`, both with beta 1, the same seed and as many updates, and compares them
on sentences drawn anew.

    python grade.py objective objective.py

Points:

    shape       1   one loss per example, (B,), finite
    rate        2   the KL is at least 0.5 nats per sentence
    information 5   I(x; z) exceeds that of free bits by more than 0.1 nats
    bound       2   -ELBO is at most 1 nat per sentence above that of free bits

The grader takes the mean of what `Remedy` returns, so a wrong shape costs one point; a
model of the package would refuse it. It does not see whether you wrote a remedy of your own
or called one of the package, which is no solution: your teacher does.
"""

import dataclasses

import keras

import tutvae as tv


@keras.saving.register_keras_serializable("assignment")
@dataclasses.dataclass(frozen=True)
class Remedy(tv.Objective):
    """What is minimised, in nats per example. Fields are hyperparameters with defaults."""

    samples: int = 1  # of z per example, K

    def __call__(self, draw, beta):
        """The loss of each example.

        Args:
            draw: `tv.Draw`: `draw.log_px` (B, K), `draw.kl` (B, D) and more, in nats.
            beta: Weight of the KL, 1 here.

        Returns:
            (B,).
        """
        raise NotImplementedError("write the objective here")
