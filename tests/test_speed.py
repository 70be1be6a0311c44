"""What makes training fast must not change what is computed."""

import functools
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import tutvae as tv
from tutvae.layers import masked_last, reverse
from tutvae.likelihoods import log_softmax_at

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def gradients(layer, x, state):
    """Everything an LSTM gives, and the gradient of a function of all of it."""
    x, state = tf.identity(x), [tf.identity(s) for s in state]
    with tf.GradientTape() as tape:
        tape.watch([x, *state])
        out = layer(x, initial_state=state)
        loss = sum(tf.reduce_sum(tf.sin(t) * (i + 1)) for i, t in enumerate(out))
    return [*out, *tape.gradient(loss, [x, *state, *layer.trainable_weights])]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"go_backwards": True},
        {"use_bias": False},
        {"activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
    ],
)
def test_lstm_equals_that_of_keras(options, steps, compiled):
    layers = [
        kind(5, return_sequences=True, return_state=True, **options)
        for kind in (keras.layers.LSTM, tv.LSTM)
    ]
    for layer in layers:
        layer.build((None, None, 3))
    layers[1].set_weights(layers[0].get_weights())
    x, state = normal(4, steps, 3), [normal(4, 5), normal(4, 5)]
    results = []
    for layer in layers:
        run = functools.partial(gradients, layer)
        results.append((tf.function(run) if compiled else run)(x, state))
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_lstm_takes_a_mask_as_keras_does():
    theirs, ours = keras.layers.LSTM(5), tv.LSTM(5)
    x, mask = normal(2, 4, 3), np.array([[1, 1, 1, 0], [1, 0, 0, 0]], bool)
    expected = theirs(x, mask=mask)
    ours.build(x.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x, mask=mask), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"amsgrad": True}, {"clipnorm": 0.1}),
        *({"global_clipnorm": limit} for limit in (0.1, 5.0, 100.0)),
    ],
)
def test_adam_equals_that_of_keras_on_the_whole_gradient(options):
    start = normal(9, 4), normal(4)
    trained = []
    for kind in (keras.optimizers.Adam, tv.Adam):
        weights = [keras.Variable(v) for v in start]
        table, bias = (w.value for w in weights)
        optimizer = kind(tv.linear(10, 0.1, 0.01), **options)
        optimizer.build(weights)
        for step in range(6):
            rows = tf.constant([step, 0, step])  # an embedding: few rows, one of them twice
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.sin(3.0 * (tf.gather(table, rows) + bias)))
            of_rows, of_bias = tape.gradient(loss, [table, bias])
            whole = tf.convert_to_tensor(of_rows)
            optimizer.apply([of_rows if kind is tv.Adam else whole, of_bias], weights)
        trained.append([w.numpy() for w in weights])
    for theirs, ours, begin in zip(*trained, start, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        assert not np.allclose(ours, begin, atol=0.1)


def test_models_with_our_adam_and_lstm_train_in_half_precision_and_reload(tmp_path):
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    x = keras.Input((4, 3))
    h = tv.LSTM(5, dtype=policy)(x)
    code = keras.layers.Dense(2, dtype="float32")(h)
    decoder = tv.dense_decoder(2, (4, 3))
    model = tv.Autoencoder(keras.Model(x, code), decoder, tv.gaussian)
    model.compile(keras.optimizers.LossScaleOptimizer(tv.Adam(1e-2)))
    data = normal(8, 4, 3)
    first = model.fit(data, epochs=30, batch_size=8, verbose=0).history["loss"]
    assert first[-1] < first[0] - 0.5
    model.save(tmp_path / "model.keras")
    again = tv.load_model(tmp_path / "model.keras")
    assert type(again.optimizer.inner_optimizer) is tv.Adam
    np.testing.assert_allclose(again(data), model(data), rtol=1e-5)


def test_dataset_gives_the_rows_of_its_order_without_common_padding():
    x = np.zeros((23, 9), "int32")
    for row, n in zip(x, RNG.integers(1, 9, 23), strict=True):
        row[:n] = RNG.integers(1, 99, n)
    batches = tv.batches(x, 4, seed=3)
    data = batches.dataset()
    for epoch in range(2):  # each pass has its own order
        for rows, batch in zip(batches.order(epoch), data, strict=True):
            longest = (x[rows] != 0).sum(axis=1).max()
            np.testing.assert_array_equal(batch, x[rows, :longest])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="concerns glibc only")
