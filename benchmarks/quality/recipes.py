"""The models before their training, and the training of each."""

from typing import NamedTuple

import keras

import tutvae as tv


class Recipe(NamedTuple):
    """Sizes and training of a model of sentences."""

    epochs: int
    units: int = 384  # of the decoder
    embed: int = 192
    dropout: float = 0.2
    latent: int = 64  # dimensions of z; 0: a language model
    floor: float = 0.0  # nats of rate that cost nothing
    word_dropout: float = 0.0
    warm_up: int = 2  # epochs in which beta rises to 1
    rate: float = 2e-3
    batch_size: int = 64


RECIPES = {
    "faithful": Recipe(epochs=60, floor=40.0, word_dropout=0.2),
    "fluent": Recipe(epochs=30, floor=4.0, dropout=0.4),
    "lm": Recipe(epochs=30, latent=0, dropout=0.4),
}


def build(recipe, tokenizer, steps_per_epoch, seed=0):
    """A `TextVAE`, or a `LanguageModel` if the recipe has no latent variable, compiled."""
    v, r = len(tokenizer), recipe
    decoder = tv.lstm_decoder(v, r.latent, r.units, r.embed, r.dropout)
    common = {"readout": tv.TiedReadout(), "word_dropout": r.word_dropout, "seed": seed}
    if r.latent == 0:
        model = tv.LanguageModel(decoder, tokenizer, **common)
    else:
        model = tv.TextVAE(
            tv.lstm_encoder(v, units=128, embed=128, dropout=0.1, pool="max"),
            decoder,
            tv.GaussianPosterior(r.latent),
            tokenizer,
            objective=tv.FreeRate(r.floor),
            beta=tv.linear(r.warm_up * steps_per_epoch),
            **common,
        )
    steps = r.epochs * steps_per_epoch
    rate = keras.optimizers.schedules.CosineDecay(r.rate, steps, alpha=0.02)
    model.compile(tv.Adam(rate, global_clipnorm=5.0))
    return model
