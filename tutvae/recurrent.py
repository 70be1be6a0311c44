"""The LSTM of Keras with its backward pass written out, which makes it faster on a CPU.

Most of the arithmetic of an LSTM does not wait for the step before. It is done here for all
steps at once, in few large matrix products: before the loop the products with the inputs,
after the loop of the backward pass the gradients of both kernels. What remains in the loops
is one small product a step.
"""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("tutvae")
class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM`: same arguments, same weights, same results.

    On a GPU, with a mask, and with other options than the defaults in what it computes (its
    activations, bias, dropout, direction), it is Keras' own.

    Source: Hochreiter & Schmidhuber 1997; the order of the products as in Appleyard et al.
    2016, arXiv:1604.01946.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        gpu = tf.config.list_physical_devices("GPU")
        if gpu or mask is not None or not self.is_standard():
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        if sequences.shape[1] == 1:  # as in decoding: no loop is needed
            h, state = cell(sequences[:, 0], initial_state)
            return h, h[:, None], state
        x = tf.transpose(sequences, [1, 0, 2])  # (T, B, I)
        a = ops.matmul(x, cell.kernel) + cell.bias  # (T, B, 4H)
        kernel = tf.convert_to_tensor(ops.cast(cell.recurrent_kernel, a.dtype))
        h, c = scan(a, *initial_state, kernel)
        return h[-1], tf.transpose(h, [1, 0, 2]), [h[-1], c]

    def is_standard(self):
        """Whether it computes what `scan` does."""
        activations = self.activation, self.recurrent_activation
        usual = activations == (keras.activations.tanh, keras.activations.sigmoid)
        dropout = self.dropout or self.recurrent_dropout
        return usual and self.use_bias and not (dropout or self.go_backwards)


@tf.custom_gradient
def scan(a, h, c, kernel):
    """The loop over time.

    Args:
        a: (T, B, 4H), what the inputs add to the gates: input, forget, cell, output.
        h, c: (B, H), the state before the first step.
        kernel: (H, 4H), what h adds to the gates.

    Returns:
        h after each step, (T, B, H), and c after the last, (B, H).
    """
    steps, units = tf.shape(a)[0], h.shape[-1]

    def arrays(n):
        return (tf.TensorArray(a.dtype, steps) for _ in range(n))

    def forward(t, h, c, hs, cs, gates):
        gate = a[t] + tf.matmul(h, kernel)
        i, f, g, o = tf.split(gate, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return t + 1, h, c, hs.write(t, h), cs.write(t, c), gates.write(t, gate)

    begin = (0, h, c, *arrays(3))
    _, _, c_last, *saved = tf.while_loop(lambda t, *_: t < steps, forward, begin)
    hs, cs, gates = (array.stack() for array in saved)

    def gradient(d_hs, d_c_last):
        # What of the chain rule does not need the step after, for all steps at once.
        i, f, g, o = tf.split(gates, 4, axis=2)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c_before, tanh_c = tf.concat([c[None], cs[:-1]], axis=0), tf.tanh(cs)
        c_by_h = o * (1 - tanh_c**2)
        i_by_c, f_by_c = g * i * (1 - i), c_before * f * (1 - f)
        g_by_c, o_by_h = i * (1 - g**2), tanh_c * o * (1 - o)
        slopes = tf.concat([i_by_c, f_by_c, g_by_c, o_by_h], axis=2)
        transposed = tf.transpose(kernel)  # once, and not again in every step

        def backward(t, dh, dc, d_gates):
            dh += d_hs[t]
            dc += dh * c_by_h[t]
            d_gate = tf.concat([dc, dc, dc, dh], axis=1) * slopes[t]
            return t - 1, tf.matmul(d_gate, transposed), dc * f[t], d_gates.write(t, d_gate)

        begin = (steps - 1, tf.zeros_like(h), d_c_last, *arrays(1))
        _, dh, dc, d_gates = tf.while_loop(lambda t, *_: t >= 0, backward, begin)
        d_gates = d_gates.stack()
        h_before = tf.concat([h[None], hs[:-1]], axis=0)
        rows = tf.reshape(h_before, [-1, units]), tf.reshape(d_gates, [-1, 4 * units])
        return d_gates, dh, dc, tf.matmul(*rows, transpose_a=True)

    return (hs, c_last), gradient
