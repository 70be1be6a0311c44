"""The rows of the table: one model, changed in one point each.

The model is that of `benchmarks.speed.sizes`: embeddings and LSTMs of 256, 32 dimensions of
z. All recipes get the same number of passes over the data.
"""

from typing import NamedTuple

import tutvae as tv
from benchmarks.speed.sizes import CLIP, DROPOUT, EMBED, LATENT, RATE, UNITS

EPOCHS, WARM_UP = 12, 3


class Recipe(NamedTuple):
    """How a row departs from the VAE with KL annealing."""

    source: str
    beta: object = None  # steps per epoch -> weight of the KL; None for annealing
    objective: object = tv.ELBO
    posterior: object = lambda: tv.GaussianPosterior(LATENT)
    prior: object = tv.StandardNormal
    word_dropout: float = 0.0
    bag_of_words: float = 0.0
    transformer: bool = False  # as the decoder
    aggressive: int = 0  # epochs' worth of steps for the encoder alone, at most
    pretrained: int = 0  # epochs as an autoencoder, before


def annealed(steps):
    return tv.linear(WARM_UP * steps, start=0.1)


RECIPES = {
    "language-model": Recipe("Mikolov et al. 2010", posterior=None),
    "vae": Recipe("Kingma & Welling 2014, arXiv:1312.6114", beta=lambda steps: 1.0),
    "annealing": Recipe("Bowman et al. 2016, arXiv:1511.06349"),
    "cyclical": Recipe(
        "Fu et al. 2019, arXiv:1903.10145", beta=lambda steps: tv.Cyclical(WARM_UP * steps)
    ),
    "free-bits": Recipe(
        "Kingma et al. 2016, arXiv:1606.04934", objective=lambda: tv.FreeBits(0.25)
    ),
    "word-dropout": Recipe("Bowman et al. 2016, arXiv:1511.06349", word_dropout=0.3),
    "batch-norm": Recipe(
        "Zhu et al. 2020, arXiv:2004.12585",
        posterior=lambda: tv.BatchNormPosterior(LATENT, gamma=0.6),
    ),
    "aggressive": Recipe("He et al. 2019, arXiv:1901.05534", aggressive=EPOCHS // 2),
    "pretrained": Recipe(
        "Li et al. 2019, arXiv:1909.00868",
        objective=lambda: tv.FreeBits(0.2),
        pretrained=WARM_UP,
    ),
    "bag-of-words": Recipe("Zhao et al. 2017, arXiv:1703.10960", bag_of_words=1.0),
    "von-mises-fisher": Recipe(
        "Xu & Durrett 2018, arXiv:1808.10805",
        posterior=lambda: tv.VonMisesFisherPosterior(LATENT, kappa=80.0),
        prior=tv.UniformSphere,
    ),
    "info-vae": Recipe(
        "Zhao et al. 2017, arXiv:1706.02262", objective=lambda: tv.MMD(100.0)
    ),
    "transformer": Recipe("Vaswani et al. 2017, arXiv:1706.03762", transformer=True),
}


def decoder(recipe, tokenizer):
    v, latent = len(tokenizer), LATENT if recipe.posterior else 0
    if recipe.transformer:
        length = tokenizer.length
        return tv.transformer_decoder(v, latent, length, UNITS, 4, 2, dropout=0.1)
    return tv.lstm_decoder(v, latent, UNITS, EMBED, DROPOUT)


def compiled(model):
    model.compile(tv.Adam(RATE, global_clipnorm=CLIP))
    return model


def build(recipe, tokenizer, steps, seed):
    """A compiled model; `steps` are those of an epoch."""
    decode = decoder(recipe, tokenizer)
    if recipe.posterior is None:
        model = tv.LanguageModel(decode, tokenizer, seed=seed)
    else:
        model = tv.TextVAE(
            tv.lstm_encoder(len(tokenizer), UNITS, EMBED, DROPOUT, bidirectional=False),
            decode,
            recipe.posterior(),
            tokenizer,
            prior=recipe.prior(),
            objective=recipe.objective(),
            beta=(recipe.beta or annealed)(steps),
            word_dropout=recipe.word_dropout,
            bag_of_words=recipe.bag_of_words,
            seed=seed,
        )
    return compiled(model)
