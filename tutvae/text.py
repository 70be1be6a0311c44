"""Models of sentences: a VAE, an autoencoder and a language model, over one decoder."""

import keras
import numpy as np
from keras import ops

from tutvae.autoencoder import Autoencoder
from tutvae.likelihoods import categorical
from tutvae.sentence_model import SentenceModel
from tutvae.tokenizer import PAD
from tutvae.training import BaseModel
from tutvae.vae import VAE

register = keras.saving.register_keras_serializable("tutvae")


@register
class TextVAE(SentenceModel, VAE):
    """A VAE of sentences.

    Args:
        encoder: Model, tokens (B, T) -> features.
        decoder: `TextDecoder`.
        posterior: Layer, features -> q(z|x).
        tokenizer: `Tokenizer`, saved with the model: a loaded model reads and writes text.
        readout: Layer, features (N, H) -> logits (N, V). Defaults to a dense layer.
        word_dropout: Share of the decoder's inputs hidden in training.
        bag_of_words: Weight of a second task, which is part of `loss`: z alone, by one
            linear layer, predicts the words of the sentence without their order (Zhao et
            al. 2017, arXiv:1703.10960).
        **kwargs: `prior`, `objective`, `beta`, `seed`: as in `VAE`. The likelihood is
            `categorical`; for another, override `log_likelihood`.

    Source: Bowman et al. 2016, arXiv:1511.06349.

    Example:

    >>> vae = tv.TextVAE(encoder, decoder, tv.GaussianPosterior(32), tokenizer)
    >>> vae.compile("adam")
    >>> vae.fit(tv.batches(tokenizer.encode(sentences), 64, seed=0), epochs=10)
    >>> vae.generate(5)
    """

    parts = (
        "encoder",
        "decoder",
        "posterior",
        "tokenizer",
        "readout",
        "word_dropout",
        "bag_of_words",
        "prior",
        "objective",
        "beta",
    )

    def __init__(
        self,
        encoder,
        decoder,
        posterior,
        tokenizer,
        readout=None,
        word_dropout=0.0,
        bag_of_words=0.0,
        **kwargs,
    ):
        super().__init__(encoder, decoder, posterior, likelihood=categorical, **kwargs)
        self.add_text_parts(decoder, tokenizer, readout, word_dropout)
        self.bag_of_words = bag_of_words
        self.build_parts()

    def build_parts(self):
        super().build_parts()
        wanted, there = bool(getattr(self, "bag_of_words", 0.0)), hasattr(self, "bag")
        if wanted and not there:
            self.bag = keras.layers.Dense(len(self.tokenizer), dtype="float32", name="bag")
            self.bag.build((None, self.posterior.latent_dim))
        elif there and not wanted:
            self._tracker.untrack(self.bag)
            del self.bag

    def auxiliary(self, x, draw):
        if not self.bag_of_words:
            return 0.0
        logits = self.bag(draw.z[:, 0])  # (B, V), the same for every position
        log_p = ops.take_along_axis(ops.log_softmax(logits), x[:, 1:], axis=1)
        return -self.bag_of_words * ops.sum(ops.where(x[:, 1:] != PAD, log_p, 0.0), axis=1)

    def generate(self, n, temperature=1.0, seed=0, **how):
        """n new sentences, others for another seed: z from the prior, then `decode`."""
        noise = keras.random.SeedGenerator(int(seed))
        z = self.prior.sample((n, self.posterior.latent_dim), noise)
        return self.decode(z, temperature, seed=seed, **how)


@register
class TextAutoencoder(SentenceModel, Autoencoder):
    """An autoencoder of sentences: no prior, so no `generate`.

    Args:
        encoder: Model, tokens (B, T) -> code (B, D); `tv.code(lstm_encoder(...), D)`.
        decoder: `TextDecoder`.
        tokenizer, readout, word_dropout: As in `TextVAE`.
        **kwargs: `corrupt` and `seed`: as in `Autoencoder`; `corrupt` takes token ids.
    """

    parts = ("encoder", "decoder", "tokenizer", "readout", "word_dropout", "corrupt")

    def __init__(
        self, encoder, decoder, tokenizer, readout=None, word_dropout=0.0, **kwargs
    ):
        super().__init__(encoder, decoder, categorical, **kwargs)
        self.add_text_parts(decoder, tokenizer, readout, word_dropout)

    def code_width(self):
        return self.encoder.output_shape[-1]

    def call(self, tokens, training=False):
        """tokens (B, T) -> log p(x|code) in nats per sentence, (B,)."""
        return self.log_likelihood(
            tokens, self.encoder(tokens, training=training), training
        )


@register
class LanguageModel(SentenceModel, BaseModel):
    """The decoder alone: p(x) = product over t of p(x_t | x_<t).

    A recurrent (Mikolov et al. 2010) or Transformer language model.

    Args:
        decoder: `TextDecoder` with latent_dim 0.
        tokenizer, readout, word_dropout: As in `TextVAE`.

    `fit` logs `loss`: the mean of -log p(x) in nats per sentence, END counted.
    """

    parts = ("decoder", "tokenizer", "readout", "word_dropout")

    def __init__(self, decoder, tokenizer, readout=None, word_dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.add_text_parts(decoder, tokenizer, readout, word_dropout)

    def call(self, tokens, training=False):
        """tokens (B, T) -> log p(x) in nats per sentence, (B,)."""
        return self.log_likelihood(tokens, ops.zeros((ops.shape(tokens)[0], 0)), training)

    def code_width(self):
        return 0

    def terms(self, x, training=False):
        return {"loss": -self(x, training=training)}

    def generate(self, n, temperature=1.0, seed=0, **how):
        """n new sentences, others for another seed."""
        return self.decode(np.zeros((n, 0)), temperature, seed=seed, **how)
