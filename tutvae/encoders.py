"""Encoders: functions that return an ordinary keras.Model, x -> features (B, H).

Padding is token 0 on the right. The layers that must not see it are told so: the implicit
mask of `Embedding(mask_zero=True)` is lost in `x + y`, and MultiHeadAttention removes it. A
recurrent layer needs no mask, because padding comes after what is real.
"""

import keras
from keras import layers, ops

from tutvae.layers import Position, masked_last, masked_max, reverse
from tutvae.recurrent import LSTM


def dense_encoder(shape, units=(256,), activation="relu"):
    """x `(B, *shape)` -> features `(B, units[-1])`, through dense layers.

    Args:
        shape: Shape of one example, `(784,)` or `(28, 28)`.
        units: Width of each layer.
        activation: Of each layer.
    """
    x = keras.Input(shape, name="x")
    h = layers.Flatten()(x) if len(shape) > 1 else x
    for n in units:
        h = layers.Dense(n, activation)(h)
    return keras.Model(x, h, name="dense_encoder")


def lstm_encoder(
    vocab_size, units=128, embed=128, dropout=0.0, pool="last", bidirectional=True
):
    """tokens (B, T) -> features of an LSTM, (B, 2 units) if bidirectional.

    Args:
        vocab_size: V, `len(tokenizer)`.
        units: Width of each direction.
        embed: Width of the word embedding.
        dropout: Share of the embedding's entries dropped in training.
        pool: "last" for the last states, "max" for the maximum over real tokens, which
            keeps more of a sentence (Long et al. 2019, arXiv:1911.03976).
        bidirectional: Whether a second LSTM reads the sentence from its end.
    """
    return recurrent_encoder(LSTM, vocab_size, units, embed, dropout, pool, bidirectional)


def gru_encoder(
    vocab_size, units=128, embed=128, dropout=0.0, pool="last", bidirectional=True
):
    """As `lstm_encoder`, with a GRU."""
    cell = layers.GRU
    return recurrent_encoder(cell, vocab_size, units, embed, dropout, pool, bidirectional)


def recurrent_encoder(cell, vocab_size, units, embed, dropout, pool, bidirectional):
    if pool not in ("last", "max"):
        raise ValueError(f'pool is {pool!r}; choose "last" or "max"')
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedding, drop = layers.Embedding(vocab_size, embed), layers.Dropout(dropout)
    pooled = []
    for order in (tokens, reverse(tokens)) if bidirectional else (tokens,):
        h = cell(units, return_sequences=True)(drop(embedding(order)))
        pooled.append((masked_last if pool == "last" else masked_max)(h, order != 0))
    x = layers.Concatenate()(pooled) if bidirectional else pooled[0]
    return keras.Model(tokens, x, name=f"{cell.__name__.lower()}_encoder")


def transformer_encoder(vocab_size, length, width=128, heads=4, depth=2, dropout=0.0):
    """tokens (B, T) -> mean over real tokens of the last block, (B, width).

    Args:
        vocab_size: V, `len(tokenizer)`.
        length: Longest sentence it takes, `tokenizer.length`.
        width: Width of the model, a multiple of `heads`.
        heads: Attention heads.
        depth: Number of blocks.
        dropout: Share dropped inside each block in training.

    Source: Vaswani et al. 2017, arXiv:1706.03762, with the norm before each sublayer.
    """
    if width % heads:
        raise ValueError(f"width {width} is not a multiple of heads {heads}")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = ops.not_equal(tokens, 0)
    x = Position(length)(layers.Embedding(vocab_size, width)(tokens))
    for _ in range(depth):
        h = layers.LayerNormalization()(x)
        attend = layers.MultiHeadAttention(heads, width // heads, dropout=dropout)
        x = x + attend(h, h, attention_mask=ops.expand_dims(mask, 1))
        h = layers.LayerNormalization()(x)
        h = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(h))
        x = x + layers.Dropout(dropout)(h)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x), mask=mask)
    return keras.Model(tokens, x, name="transformer_encoder")


def code(encoder, latent_dim):
    """An encoder for an autoencoder: x -> features -> code (B, latent_dim), linear."""
    z = layers.Dense(latent_dim, name="code")(encoder.outputs[0])
    return keras.Model(encoder.inputs[0], z, name="code_encoder")
