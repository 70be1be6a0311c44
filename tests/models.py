"""Small models that several test files build."""

import keras
import numpy as np

import tutvae as tv

LINES = [
    "the cat sat on the mat.",
    "a dog ran.",
    "the dog sat.",
    "a cat ran on a mat today.",
]
TOKENIZER = tv.Tokenizer.fit(LINES, length=10)
TOKENS = TOKENIZER.encode(LINES)
D = 3  # latent dimensions
V = len(TOKENIZER)

NETS = {
    "lstm": lambda d=D: (tv.lstm_encoder(V, 4, 8, pool="max"), tv.lstm_decoder(V, d, 8, 8)),
    "gru": lambda d=D: (tv.gru_encoder(V, 4, 8), tv.gru_decoder(V, d, 8, 8)),
    "transformer": lambda d=D: (
        tv.transformer_encoder(V, 10, 8, 2, 1),
        tv.transformer_decoder(V, d, 10, 8, 2, 1),
    ),
}


def text_vae(net="lstm", run_eagerly=True, dropout=0.0, **parts):
    """A compiled TextVAE; eager, because tracing takes longer than the steps of a test."""
    encoder, decoder = NETS[net]()
    if dropout:
        encoder = tv.lstm_encoder(V, 4, 8, dropout)
        decoder = tv.lstm_decoder(V, D, 8, 8, dropout)
    parts.setdefault("posterior", tv.GaussianPosterior(D))
    vae = tv.TextVAE(encoder, decoder, tokenizer=TOKENIZER, **parts)
    vae.compile(keras.optimizers.Adam(1e-2), run_eagerly=run_eagerly)
    return vae


def image_vae(optimizer=None, **parts):
    """A compiled VAE of 4x4 images."""
    parts.setdefault("posterior", tv.GaussianPosterior(D))
    vae = tv.VAE(tv.dense_encoder((4, 4), (6,)), tv.dense_decoder(D, (4, 4), (6,)), **parts)
    vae.compile(optimizer or keras.optimizers.SGD(0.1))
    return vae


def images(n=8):
    return np.random.uniform(size=(n, 4, 4)).astype("float32")


def same(a, b):
    """Whether two lists of arrays are equal, bit for bit."""
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
