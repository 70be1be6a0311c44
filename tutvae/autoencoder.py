"""The autoencoder: an encoder, a decoder, and a likelihood that measures reconstruction."""

import keras

from tutvae.likelihoods import bernoulli
from tutvae.training import BaseModel


@keras.saving.register_keras_serializable("tutvae")
class Autoencoder(BaseModel):
    """x -> code -> x, trained on -log p(x|code). It defines no p(x), so it logs no bound.

    Args:
        encoder: Model with known shapes (functional, or Sequential with an Input),
            x -> code (B, D).
        decoder: The same, code -> the parameters that `likelihood` expects.
        likelihood: Function, (x, decoder output) -> log p(x|code) in nats per example.
        corrupt: Layer applied to x before encoding, in training only, for a denoising
            autoencoder (Vincent et al. 2008): `keras.layers.Dropout(0.3)`, say.
        seed: Seed of the noise.

    `fit` logs `loss`: the mean of -log p(x|code) over examples, in nats.

    Raises:
        ValueError: If a net has no known shape.

    Example:

    >>> autoencoder = tv.Autoencoder(encoder, decoder, tv.gaussian)
    >>> autoencoder.compile("adam")
    >>> autoencoder.fit(images)
    """

    parts = ("encoder", "decoder", "likelihood", "corrupt")

    def __init__(self, encoder, decoder, likelihood=bernoulli, corrupt=None, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.corrupt = corrupt
        self.build_parts()

    def call(self, x, training=False):
        """x -> its reconstruction, as the decoder gives it."""
        return self.decoder(self.encoder(x, training=training), training=training)

    def terms(self, x, training=False):
        seen = self.corrupt(x, training=True) if self.corrupt and training else x
        code = self.encoder(seen, training=training)
        return {"loss": -self.log_likelihood(x, code, training)}

    def log_likelihood(self, x, code, training=False):
        """log p(x|code) in nats, one number per row of x and of code."""
        return self.likelihood(x, self.decoder(code, training=training))

    def encode(self, x):
        """x -> codes (B, D)."""
        return self.encoder(x)

    def decode(self, code):
        """Codes (B, D) -> what the decoder gives for them."""
        return self.decoder(code)
