"""Sizes and training of the models that come with the package."""

from typing import NamedTuple

import keras

from tutvae.decoders import lstm_decoder
from tutvae.distributions import GaussianPosterior
from tutvae.encoders import lstm_encoder
from tutvae.layers import TiedReadout
from tutvae.objectives import FreeRate
from tutvae.optimizers import Adam
from tutvae.schedules import linear
from tutvae.text import LanguageModel, TextVAE


class Recipe(NamedTuple):
    """Sizes and training of a model of sentences.

    Four measures keep z in use: a floor under the rate with annealing (Bowman et al. 2016,
    arXiv:1511.06349; Kingma et al. 2016, arXiv:1606.04934), word dropout (Bowman et al.
    2016), the maximum over the positions of the encoder (Long et al. 2019,
    arXiv:1911.03976), and z at every step of the decoder.

    `recipe._replace(epochs=5)` is the same recipe with fewer epochs.
    """

    epochs: int
    units: int = 384  # of the decoder
    embed: int = 192  # of the decoder
    dropout: float = 0.2  # of the decoder
    latent: int = 64  # dimensions of z; 0: a language model
    log_var: float = 0.0  # of the posterior, at the start
    floor: float = 0.0  # nats of rate, per sentence, that cost nothing
    word_dropout: float = 0.0
    warm_up: int = 2  # epochs in which beta rises to 1
    encoder_units: int = 128  # in each direction
    encoder_embed: int = 128
    encoder_dropout: float = 0.1
    rate: float = 2e-3  # of learning; it falls along half a cosine
    batch_size: int = 64

    def build(self, tokenizer, steps_per_epoch, seed=0):
        """A compiled `TextVAE`; a `LanguageModel` if there are no latent dimensions.

        Args:
            tokenizer: Of the sentences.
            steps_per_epoch: Number of batches, which the schedules need.
            seed: Of the noise in training; the weights follow Keras' own seed.
        """
        v = len(tokenizer)
        decoder = lstm_decoder(v, self.latent, self.units, self.embed, self.dropout)
        common = {"readout": TiedReadout(), "word_dropout": self.word_dropout, "seed": seed}
        if self.latent == 0:
            model = LanguageModel(decoder, tokenizer, **common)
        else:
            model = TextVAE(
                lstm_encoder(
                    v,
                    self.encoder_units,
                    self.encoder_embed,
                    self.encoder_dropout,
                    pool="max",
                ),
                decoder,
                GaussianPosterior(self.latent, self.log_var),
                tokenizer,
                objective=FreeRate(self.floor),
                beta=linear(self.warm_up * steps_per_epoch),
                **common,
            )
        steps = self.epochs * steps_per_epoch
        rate = keras.optimizers.schedules.CosineDecay(self.rate, steps, alpha=0.02)
        model.compile(Adam(rate, global_clipnorm=5.0))
        return model


FAITHFUL = Recipe(
    epochs=50,
    units=448,
    encoder_units=192,
    log_var=-3.0,
    floor=34.0,
    word_dropout=0.2,
    warm_up=8,
)
# By the names of `pretrained`; "lm" are the language models that they are compared with.
RECIPES = {
    "tatoeba-en-faithful": FAITHFUL._replace(floor=35.0, dropout=0.3, encoder_dropout=0.3),
    "tatoeba-en-fluent": Recipe(epochs=16, floor=4.0, dropout=0.4),
    "tatoeba-en-lm": Recipe(epochs=32, latent=0, dropout=0.4),
    "tatoeba-zh-faithful": FAITHFUL,
    "tatoeba-zh-fluent": Recipe(epochs=32, floor=4.0, dropout=0.4),
    "tatoeba-zh-lm": Recipe(epochs=32, latent=0, dropout=0.4),
}
