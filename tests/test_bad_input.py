"""Bad input gets an error that names the cause and the cure."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from models import LINES, TOKENIZER, TOKENS, D, V, image_vae, images, text_vae

import tutvae as tv


@pytest.mark.parametrize(
    "sentences, message",
    [
        ([], "no sentences"),
        ("one string", "one string"),
        (["a cat", ""], "sentence 1 is ''"),
        (["a cat", "  "], "Drop empty lines"),
        (["a cat", None], "sentence 1 is None"),
        (["zyx wvu", "tsr"], "not one token .* in the vocabulary"),
        (["你好"], "right language"),
        (["a cat sat on the mat and the dog ran on a mat"], "more than 8 tokens.*truncate"),
    ],
)
def test_sentences(sentences, message):
    with pytest.raises(ValueError, match=message):
        TOKENIZER.encode(sentences)


def test_an_empty_corpus_cannot_be_fitted():
    with pytest.raises(ValueError, match="no sentences"):
        tv.Tokenizer.fit([])


def test_lines_of_a_file_come_without_blanks_and_marks(tmp_path):
    (tmp_path / "text.txt").write_bytes("\ufeff a cat \r\n\n\ta dog\n".encode())
    assert tv.read_lines(tmp_path / "text.txt") == ["a cat", "a dog"]
    with pytest.raises(FileNotFoundError):
        tv.read_lines(tmp_path / "absent.txt")


def test_one_word_is_a_sentence():
    tokenizer = tv.Tokenizer.fit(["hello"])
    assert tokenizer.encode(["hello"]).tolist() == [[2, 4, 3]]


def test_truncation_is_asked_for_and_keeps_the_end():
    row = TOKENIZER.encode(["a " * 50], truncate=True)[0]
    assert len(row) == 10 and row[-1] == tv.tokenizer.END


def test_unseen_characters_become_unknown():
    tokenizer = tv.CharTokenizer.fit(["你好吗"])
    assert tokenizer.encode(["你们"]).tolist()[0][:4] == [2, tokenizer.ids["你"], 1, 3]


def test_a_vocabulary_or_a_length_that_cannot_work():
    with pytest.raises(ValueError, match="begins with"):
        tv.Tokenizer(["a", "b"], 5)
    with pytest.raises(ValueError, match="length is 2"):
        tv.Tokenizer(TOKENIZER.words, 2)


@pytest.mark.parametrize(
    "content, message", [(b"\xff\xfe\x00", "not UTF-8"), (b"\n\n", "holds no text")]
)
def test_text_files(content, message, tmp_path):
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        tv.read_lines(tmp_path / "text.txt")


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((0, 4, 4), "float32"), "x is empty"),
        (np.full((2, 4, 4), np.nan, "float32"), "NaN or infinite"),
        (np.array([["a", "b"]]), "dtype <U1.*Tokenizer.encode"),
        (np.zeros((2, 5, 5), "float32"), "shape"),
    ],
)
def test_arrays(x, message):
    with pytest.raises(ValueError, match=message):
        image_vae().fit(x, verbose=0)


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((2, 10), "float32"), "whole numbers"),
        (np.full((2, 10), 999), "vocabulary has"),
        (np.full((2, 10), -1), "vocabulary has"),
        (np.zeros(10, "int32"), "expected whole numbers"),
    ],
)
def test_token_ids(x, message):
    with pytest.raises(ValueError, match=message):
        text_vae().fit(x, verbose=0)


def test_a_decoder_of_another_shape_is_named():
    vae = tv.VAE(
        tv.dense_encoder((4, 4)), tv.dense_decoder(D, (16,)), tv.GaussianPosterior(D)
    )
    vae.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match=r"the decoder gives .*16.*Reshape"):
        vae.fit(images(), verbose=0)


@pytest.mark.parametrize("name", ["loss", "metrics"])
def test_compile_says_that_the_parts_define_the_loss(name):
    with pytest.raises(ValueError, match="objective to the constructor"):
        image_vae().compile("adam", **{name: ["mse"]})


@pytest.mark.parametrize(
    "make",
    [
        lambda: tv.GaussianPosterior(0),
        lambda: tv.lstm_encoder(9, pool="mean"),
        lambda: tv.transformer_decoder(9, 2, 5, width=10, heads=4),
        lambda: text_vae(word_dropout=1.5),
        lambda: tv.batches(np.zeros((0, 3))),
        lambda: tv.batches(np.zeros((2, 3)), 0),
        lambda: text_vae().decode(np.zeros((1, D)), temperature=-1),
        lambda: text_vae().decode(np.zeros((1, D)), top_p=0.0),
        lambda: text_vae().decode(np.zeros((1, D)), beams=0),
        lambda: tv.LanguageModel(tv.gru_decoder(V, 0, 8, 8), TOKENIZER).codes(LINES),
        lambda: tv.load_data("topics", size=4),
        lambda: tv.pretrained("no-such-model"),
        lambda: tv.evaluation.report(image_vae(), images(0)),
        lambda: tv.evaluation.report(image_vae(), tv.batches(images(), 4)),
        lambda: tv.evaluation.bleu(["a"], []),
        lambda: tv.evaluation.bleu([], []),
        lambda: tv.evaluation.self_bleu(["a b c"]),
        lambda: tv.GaussianPosterior(2).build((None, 5, 4)),
        lambda: tv.evaluation.report(image_vae(), images(), samples=0),
        lambda: tv.ELBO(samples=0),
        lambda: tv.IWAE(samples=0),
        lambda: tv.GaussianMixture(0, 2),
        lambda: tv.linear(-1),
        lambda: tv.transformer_encoder(9, 5, width=10, heads=4),
        lambda: tv.KneserNey(2).log_prob("a cat"),
        lambda: tv.Tokenizer([*TOKENIZER.words, "cat"], 9),
        lambda: tv.Aggressive(TOKENS, TOKENS, budget=9, most=0),
    ],
)
def test_settings_out_of_range(make):
    with pytest.raises(ValueError):
        make()


NAN = np.full((4, 4, 4), np.nan, "float32")
NO_END = np.where(TOKENS == 3, 0, TOKENS)
START_TWICE, WORD_AFTER_END, PAD_INSIDE = np.repeat(TOKENS[None], 3, axis=0)
START_TWICE[0, 1], PAD_INSIDE[0, 1], WORD_AFTER_END[0, -1] = 2, 0, 4


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: image_vae().fit(tv.batches(NAN, 2), verbose=0), "NaN"),
        (lambda: image_vae().fit(images(), validation_data=NAN, verbose=0), "NaN"),
        (lambda: image_vae().evaluate(NAN, verbose=0), "NaN"),
        (lambda: tv.evaluation.report(image_vae(), NAN), "NaN"),
        (lambda: image_vae().fit(16 * images(), verbose=0), r"Bernoulli.*in \[0, 1\]"),
        (lambda: image_vae().fit(tv.batches(-images(), 2), verbose=0), "Bernoulli"),
        (lambda: image_vae().evaluate(images(), images(4), verbose=0), "y is not used"),
        (lambda: text_vae().fit(LINES, verbose=0), "list of 4.*Tokenizer.encode"),
        (lambda: image_vae().fit(images(), validation_data=(NAN, None)), "NaN"),
        (lambda: image_vae().fit(tf.constant(NAN), verbose=0), "NaN"),
        (lambda: image_vae().fit(images(), validation_data=(images(), NAN)), "y is not"),
        (
            lambda: image_vae().fit(tv.batches(images()), sample_weight=np.ones(8)),
            "array x",
        ),
        (lambda: text_vae().fit(NO_END, verbose=0), "START, words, END"),
        (lambda: text_vae().fit(START_TWICE, verbose=0), "START, words, END"),
        (lambda: text_vae().fit(WORD_AFTER_END, verbose=0), "START, words, END"),
        (lambda: text_vae().fit(PAD_INSIDE, verbose=0), "START, words, END"),
        (lambda: text_vae().fit(tv.batches(TOKENS + 90, 2), verbose=0), "vocabulary has"),
        (lambda: text_vae().predict(TOKENS + 90, verbose=0), "vocabulary has"),
        (lambda: text_vae().predict(tv.batches(TOKENS, 2, seed=0)), "in order"),
        (lambda: text_vae().decode(np.full((1, D), np.nan)), "finite"),
        (lambda: text_vae().decode(np.zeros((1, D + 1))), r"shape \(N, 3\)"),
        (lambda: text_vae().decode(np.zeros(D)), r"shape \(N, 3\)"),
        (lambda: TOKENIZER.decode(TOKENS[0]), r"shape \(10,\); expected \(N, T\).*\[:1\]"),
        (lambda: tv.Tokenizer.fit(iter([])), "no sentences"),
        (lambda: tv.load_data("mine.txt"), r"Unknown corpus.*tv\.read_lines\(path\)"),
        (lambda: tv.Aggressive(tv.batches(TOKENS), TOKENS, 9), "^x must be an array"),
        (
            lambda: tv.Aggressive(TOKENS, tf.data.Dataset.from_tensors(TOKENS), 9),
            "^validation must be an array",
        ),
        (
            lambda: text_vae().fit(TOKENS, callbacks=[tv.Aggressive(TOKENS, LINES, 9)]),
            "dtype.*Tokenizer.encode",
        ),
        (lambda: tv.pretrain_encoder(text_vae(), LINES, 1), "Tokenizer.encode"),
        (
            lambda: tv.pretrain_encoder(
                tv.VAE(
                    tv.dense_encoder((4, 4), (6,)),
                    tv.dense_decoder(2, (4, 4), (6,)),
                    tv.GaussianPosterior(2),
                ),
                images(),
                epochs=1,
            ),
            "call vae.compile",
        ),
        (lambda: tv.Tokenizer.fit(LINES, size=4), "over 4"),
        (lambda: tv.WhitespaceTokenizer.fit(["a b", "a </s> b"]), "sentence 1.*</s>"),
        (lambda: tv.Tokenizer.fit(LINES, length=0), "at least 3"),
        (lambda: TOKENIZER.decode([[2, -1, 3]]), f"from -1 to 2, but .* has {V}"),
        (lambda: TOKENIZER.decode([[2, V, 3]]), f"from 2 to {V}, but .* has {V}"),
        (lambda: text_vae(readout=keras.layers.Dense(V - 1)), f"writes {V - 1} words"),
        (lambda: tv.Resume("run.npz", tf.data.Dataset.range(3)), "tv.batches"),
        (lambda: tv.Resume("run.npz", tv.batches(TOKENS), every=0), "every is 0"),
        (lambda: tv.save_compact(image_vae(), "model.bin"), "does not end in .keras"),
    ],
)
def test_every_door_is_guarded(use, message):
    with pytest.raises(ValueError, match=message):
        use()


class Called(keras.Model):
    def call(self, x):
        return x


UNBUILT, CALLED = keras.Sequential([keras.layers.Dense(16)]), Called()
CALLED(np.zeros((1, 16), "float32"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: tv.VAE(UNBUILT, tv.dense_decoder(D, (16,)), tv.GaussianPosterior(D)),
        lambda: tv.VAE(CALLED, tv.dense_decoder(D, (16,)), tv.GaussianPosterior(D)),
        lambda: tv.VAE(tv.dense_encoder((16,)), UNBUILT, tv.GaussianPosterior(D)),
        lambda: tv.Autoencoder(UNBUILT, tv.dense_decoder(16, (16,))),
        lambda: tv.Autoencoder(tv.dense_encoder((16,)), UNBUILT),
    ],
)
def test_nets_of_unknown_shape_are_refused(make):
    with pytest.raises(ValueError, match=r"has no known shapes.*keras\.Input"):
        make()


def test_a_transformer_for_shorter_sentences_is_refused():
    parts = tv.transformer_encoder(V, 5, 8, 2, 1), tv.transformer_decoder(V, D, 5, 8, 2, 1)
    with pytest.raises(ValueError, match="made for 5 positions"):
        tv.TextVAE(*parts, tv.GaussianPosterior(D), TOKENIZER)


@pytest.mark.parametrize("words", [V - 1, V + 1])
def test_a_decoder_for_another_vocabulary_is_refused(words):
    encoder, decoder = tv.gru_encoder(V, 4, 8), tv.gru_decoder(words, D, 8, 8)
    with pytest.raises(ValueError, match=rf"the vocabulary has {V}"):
        tv.TextVAE(
            encoder, decoder, tv.GaussianPosterior(D), TOKENIZER, readout=tv.TiedReadout()
        )


def test_an_encoder_for_fewer_words_is_refused():
    with pytest.raises(ValueError, match=f"gru_encoder was made for {V - 1} words"):
        tv.TextVAE(
            tv.gru_encoder(V - 1, 4, 8),
            tv.gru_decoder(V, D, 8, 8),
            tv.GaussianPosterior(D),
            TOKENIZER,
        )


def test_a_tied_readout_belongs_to_one_model():
    readout = tv.TiedReadout()
    text_vae(readout=readout)
    with pytest.raises(ValueError, match="belongs to a model already"):
        text_vae(readout=readout)


def test_free_bits_need_a_kl_of_each_dimension():
    vae = image_vae(objective=tv.FreeBits(0.1), prior=tv.GaussianMixture(4, D))
    with pytest.raises(ValueError, match="FreeRate"):
        vae.evaluate(images(), verbose=0)


def test_a_part_cannot_be_replaced_while_fit_runs():
    vae = image_vae()
    anneal = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(vae, "beta", epoch / 4)
    )
    with pytest.raises(ValueError, match=r"beta cannot be changed .*tv\.linear"):
        vae.fit(images(), callbacks=[anneal], verbose=0)
    vae.beta = 0.5  # the failed `fit` is over
    assert vae.fit(images(), verbose=0).history["beta"] == [0.5]


def test_a_weight_beyond_half_precision_is_not_saved_compactly(tmp_path):
    vae = image_vae()
    vae.set_weights([1e5 * np.ones_like(w) for w in vae.get_weights()])
    with pytest.raises(ValueError, match="too great for half precision"):
        tv.save_compact(vae, tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())
