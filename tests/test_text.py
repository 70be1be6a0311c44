"""Tokenizers, batches, text networks and decoding."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from models import LINES, NETS, TOKENIZER, TOKENS, D, V, text_vae
from scipy import stats

import tutvae as tv
from tutvae.tokenizer import END, PAD, START, UNK

WORDS = st.lists(st.sampled_from("the a cat dog sat ran don't 3.5".split()), min_size=1)


def test_tokenizer_splits_punctuation_and_puts_it_back():
    assert TOKENIZER.decode(TOKENS) == LINES
    assert TOKENIZER.decode(TOKENIZER.encode(["a zebra sat."])) == ["a <unk> sat."]
    lines = ["don't go, she said (twice)!", "is it 3.5%?"]
    tokenizer = tv.Tokenizer.fit(lines)
    assert tokenizer.split(lines[0]) == [
        "don't",
        "go",
        ",",
        "she",
        "said",
        "(",
        "twice",
        ")",
        "!",
    ]
    assert tokenizer.decode(tokenizer.encode(lines)) == lines


def test_sentences_may_come_one_by_one():
    tokenizer = tv.Tokenizer.fit((line for line in LINES), length=10)
    assert tokenizer.words == TOKENIZER.words
    for sentences in (iter(LINES), np.array(LINES), dict.fromkeys(LINES)):
        np.testing.assert_array_equal(tokenizer.encode(sentences), TOKENS)
    with pytest.raises(ValueError, match=r"not one token.*'zyx'"):
        tokenizer.encode(iter(["zyx"]))


@given(st.lists(WORDS, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_round_trip_of_known_words(sentences):
    lines = [" ".join(words) for words in sentences]
    tokenizer = tv.Tokenizer.fit(lines)
    assert tokenizer.decode(tokenizer.encode(lines)) == lines


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_any_text_round_trips_by_characters(lines):
    tokenizer = tv.CharTokenizer.fit(lines)
    want = ["".join(tokenizer.split(line)) for line in lines]
    assert tokenizer.decode(tokenizer.encode(lines)) == want


def test_text_that_is_split_already_keeps_its_tokens():
    lines = ["mr. <unk> is n't N years old", "the u.s. bank 's <unk>"]
    tokenizer = tv.WhitespaceTokenizer.fit(lines)
    assert tokenizer.split(lines[0]) == ["mr.", "<unk>", "is", "n't", "N", "years", "old"]
    assert tokenizer.encode(lines)[0, 2] == 1 and "<unk>" not in tokenizer.words[2:]
    assert tokenizer.decode(tokenizer.encode(lines)) == lines


def test_vocabulary_is_by_frequency_then_alphabet():
    tokenizer = tv.Tokenizer.fit(["b a", "c a", "b d"], size=7)
    assert tokenizer.words == ["<pad>", "<unk>", "<s>", "</s>", "a", "b", "c"]


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_batches_hold_every_row_once(n, size, seed):
    x = np.random.default_rng(0).integers(4, 9, (n, 6)) * (np.arange(6) < 4)
    x[:, 3] = np.arange(n) + 4
    data = tv.batches(x, size, seed)
    first, second = ([b for b in data] for _ in range(2))
    assert len(first) == len(data)
    for epoch in (first, second):
        assert sorted(np.concatenate(epoch)[:, 3]) == list(np.arange(n) + 4)
    assert all(
        np.array_equal(a, b) for a, b in zip(first, tv.batches(x, size, seed), strict=True)
    )


def test_batches_hold_sentences_of_like_length_unless_told_otherwise():
    x = np.tril(np.ones((200, 200), int)) * 4  # lengths 1 to 200
    spread = {}
    for by_length in (True, False):
        data = tv.batches(x, 20, seed=0, by_length=by_length)
        batches = [(batch != 0).sum(axis=1) for batch in data]
        spread[by_length] = np.mean([b.std() for b in batches])
        assert sorted(np.concatenate(batches)) == list(range(1, 201))
    assert spread[True] == pytest.approx(np.arange(20).std())
    assert spread[False] > 0.9 * np.arange(200).std()  # 57 +- 1.6 for a random order


def test_batches_trim_padding_and_keep_order_without_seed():
    x = np.array([[2, 5, 3, 0, 0], [2, 5, 6, 3, 0], [2, 3, 0, 0, 0]])
    a, b = tv.batches(x, 2)
    assert a.shape == (2, 4) and b.shape == (1, 2)


# Networks


@pytest.mark.parametrize("net", NETS)
def test_padding_changes_nothing(net):
    vae = text_vae(net)
    short, padded = np.array([[2, 5, 6, 3]]), np.array([[2, 5, 6, 3, 0, 0, 0]])
    np.testing.assert_allclose(vae.encoder(short), vae.encoder(padded), atol=1e-6)
    z = ops.ones((1, D))
    np.testing.assert_allclose(
        vae.log_likelihood(ops.array(short), z),
        vae.log_likelihood(ops.array(padded), z),
        atol=1e-5,
    )


@pytest.mark.parametrize("pool", ["last", "max"])
@pytest.mark.parametrize("encoder", [tv.lstm_encoder, tv.gru_encoder])
def test_padding_changes_nothing_in_one_direction(encoder, pool):
    encoder = encoder(9, 6, 5, pool=pool, bidirectional=False)
    short, padded = np.array([[2, 5, 6, 3]]), np.array([[2, 5, 6, 3, 0, 0, 0]])
    assert encoder.output_shape == (None, 6)
    np.testing.assert_allclose(encoder(short), encoder(padded), atol=1e-6)


@pytest.mark.parametrize("net", NETS)
def test_decoder_does_not_see_the_future(net):
    decoder = NETS[net]()[1]
    a, b = ops.array([[2, 5, 6, 7]]), ops.array([[2, 5, 6, 8]])
    z = ops.ones((1, D))
    np.testing.assert_allclose(decoder([a, z])[:, :3], decoder([b, z])[:, :3], atol=1e-6)
    assert np.abs(decoder([a, z])[:, 3] - decoder([b, z])[:, 3]).max() > 1e-4


@pytest.mark.parametrize("net", NETS)
def test_one_token_at_a_time_gives_what_the_whole_sentence_gives(net):
    decoder = NETS[net]()[1]
    tokens, z = (
        ops.array([[2, 5, 6, 7], [2, 7, 4, 4]]),
        ops.array(np.random.normal(size=(2, D))),
    )
    whole, state = decoder([tokens, z]), decoder.begin(z)
    for t in range(4):
        features, *state = decoder.step([tokens[:, t : t + 1], z, *state])
        np.testing.assert_allclose(features[:, 0], whole[:, t], atol=1e-5)


def test_likelihood_of_tokens_is_the_sum_over_real_ones():
    vae, z = text_vae(), ops.array(np.random.normal(size=(4, D)), "float32")
    logits = vae.readout(vae.decoder([TOKENS[:, :-1], z]))
    want = tv.categorical(TOKENS[:, 1:], logits)
    np.testing.assert_allclose(vae.log_likelihood(ops.array(TOKENS), z), want, rtol=1e-5)


@pytest.mark.parametrize("net", NETS)
def test_a_language_model_sums_to_one_over_all_sentences(net):
    """Over every sequence of 1 or 2 words and END, and what is left for longer ones."""
    model = tv.LanguageModel(NETS[net](0)[1], TOKENIZER)
    words = [i for i in range(V) if i != END]  # a model may also write PAD, UNK or START
    done = [[START, *w, END] for n in (0, 1) for w in itertools.product(words, repeat=n)]
    more = [[START, *w] for w in itertools.product(words, repeat=2)]
    total = 0.0
    for sentences in (done, more):
        for n in {len(s) for s in sentences}:
            tokens = np.array([s for s in sentences if len(s) == n])
            z = ops.zeros((len(tokens), 0))
            logits = np.array(model.readout(model.decoder([tokens[:, :-1], z])))
            log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            chosen = np.take_along_axis(log_p, tokens[:, 1:, None], axis=-1)
            total += np.exp(chosen.sum((1, 2))).sum()
    assert total == pytest.approx(1.0, abs=1e-4)


# Decoding


def slow_decode(vae, z, length):
    """Greedy, running the decoder on the whole prefix each time."""
    tokens = np.full((len(z), 1), START)
    for _ in range(length):
        logits = np.array(vae.readout(vae.decoder([tokens, z])[:, -1]))
        logits[:, [PAD, UNK, START]] = -np.inf
        tokens = np.concatenate([tokens, logits.argmax(-1)[:, None]], axis=1)
    return vae.tokenizer.decode(tokens)


@pytest.mark.parametrize("net", NETS)
def test_greedy_decoding_with_state_equals_the_plain_loop(net):
    vae = text_vae(net)
    vae.fit(TOKENS, epochs=3, verbose=0)
    z = np.random.normal(size=(5, D)).astype("float32") * 3
    assert vae.decode(z) == slow_decode(vae, z, TOKENIZER.length - 1)


def all_scores(vae, z, length):
    """log p of every way to write at most `length` tokens, END included."""
    allowed = [i for i in range(V) if i not in (PAD, UNK, START)]
    scores = {}
    for n in range(length):
        for words in itertools.product([i for i in allowed if i != END], repeat=n):
            scores[(*words, END)] = None
    for n in {len(s) for s in scores}:
        rows = np.array([s for s in scores if len(s) == n])
        given = np.concatenate([np.full((len(rows), 1), START), rows[:, :-1]], axis=1)
        features = vae.decoder([given, np.repeat(z, len(rows), axis=0)])
        logits = np.array(vae.readout(features))
        logits[..., [PAD, UNK, START]] = -np.inf
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        total = np.take_along_axis(log_p, rows[..., None], axis=-1).sum((1, 2))
        scores.update({tuple(r): s for r, s in zip(rows.tolist(), total, strict=True)})
    return scores


def test_a_wide_beam_finds_the_likeliest_sentence_of_all():
    from tutvae import decoding

    vae = text_vae(run_eagerly=False)
    vae.fit(TOKENS, epochs=30, verbose=0)
    z = np.zeros((1, D), "float32")
    scores = all_scores(vae, z, 3)
    best = max(scores, key=scores.get)
    ids, score = decoding.beam(vae.decoder, vae.readout, ops.array(z), 3, 200)
    ids, score = np.array(ids)[0], float(score[0])
    assert tuple(i for i in ids.tolist() if i != PAD) == best
    assert score == pytest.approx(scores[best], abs=1e-4)


def test_beam_of_one_is_greedy_and_more_beams_score_no_worse():
    from tutvae import decoding

    vae = text_vae()
    vae.fit(TOKENS, epochs=10, verbose=0)
    z = ops.array(np.random.normal(size=(6, D)), "float32")
    ids, one = decoding.beam(vae.decoder, vae.readout, z, 9, 1)
    assert TOKENIZER.decode(ids) == vae.decode(z)
    wide = np.array(decoding.beam(vae.decoder, vae.readout, z, 9, 60)[1])
    assert (wide >= np.array(one) - 1e-4).all()


def first_words(vae, n, **how):
    z = np.zeros((n, D), "float32")
    first = [TOKENIZER.split(s)[0] if s else "</s>" for s in vae.decode(z, seed=1, **how)]
    return {w: first.count(w) / n for w in set(first)}


def first_probabilities(vae, temperature=1.0):
    logits = np.array(vae.readout(vae.decoder([np.array([[START]]), np.zeros((1, D))])))[
        0, 0
    ]
    logits[[PAD, UNK, START]] = -np.inf
    p = np.exp(logits / temperature)
    return dict(zip(TOKENIZER.words, p / p.sum(), strict=True))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_samples_follow_the_distribution(temperature):
    """Within 5 standard errors: a right sampler fails once in 100,000 runs."""
    vae, n = text_vae(), 4000
    vae.fit(TOKENS, epochs=5, verbose=0)
    want, got = (
        first_probabilities(vae, temperature),
        first_words(vae, n, temperature=temperature),
    )
    for word, p in want.items():
        assert abs(got.get(word, 0.0) - p) < 5 * np.sqrt(p * (1 - p) / n) + 2 / n


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_nucleus_draws_from_the_likeliest_words_only(temperature):
    """Within 5 standard errors, as above."""
    vae, n = text_vae(), 4000
    vae.readout.kernel.assign(0.0 * vae.readout.kernel)
    vae.readout.bias.assign(-0.5 * np.arange(V))  # no two words are equally likely
    p = first_probabilities(vae, temperature)
    total, kept = 0.0, {}
    for word in sorted(p, key=p.get, reverse=True):
        if total < 0.6:
            kept[word] = p[word]
        total += p[word]
    got = first_words(vae, n, temperature=temperature, top_p=0.6)
    assert set(got) == set(kept) and 1 < len(kept) < len(p) - 4
    for word, q in kept.items():
        q /= sum(kept.values())
        assert abs(got[word] - q) < 5 * np.sqrt(q * (1 - q) / n)


def test_words_are_drawn_one_by_one_and_blocks_apart():
    """At 1e-4: a right sampler fails once in 10,000 runs."""
    vae, z = text_vae(), np.zeros((4000, D), "float32")
    vae.readout.kernel.assign(0.0 * vae.readout.kernel)  # no word depends on another
    ids = TOKENIZER.encode_any([s or "." for s in vae.decode(z, 1.0)], truncate=True)
    pairs = ids[(ids[:, 2] > END) & (ids[:, 3] > END)][:, 1:3]
    table = np.zeros((V, V))
    np.add.at(table, tuple(pairs.T), 1)
    table = table[4:, 4:]
    assert table.sum() > 2000
    assert stats.chi2_contingency(table).pvalue > 1e-4
    blocks = vae.decode(z[:20], 1.0, batch_size=10)
    assert blocks[:10] != blocks[10:]


def test_words_are_drawn_from_other_noise_than_z():
    """At 1e-4. From the same noise, half the squared length of two normals (Box & Muller)
    would be that of a word, which is then the less likely the longer they are."""
    d = V + V % 2
    decoder, posterior = tv.gru_decoder(V, d, 4, 4), tv.GaussianPosterior(d)
    vae = tv.TextVAE(tv.gru_encoder(V, 4, 4), decoder, posterior, TOKENIZER)
    vae.readout.kernel.assign(0.0 * vae.readout.kernel)  # no word depends on z
    wins, lengths = [], []
    for word, seed in itertools.product(range(4, V), range(60)):
        vae.readout.bias.assign(np.where(np.arange(V) == word, 2.5, 0.0))
        z = vae.prior.sample((1, d), keras.random.SeedGenerator(seed)).numpy()[0]
        said = vae.decode(z[None], 1.0, seed=seed)[0]
        wins.append(TOKENIZER.split(said)[:1] == [TOKENIZER.words[word]])
        first = word - word % 2  # of the two normals
        lengths.append(z[first] ** 2 + z[first + 1] ** 2)
    won, lost = np.array(lengths)[wins], np.array(lengths)[np.logical_not(wins)]
    assert min(len(won), len(lost)) > 100
    assert stats.mannwhitneyu(won, lost).pvalue > 1e-4


def test_same_seed_same_text_and_another_seed_other_text():
    vae = text_vae()
    a, b, c = (vae.generate(20, seed=s) for s in (1, 1, 2))
    assert a == b != c


def test_strings_in_strings_out():
    vae = text_vae()
    assert len(vae.generate(3)) == len(vae.reconstruct(LINES[:3])) == 3
    assert len(vae.interpolate(LINES[0], LINES[1], 4, beams=2)) == 4
    assert vae.decode(np.zeros((0, D))) == []


def test_text_autoencoder_learns_to_say_back():
    encoder, decoder = NETS["lstm"]()
    model = tv.TextAutoencoder(tv.code(encoder, D), decoder, TOKENIZER)
    model.compile(keras.optimizers.Adam(3e-2))
    history = model.fit(TOKENS, epochs=150, verbose=0).history
    assert set(history) == {"loss"} and not hasattr(model, "generate")
    assert model.reconstruct(LINES) == LINES
    assert tv.evaluation.reconstruction(model, LINES) == {"bleu4": 1.0, "exact_match": 1.0}


def test_text_autoencoder_gives_log_p_of_each_sentence():
    encoder, decoder = NETS["gru"]()
    model = tv.TextAutoencoder(tv.code(encoder, D), decoder, TOKENIZER)
    model.compile("adam")
    log_p = model.predict(TOKENS, verbose=0)
    assert log_p.shape == (4,)
    assert -log_p.mean() == pytest.approx(model.evaluate(TOKENS, verbose=0), rel=1e-5)


def test_word_dropout_hides_the_words_from_the_decoder():
    vae = text_vae(word_dropout=1.0)
    z = np.random.normal(size=(4, D)).astype("float32")
    hidden = np.where(TOKENS > END, UNK, TOKENS)
    features = vae.decoder([hidden[:, :-1], z])
    want = tv.categorical(TOKENS[:, 1:], vae.readout(features))
    np.testing.assert_allclose(
        vae.log_likelihood(TOKENS, z, training=True), want, rtol=1e-4
    )
    assert not np.allclose(vae.log_likelihood(TOKENS, z), want, rtol=1e-4)


def test_word_dropout_hides_its_share_of_words(monkeypatch):
    """Within 4 standard errors: right code fails once in 10,000 runs."""
    vae, seen, call = text_vae(word_dropout=0.3), [], tv.TextDecoder.call

    def watched(self, inputs, training=False):
        seen.append(np.array(inputs[0]))
        return call(self, inputs, training)

    monkeypatch.setattr(tv.TextDecoder, "call", watched)
    tokens = np.tile(TOKENS, (200, 1))
    vae.log_likelihood(tokens, np.zeros((800, D), "float32"), training=True)
    words, hidden = tokens[:, :-1] > END, seen[0] != tokens[:, :-1]
    assert (seen[0][hidden] == UNK).all() and not hidden[~words].any()
    n = words.sum()
    assert abs(hidden.sum() - 0.3 * n) < 4 * np.sqrt(0.3 * 0.7 * n)


def test_dropout_is_at_work_in_training_and_never_else():
    vae = text_vae(dropout=0.5, posterior=tv.PointPosterior(D), beta=0.0)
    once, again = (vae.evaluate(TOKENS, verbose=0) for _ in range(2))
    assert once == again
    z = ops.ones((4, D))
    for noisy in (
        lambda: vae.log_likelihood(TOKENS, z, training=True),  # of the decoder
        lambda: vae.draw(TOKENS, 1, training=True).z,  # of the encoder
    ):
        assert not np.allclose(noisy(), noisy())


@pytest.mark.parametrize("net", NETS)
def test_every_word_hears_of_z(net):
    decoder, tokens = NETS[net]()[1], np.array([[START, 5, 6, 7]])
    a, b = (np.array(decoder([tokens, z * ops.ones((1, D))])) for z in (1.0, -1.0))
    assert (np.abs(a - b).max(axis=-1) > 1e-3).all()


@pytest.mark.parametrize("net", NETS)
def test_an_encoder_hears_the_order_of_the_words(net):
    encoder = NETS[net]()[0]
    a, b = (np.array(encoder(np.array([row]))) for row in ([2, 5, 6, 3], [2, 6, 5, 3]))
    assert np.abs(a - b).max() > 1e-5


def test_a_causal_block_attends_as_that_of_keras():
    width, heads = 8, 2
    block, x = tv.layers.CausalBlock(width, heads), np.random.normal(size=(2, 5, width))
    x = ops.array(x, "float32")
    block.build((None, None, width), (None, None, 2 * width))
    for weight in block.trainable_variables:
        weight.assign(np.random.normal(size=weight.shape))
    keras_own = keras.layers.MultiHeadAttention(heads, width // heads)
    keras_own.build(x.shape, x.shape)
    kernel, bias = (np.split(np.array(w), 3, axis=-1) for w in block.qkv.weights)
    by_head = [
        part
        for k, b in zip(kernel, bias, strict=True)
        for part in (k.reshape(width, heads, -1), b.reshape(heads, -1))
    ]
    out, out_bias = block.out.get_weights()
    order = {v.path.split("/")[-2]: i for i, v in enumerate(keras_own.weights[::2])}
    assert list(order) == ["query", "key", "value", "attention_output"]
    keras_own.set_weights([*by_head, out.reshape(heads, -1, width), out_bias])
    h = block.norm_1(x)
    h = x + keras_own(h, h, use_causal_mask=True)
    want = h + block.down(block.up(block.norm_2(h)))
    got, _ = block(x, ops.zeros((2, 0, 2 * width)))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_interpolation_goes_straight_from_one_code_to_the_other(monkeypatch):
    vae = text_vae()
    monkeypatch.setattr(tv.TextVAE, "decode", lambda self, z, **how: z)
    line = vae.interpolate(LINES[0], LINES[1], steps=3)
    a, b = vae.codes(LINES[:2])
    np.testing.assert_allclose(line, [a, (a + b) / 2, b], atol=1e-6)


def test_perplexity_counts_the_end_and_not_the_start():
    tokens = np.array([[START, 5, END, PAD], [START, 6, 7, END]])
    assert tv.evaluation.perplexity(2.5 * np.log(7), tokens) == pytest.approx(7)
    numbers = tv.evaluation.report(text_vae(), TOKENS, samples=5, verbose=0)
    predicted = (TOKENS[:, 1:] != PAD).sum()
    assert numbers["ppl_iw"] == pytest.approx(np.exp(numbers["iw_nll"] * 4 / predicted))


def test_bleu_and_exact_match_by_hand():
    said, meant = "a b c d f", "a b c d e g"
    shares = 4 / 5 * 3 / 4 * 2 / 3 * 1 / 2  # of 1, 2, 3 and 4 words on end that are right
    want = shares ** (1 / 4) * np.exp(1 - 6 / 5)  # and five words for six
    assert tv.evaluation.bleu([meant], [said]) == pytest.approx(want, abs=1e-6)
    want = (4 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4)  # nothing for being longer
    assert tv.evaluation.bleu([said], [meant]) == pytest.approx(want, abs=1e-6)
    model = SimpleNamespace(
        tokenizer=TOKENIZER, reconstruct=lambda lines: ["a b c d", "a b c d f"]
    )
    found = tv.evaluation.reconstruction(model, ["a b c d", "a b c d e"])
    assert found["exact_match"] == 0.5 and 0.5 < found["bleu4"] < 1


def test_variety_by_hand():
    assert tv.evaluation.distinct(["a b a b", "a b"], 2) == 2 / 4
    alike = tv.evaluation.self_bleu(["a b c d e"] * 3)
    apart = tv.evaluation.self_bleu(["a b c d e", "f g h i j", "k l m n o"])
    assert alike == pytest.approx(1) and apart < 0.1


def test_trimming_keeps_everything_up_to_the_last_token():
    from tutvae.batches import trim

    assert trim(np.array([[2, 4, 0, 5, 3, 0]])).tolist() == [[2, 4, 0, 5, 3]]
    assert trim(np.zeros((2, 3), int)).shape == (2, 1)
