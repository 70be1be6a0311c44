"""The rows of the table: one model, most of them changed in one point.

The sizes and dropout are those of Texar (github.com/asyml/texar at commit 3b44c91,
examples/vae_text/config_lstm_ptb.py): embeddings and LSTMs of 256, 32 dimensions of z,
dropout in the decoder only. The page "Results" says what is different; the readout shares
the decoder's embeddings (Press & Wolf 2017, arXiv:1608.05859), but for the `untied-` rows.
All recipes get the same number of steps, over which the learning rate falls along half a
cosine, from four times that of Texar, whose trainings are longer. In the first quarter of
the steps, the warm-up, the weight of the KL rises; a pre-trained recipe spends as many on
the autoencoder before it, and the aggressive one counts the quarter in steps of all parts,
of which it takes half as many. What is told how much rate to hold (free bits, batch
normalisation, a concentration, a target, a floor) is told 8 nats, unless the name ends with
another number.
"""

from typing import NamedTuple

import tutvae as tv
from benchmarks.speed.sizes import CLIP, DROPOUT, EMBED, LATENT, UNITS


class Recipe(NamedTuple):
    """How a row departs from the VAE with KL annealing."""

    source: str
    beta: object = None  # steps of the warm-up -> weight of the KL; None for annealing
    objective: object = tv.ELBO
    posterior: object = lambda: tv.GaussianPosterior(LATENT)
    prior: object = tv.StandardNormal
    word_dropout: float = 0.0
    bag_of_words: float = 0.0
    transformer: bool = False  # as the decoder
    aggressive: bool = False  # up to half of all steps for the encoder alone
    pretrained: bool = False  # before the warm-up, as many steps as an autoencoder
    watch: str = "val_elbo"  # what chooses the best weights
    by_length: bool = True  # batches of like length; False where a batch stands for all
    units: int = UNITS  # of the decoder's LSTM
    dropout: float = DROPOUT  # of the decoder
    tied: bool = True  # the readout shares the decoder's embeddings
    rate: float = 4e-3  # of Adam, where the cosine begins


def annealed(warm_up):
    return tv.linear(warm_up, start=0.1)


RECIPES = {
    "language-model": Recipe("Mikolov et al. 2010", posterior=None, watch="val_loss"),
    "vae": Recipe("Kingma & Welling 2014, arXiv:1312.6114", beta=lambda warm_up: 1.0),
    "annealing": Recipe("Bowman et al. 2016, arXiv:1511.06349"),
    "cyclical": Recipe("Fu et al. 2019, arXiv:1903.10145", beta=tv.Cyclical),
    "free-bits": Recipe(
        "Kingma et al. 2016, arXiv:1606.04934",
        objective=lambda: tv.FreeBits(0.25),
        watch="val_loss",
    ),
    "word-dropout": Recipe("Bowman et al. 2016, arXiv:1511.06349", word_dropout=0.3),
    "batch-norm": Recipe(
        "Zhu et al. 2020, arXiv:2004.12585",
        posterior=lambda: tv.BatchNormPosterior(LATENT, gamma=0.7),
        by_length=False,
    ),
    "aggressive": Recipe("He et al. 2019, arXiv:1901.05534", aggressive=True),
    "pretrained": Recipe(
        "Li et al. 2019, arXiv:1909.00868",
        objective=lambda: tv.FreeBits(0.25),
        pretrained=True,
        watch="val_loss",
    ),
    "bag-of-words": Recipe("Zhao et al. 2017, arXiv:1703.10960", bag_of_words=1.0),
    "von-mises-fisher": Recipe(
        "Xu & Durrett 2018, arXiv:1808.10805",
        posterior=lambda: tv.VonMisesFisherPosterior(LATENT, kappa=33.0),
        prior=tv.UniformSphere,
    ),
    "info-vae": Recipe(
        "Zhao et al. 2017, arXiv:1706.02262",
        objective=lambda: tv.MMD(10.0, kl=0.7),
        watch="val_loss",
        by_length=False,
    ),
    "target-rate": Recipe(
        "Pelsmaeker & Aziz 2020, arXiv:1904.08194", beta=lambda warm_up: tv.TargetRate(8.0)
    ),
    "transformer": Recipe(
        "Vaswani et al. 2017, arXiv:1706.03762", transformer=True, dropout=0.2, rate=1e-3
    ),
}

# A prior that is learned can widen with the posterior, which leaves no floor to a rate that
# only batch normalisation holds.
RECIPES["learned-prior"] = RECIPES["batch-norm"]._replace(
    source="Tomczak & Welling 2018, arXiv:1705.07120",
    prior=lambda: tv.GaussianMixture(100, LATENT),
    objective=lambda: tv.FreeRate(8.0),
    watch="val_loss",
)

# Off the footing of the others: with the readout of the published model, and with a wider
# decoder, which has fewer weights than that all the same.
RECIPES |= {
    f"untied-{name}": RECIPES[name]._replace(tied=False)
    for name in ("language-model", "annealing", "batch-norm")
}
RECIPES |= {
    f"wide-{name}": RECIPES[name]._replace(units=2 * UNITS)
    for name in ("language-model", "annealing", "pretrained", "learned-prior")
}
# What the batches of the rows with `by_length=False` do by themselves.
RECIPES |= {
    f"mixed-{name}": RECIPES[name]._replace(by_length=False)
    for name in ("language-model", "annealing")
}
RECIPES |= {
    f"{name}-7": RECIPES[name]._replace(objective=lambda: tv.FreeRate(7.0))
    for name in ("learned-prior", "wide-learned-prior")
}
# A dropout of one half is a strong one for 256 units and twelve passes.
RECIPES |= {
    f"dropout-0.3-{name}": RECIPES[name]._replace(dropout=0.3)
    for name in ("language-model", "learned-prior-7")
}
# With 0.3 a floor of seven nats left 5.9 of information, where the target is 5.3 (the page
# "Results"), and the validation bound stood still in the last passes.
RECIPES["dropout-0.4-learned-prior-6.5"] = RECIPES["learned-prior"]._replace(
    dropout=0.4, objective=lambda: tv.FreeRate(6.5)
)


def decoder(recipe, tokenizer):
    v, latent = len(tokenizer), LATENT if recipe.posterior else 0
    if recipe.transformer:
        length = tokenizer.length
        return tv.transformer_decoder(v, latent, length, UNITS, 8, 3, recipe.dropout)
    return tv.lstm_decoder(v, latent, recipe.units, EMBED, recipe.dropout)


def build(recipe, tokenizer, warm_up, seed):
    """A compiled model; `warm_up` is the number of steps in which the KL's weight rises."""
    decode = decoder(recipe, tokenizer)
    readout = tv.TiedReadout() if recipe.tied else None
    if recipe.posterior is None:
        model = tv.LanguageModel(decode, tokenizer, readout=readout, seed=seed)
    else:
        model = tv.TextVAE(
            tv.lstm_encoder(len(tokenizer), UNITS, EMBED, bidirectional=False),
            decode,
            recipe.posterior(),
            tokenizer,
            prior=recipe.prior(),
            readout=readout,
            objective=recipe.objective(),
            beta=(recipe.beta or annealed)(warm_up),
            word_dropout=recipe.word_dropout,
            bag_of_words=recipe.bag_of_words,
            seed=seed,
        )
    model.compile(tv.Adam(recipe.rate, global_clipnorm=CLIP))
    return model