def test_memory_of_a_step_is_kept_for_the_next():
    program = """
        import resource
        import tensorflow as tf
        import tutvae as tv

        f = tf.function(lambda x: tf.reduce_sum(tf.exp(x[:, None] + x)))  # 64 MB
        new = []
        for _ in range(40):  # the heap grows at first
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            f(tf.ones(4000))
            new.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
        print(min(new[-5:]))
    """
    program = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 1000, "a step needs 16,000 pages"


def test_log_softmax_at_is_tensorflows_cross_entropy():
    logits, token = tf.constant(20 * normal(50, 7)), tf.constant(RNG.integers(0, 7, 50))
    results = []
    for log_p in (
        log_softmax_at,
        lambda x, t: -tf.nn.sparse_softmax_cross_entropy_with_logits(logits=x, labels=t),
    ):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = log_p(logits, token)
            loss = tf.reduce_sum(tf.sin(value))
        results.append([value, tape.gradient(loss, logits)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_sentence_is_reversed_within_its_length():
    tokens = np.array([[5, 6, 7, 0], [8, 0, 0, 0], [1, 2, 3, 4]], "int32")
    reversed_ = [[7, 6, 5, 0], [8, 0, 0, 0], [4, 3, 2, 1]]
    np.testing.assert_array_equal(reverse(tokens), reversed_)
    values = keras.ops.cast(tokens, "float32")[..., None]
    np.testing.assert_array_equal(masked_last(values, tokens != 0)[:, 0], [7, 8, 4])


@pytest.mark.parametrize("pool", ["last", "max"])
@pytest.mark.parametrize("make", [tv.lstm_encoder, tv.gru_encoder])
def test_a_recurrent_encoder_is_the_masked_bidirectional_one_of_keras(make, pool):
    encoder = make(9, units=5, embed=3, pool=pool)
    cell = keras.layers.LSTM if make is tv.lstm_encoder else keras.layers.GRU
    tokens = np.array([[5, 6, 7, 0], [8, 0, 0, 0], [1, 2, 3, 4]], "int32")
    embedding, forward, backward = encoder.get_weights()[0], *split(encoder, cell)
    embedded, mask = embedding[tokens], tokens != 0
    theirs = keras.layers.Bidirectional(cell(5, return_sequences=True))
    theirs.build(embedded.shape)
    theirs.set_weights([*forward, *backward])
    h = np.array(theirs(embedded, mask=tf.constant(mask)))
    if pool == "last":  # of the reversed sentence, the last is the first
        last = mask.sum(axis=1) - 1
        wanted = np.concatenate([h[range(3), last, :5], h[:, 0, 5:]], axis=1)
    else:
        wanted = np.where(mask[..., None], h, -np.inf).max(axis=1)
    np.testing.assert_allclose(encoder(tokens), wanted, rtol=1e-4, atol=1e-5)


def split(encoder, cell):
    """The weights of an encoder's two directions."""
    return [layer.get_weights() for layer in encoder.layers if isinstance(layer, cell)]


def test_adam_by_name_is_ours():
    model = tv.Autoencoder(tv.dense_encoder((2,)), tv.dense_decoder(2, (2,)))
    model.compile("adam")
    assert type(model.optimizer) is tv.Adam


def test_importing_adds_at_most_three_tenths_of_a_second_to_importing_keras():
    program = """
        import time, keras
        start = time.process_time()
        import tutvae
        print("seconds", time.process_time() - start)
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert float(out.stdout.split("seconds")[1]) < 0.3, out.stderr
