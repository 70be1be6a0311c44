"""Decoders: z -> what the likelihood needs.

A decoder of images or bags of words is any functional or Sequential keras.Model. A decoder
of sentences is a `TextDecoder`: one graph that reads a whole sentence in training and one
token at a time in decoding, because it takes its state and gives it back.
"""

import keras
from keras import layers, ops

from tutvae.layers import CausalBlock, EmptyPast, Position
from tutvae.recurrent import LSTM

register = keras.saving.register_keras_serializable("tutvae")


def dense_decoder(latent_dim, shape, units=(256,), activation="relu"):
    """z (B, latent_dim) -> logits or means `(B, *shape)`, through dense layers.

    Args:
        latent_dim: D, the number of dimensions of z.
        shape: Shape of one example, `(784,)` or `(28, 28)`.
        units: Width of each hidden layer.
        activation: Of each hidden layer; the last layer is linear.
    """
    z = keras.Input((latent_dim,), name="z")
    h = z
    for n in units:
        h = layers.Dense(n, activation)(h)
    size = 1
    for n in shape:
        size *= n
    h = layers.Dense(size)(h)
    return keras.Model(z, layers.Reshape(shape)(h), name="dense_decoder")


@register
class TextDecoder(keras.Model):
    """(tokens so far (B, T), z (B, D)) -> features (B, T, H) of each next token.

    Args:
        start: Model, z -> [state, ...] before the first token.
        step: Model, [tokens (B, T), z, state, ...] -> [features (B, T, H), state, ...].

    A readout turns features into logits, (B, H) -> (B, V); it is a part of its own because
    training needs logits of real tokens only, and decoding of the last token only.
    """

    def __init__(self, start, step, **kwargs):
        super().__init__(**kwargs)
        self.start, self.step = start, step
        self.built = True

    def call(self, inputs, training=False):
        tokens, z = inputs
        features, *_ = self.step([tokens, z, *self.begin(z)], training=training)
        return features

    def begin(self, z):
        """The state before the first token: a list of tensors, batch first."""
        state = self.start(z)
        return list(state) if isinstance(state, (list, tuple)) else [state]

    @property
    def width(self):
        """H, the width of the features."""
        return self.step.outputs[0].shape[-1]

    @property
    def embedding(self):
        """The word embedding, for a `TiedReadout`."""
        inside = self.step._flatten_layers()
        found = [layer for layer in inside if isinstance(layer, layers.Embedding)]
        if not found:
            raise ValueError("a TiedReadout needs an Embedding in the decoder's step")
        return max(found, key=lambda layer: layer.input_dim)  # not that of positions

    def get_config(self):
        save = keras.saving.serialize_keras_object
        return {**super().get_config(), "start": save(self.start), "step": save(self.step)}

    @classmethod
    def from_config(cls, config):
        load = keras.saving.deserialize_keras_object
        return cls(**{name: load(value) for name, value in config.items()})


def lstm_decoder(vocab_size, latent_dim, units=128, embed=128, dropout=0.0):
    """An LSTM that gets z as its initial state and with every input.

    Args:
        vocab_size: V, `len(tokenizer)`.
        latent_dim: D, the number of dimensions of z; 0 makes a plain language model.
        units: Width H of the LSTM and of the features.
        embed: Width of the word embedding.
        dropout: Share of the embedded words and of the outputs dropped in training. What
            comes from z is never dropped.

    Source: Bowman et al. 2016, arXiv:1511.06349.
    """
    return recurrent_decoder(LSTM, 2, vocab_size, latent_dim, units, embed, dropout)


def gru_decoder(vocab_size, latent_dim, units=128, embed=128, dropout=0.0):
    """As `lstm_decoder`, with a GRU."""
    return recurrent_decoder(layers.GRU, 1, vocab_size, latent_dim, units, embed, dropout)


def recurrent_decoder(cell, states, vocab_size, latent_dim, units, embed, dropout):
    z = keras.Input((latent_dim,), name="z")
    bias = latent_dim > 0  # without z the state starts at 0; oneDNN fails on a bias alone
    first = [
        layers.Dense(units, "tanh", use_bias=bias, name=f"state_{i}")(z)
        for i in range(states)
    ]
    start = keras.Model(z, first, name="start")

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    state = [keras.Input((units,), name=f"state_{i}") for i in range(states)]
    x = layers.Embedding(vocab_size, embed, name="embedding")(tokens)
    from_z = layers.Dense(embed, use_bias=False, name="z_to_input")(z)
    x = layers.Dropout(dropout)(x) + ops.expand_dims(from_z, 1)
    rnn = cell(units, return_sequences=True, return_state=True, name="rnn")
    x, *state_after = rnn(x, initial_state=state if states > 1 else state[0])
    x = layers.Dropout(dropout)(x)
    step = keras.Model([tokens, z, *state], [x, *state_after], name="step")
    return TextDecoder(start, step, name=f"{cell.__name__.lower()}_decoder")


def transformer_decoder(
    vocab_size, latent_dim, length, width=128, heads=4, depth=2, dropout=0.0
):
    """A causal Transformer that gets z with every input.

    Attention to a single vector z would be a constant softmax, hence a linear map of z:
    adding that map to every input says the same at less cost.

    Args:
        vocab_size: V, `len(tokenizer)`.
        latent_dim: D, the number of dimensions of z; 0 makes a plain language model.
        length: Longest sentence it makes, `tokenizer.length`.
        width: Width H of the model and of the features, a multiple of `heads`.
        heads: Attention heads.
        depth: Number of blocks.
        dropout: Share dropped in training, of the embedded words and inside each block.

    Source: Vaswani et al. 2017, arXiv:1706.03762, with the norm before each sublayer.
    """
    z = keras.Input((latent_dim,), name="z")
    empty = [EmptyPast(2 * width, name=f"past_{i}")(z) for i in range(depth)]
    start = keras.Model(z, empty, name="start")

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    past = [keras.Input((None, 2 * width), name=f"past_{i}") for i in range(depth)]
    x = layers.Embedding(vocab_size, width, name="embedding")(tokens)
    x = Position(length)(x, past[0])
    from_z = layers.Dense(width, use_bias=False, name="z_to_input")(z)
    x = layers.Dropout(dropout)(x) + ops.expand_dims(from_z, 1)
    past_after = []
    for i in range(depth):
        x, after = CausalBlock(width, heads, dropout)(x, past[i])
        past_after.append(after)
    x = layers.LayerNormalization()(x)
    step = keras.Model([tokens, z, *past], [x, *past_after], name="step")
    return TextDecoder(start, step, name="transformer_decoder")
