"""The few layers that Keras does not have."""

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable("tutvae")


def reverse(tokens):
    """Each sentence from its end, (B, T); padding stays on the right."""
    n = ops.sum(ops.cast(tokens != 0, "int32"), axis=1, keepdims=True)
    t = ops.cumsum(ops.ones_like(tokens), axis=1) - 1  # 0, 1, 2 ...
    return ops.take_along_axis(tokens, ops.where(t < n, n - 1 - t, t), axis=1)


def masked_last(x, mask):
    """The last real token: (B, T, H), (B, T) -> (B, H)."""
    after = ops.pad(mask[:, 1:], [[0, 0], [0, 1]])
    is_last = ops.logical_and(mask, ops.logical_not(after))
    return ops.sum(ops.where(ops.expand_dims(is_last, -1), x, 0.0), axis=1)


def masked_max(x, mask):
    """Maximum over the real tokens: (B, T, H), (B, T) -> (B, H)."""
    return ops.max(ops.where(ops.expand_dims(mask, -1), x, -1e4), axis=1)


@register
class Position(keras.Layer):
    """Adds a learned embedding of its position to each token.

    Args:
        length: Number of positions, the longest sentence.
    """

    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        self.length = length

    def build(self, x_shape, past_shape=None):
        shape = (self.length, x_shape[-1])
        self.table = self.add_weight(name="table", shape=shape, initializer="uniform")

    def call(self, x, past=None):
        """x (B, T, W), past (B, S, ...) -> (B, T, W), at positions S to S + T."""
        start = 0 if past is None else ops.shape(past)[1]
        here = ops.minimum(start + ops.arange(ops.shape(x)[1]), self.length - 1)
        return x + ops.take(self.table, here, axis=0)

    def get_config(self):
        return {**super().get_config(), "length": self.length}


@register
class EmptyPast(keras.Layer):
    """z (B, D) -> the keys and values of no token yet, (B, 0, width)."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def call(self, z):
        return ops.zeros((ops.shape(z)[0], 0, self.width), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@register
class CausalBlock(keras.Layer):
    """A Transformer block that remembers the keys and values of the tokens before.

    One call serves training (all tokens, no past) and decoding (one token, its past).

    Args:
        width: Width of the model, a multiple of `heads`.
        heads: Attention heads.
        dropout: Share dropped in training, after attention and after the dense layers.

    Source: Vaswani et al. 2017, arXiv:1706.03762, with the norm before each sublayer.
    """

    def __init__(self, width, heads=4, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}")
        self.width, self.heads, self.dropout = width, heads, dropout
        self.norm_1 = layers.LayerNormalization(dtype=self.dtype_policy)
        self.qkv = layers.Dense(3 * width, dtype=self.dtype_policy)
        self.out = layers.Dense(width, dtype=self.dtype_policy)
        self.norm_2 = layers.LayerNormalization(dtype=self.dtype_policy)
        self.up = layers.Dense(4 * width, "gelu", dtype=self.dtype_policy)
        self.down = layers.Dense(width, dtype=self.dtype_policy)
        self.drop = layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, x_shape, past_shape):
        narrow, wide = (None, None, self.width), (None, None, 4 * self.width)
        for layer in (self.norm_1, self.qkv, self.out, self.norm_2, self.up):
            layer.build(narrow)
        self.down.build(wide)

    def call(self, x, past, training=False):
        """x (B, T, W), past (B, S, 2W) -> (B, T, W) and the new past, (B, S + T, 2W)."""
        q, k, v = ops.split(self.qkv(self.norm_1(x)), 3, axis=-1)
        past = ops.concatenate([past, ops.concatenate([k, v], axis=-1)], axis=1)
        k, v = ops.split(past, 2, axis=-1)
        t, s = ops.shape(q)[1], ops.shape(k)[1]
        seen = ops.arange(s)[None, :] <= ops.arange(t)[:, None] + s - t  # (T, S + T)
        h = ops.dot_product_attention(
            self.by_head(q), self.by_head(k), self.by_head(v), mask=seen[None, None]
        )
        h = self.out(ops.reshape(h, (-1, t, self.width)))
        x = x + self.drop(h, training=training)
        h = self.down(self.up(self.norm_2(x)))
        return x + self.drop(h, training=training), past

    def by_head(self, t):
        """(B, T, W) -> (B, T, heads, W / heads)."""
        shape = (-1, ops.shape(t)[1], self.heads, self.width // self.heads)
        return ops.reshape(t, shape)

    def compute_output_shape(self, x_shape, past_shape):
        return x_shape, (*past_shape[:1], None, 2 * self.width)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("width", "heads", "dropout")}
        return {**super().get_config(), **own}


@register
class TiedReadout(keras.Layer):
    """features (B, H) -> logits (B, V), with the embedding of the decoder as its weights.

    Fewer weights to learn, and words of like meaning get like logits. The model that it
    becomes a part of ties it to its decoder.

    Source: Press & Wolf 2017, arXiv:1608.05859.
    """

    def __init__(self, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)

    def tie(self, embedding):
        if self.built:
            raise ValueError(
                "this TiedReadout belongs to a model already. Give every model its own: "
                "readout=tv.TiedReadout()"
            )
        self.embedding = embedding
        self.project = layers.Dense(embedding.output_dim, dtype="float32", name="project")

    def get_build_config(self):
        return None  # a loaded model builds it, once it is tied

    def build(self, features_shape):
        self.project.build(features_shape)
        self.bias = self.add_weight(
            name="bias", shape=(self.embedding.input_dim,), initializer="zeros"
        )

    def call(self, features):
        table = ops.cast(self.embedding.embeddings, self.compute_dtype)
        return ops.matmul(self.project(features), ops.transpose(table)) + self.bias
