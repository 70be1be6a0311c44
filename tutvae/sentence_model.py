"""What every model of sentences can do: score them, write them, say them back.

p(x|z) = product over t of p(x_t | x_<t, z), END counted, in nats per sentence.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tutvae import decoding
from tutvae.distributions import uniform
from tutvae.layers import Position, TiedReadout
from tutvae.likelihoods import categorical
from tutvae.stream import TextStream
from tutvae.tokenizer import END, PAD, START, UNK
from tutvae.training import as_array


class SentenceModel:
    """What every model of sentences can do once it has a decoder, a readout, a tokenizer.

    Mixed into a `BaseModel`, before it.
    """

    def add_text_parts(self, decoder, tokenizer, readout, word_dropout):
        if not 0 <= word_dropout <= 1:
            raise ValueError(f"word_dropout is {word_dropout}; it is a share, from 0 to 1")
        for net in (getattr(self, "encoder", None), decoder.step):
            if isinstance(net, keras.Model):
                check_sizes(net, tokenizer)
        wanted, width = self.code_width(), decoder.start.input_shape[-1]
        if width != wanted:
            raise ValueError(
                f"the decoder takes {width} dimensions, but z has {wanted}. Build it with "
                f"latent_dim={wanted}."
            )
        self.decoder, self.tokenizer, self.word_dropout = decoder, tokenizer, word_dropout
        self.readout = readout or keras.layers.Dense(
            len(tokenizer), dtype="float32", name="readout"
        )
        self.build_parts()

    def build_parts(self):
        super().build_parts()
        readout = getattr(self, "readout", None)  # a VAE builds its own parts before
        if readout is None:
            return
        if not readout.built:
            readout.build((None, self.decoder.width))
        words = readout(ops.zeros((1, self.decoder.width))).shape[-1]
        if words != len(self.tokenizer):  # of one that is missing a GPU reads zeros
            raise ValueError(
                f"the readout writes {words} words, but the vocabulary has "
                f"{len(self.tokenizer)}. Build it with len(tokenizer)."
            )

    def __setattr__(self, name, value):
        tied = isinstance(getattr(self, "readout", None), TiedReadout)
        if name == "decoder" and tied and value is not self.decoder:
            raise ValueError(
                "the TiedReadout would go on to write with the embedding of the old "
                "decoder: build the model anew with the new one"
            )
        if name == "readout" and isinstance(value, TiedReadout):
            self.tie(value)
        super().__setattr__(name, value)
        if name in self.parts:  # the compiled function would write with the old part
            self.write = tf.function(
                self.write_tokens, autograph=False, reduce_retracing=True
            )

    def tie(self, readout):
        embedding, words = self.decoder.embedding, len(self.tokenizer)
        if embedding.input_dim != words:
            raise ValueError(
                f"a TiedReadout writes the {embedding.input_dim} words of the decoder's "
                f"embedding, but the vocabulary has {words}. Build the decoder with "
                "len(tokenizer)."
            )
        readout.tie(embedding)

    def log_likelihood(self, x, z, training=False):
        """log p(x|z) in nats per sentence: tokens (B, T), z (B, D) -> (B,)."""
        given, target = x[:, :-1], x[:, 1:]
        if training and self.word_dropout:
            u = uniform(ops.shape(given), self.noise)
            given = ops.where((u < self.word_dropout) & (given > END), UNK, given)
        features = self.decoder([given, z], training=training)
        real = tf.where(target != PAD)  # (N, 2): the softmax runs on real tokens only
        logits = self.readout(tf.gather_nd(features, real))  # (N, V)
        tokens = tf.gather_nd(target, real)
        # Not logits[:, None]: the gradient of a slice is a copy of the whole.
        log_p = categorical(tf.expand_dims(tokens, 1), tf.expand_dims(logits, 1))
        return tf.math.unsorted_segment_sum(log_p, real[:, 0], tf.shape(x)[0])

    def check_tokens(self, tokens):
        """Refuse ids that this model's tokenizer did not make."""
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
            raise ValueError(
                f"tokens have shape {tokens.shape} and dtype {tokens.dtype}; expected "
                "whole numbers (N, T). Make them with tokenizer.encode(sentences)."
            )
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(self.tokenizer):
            raise ValueError(
                f"token ids run from {tokens.min()} to {tokens.max()}, but the vocabulary "
                f"has {len(self.tokenizer)} entries. Encode with the model's own tokenizer."
            )
        start, end, pad = (tokens == token for token in (START, END, PAD))
        one_of_each = (start.sum(axis=1) == 1) & (end.sum(axis=1) == 1)
        padded_from_end = pad == (end.cumsum(axis=1) - end > 0)
        if not (one_of_each & start[:, 0] & padded_from_end.all(axis=1)).all():
            raise ValueError(
                "a row that is not START, words, END and padding is no sentence. Make rows "
                "with tokenizer.encode(sentences)."
            )

    def check(self, x):
        super().check(x)
        if isinstance(x, TextStream) and x.tokenizer.get_config() != (
            self.tokenizer.get_config()
        ):
            raise ValueError(
                "the TextStream has another vocabulary or length than the model: make it "
                "with the model's own tokenizer"
            )
        x = as_array(x)
        if isinstance(x, np.ndarray):
            self.check_tokens(x)

    def write_tokens(self, z, temperature, top_p, beams, seed, first):
        length = self.tokenizer.length - 1
        if beams > 1:
            return decoding.beam(self.decoder, self.readout, z, length, beams)[0]
        return decoding.sample(
            self.decoder, self.readout, z, length, temperature, top_p, seed, first
        )

    def code_width(self):
        """D, the number of dimensions that the decoder has to take."""
        return self.posterior.latent_dim

    def decode(self, z, temperature=0.0, top_p=1.0, beams=1, seed=0, batch_size=1024):
        """Latent vectors -> sentences.

        Args:
            z: (N, D).
            temperature: 0 writes the likeliest token each time (greedy); 1 draws from the
                model's distribution.
            top_p: Below 1, draws only from the likeliest tokens of this total probability.
            beams: Above 1, searches for the likeliest sentence with that many hypotheses;
                `temperature` and `top_p` are not used then.
            seed: Seed of the draws.
            batch_size: Sentences written at a time.

        Returns:
            N strings.

        Raises:
            ValueError: If `temperature`, `top_p` or `beams` is out of range, or z has
                another shape or holds NaN.
        """
        if not temperature >= 0 or not 0 < top_p <= 1 or beams < 1:
            raise ValueError(
                f"temperature {temperature} must be >= 0, top_p {top_p} in (0, 1], beams "
                f"{beams} >= 1"
            )
        z, width = np.asarray(z, "float32"), self.decoder.start.input_shape[-1]
        if z.ndim != 2 or z.shape[1] != width or not np.isfinite(z).all():
            raise ValueError(
                f"z must hold finite numbers in the shape (N, {width}), not {z.shape}"
            )
        ids = []
        for i in range(0, len(z), batch_size):
            rows = tf.constant(z[i : i + batch_size])
            settings = tf.constant(temperature, "float32"), float(top_p), int(beams)
            key = tf.constant(seed, "int32"), tf.constant(i, "int32")
            ids.append(self.write(rows, *settings, *key))
        return self.tokenizer.decode(np.concatenate(ids)) if ids else []

    def codes(self, sentences, batch_size=256):
        """Sentences -> their codes (N, D): posterior means, in a VAE.

        Raises:
            ValueError: If the model is a `LanguageModel`, which has no code.
        """
        if not hasattr(self, "encoder"):
            raise ValueError(f"a {type(self).__name__} has no encoder, and no codes")
        tokens = self.tokenizer.encode(sentences)
        rows = range(0, len(tokens), batch_size)
        return np.concatenate([self.encode(tokens[i : i + batch_size]) for i in rows])

    def reconstruct(self, sentences, **how):
        """Sentences -> what `decode(codes(sentences), **how)` says of them."""
        return self.decode(self.codes(sentences), **how)

    def interpolate(self, first, last, steps=7, **how):
        """Sentences on the straight line between the codes of two sentences.

        Where z lies on a sphere, on the shorter arc: the line, drawn out to the sphere.
        """
        a, b = self.codes([first, last])
        line = np.linspace(a, b, steps)
        if getattr(getattr(self, "posterior", None), "support", "space") == "sphere":
            line /= np.linalg.norm(line, axis=1, keepdims=True)
        return self.decode(line, **how)


def check_sizes(net, tokenizer):
    """Refuse a net that was built for other sentences than those of the tokenizer.

    Where it has no embedding of a word or no position, a GPU looks up zeros without a word.
    """
    inside = list(net._flatten_layers())
    embeddings = [x for x in inside if isinstance(x, keras.layers.Embedding)]
    words = max((layer.input_dim for layer in embeddings), default=len(tokenizer))
    if words < len(tokenizer):
        raise ValueError(
            f"{net.name} was made for {words} words, but the vocabulary has "
            f"{len(tokenizer)}. Build it with len(tokenizer)."
        )
    for layer in inside:
        if isinstance(layer, Position) and layer.length < tokenizer.length:
            raise ValueError(
                f"a Transformer was made for {layer.length} positions, but sentences have "
                f"up to {tokenizer.length} tokens. Build it with tokenizer.length."
            )
