"""Text files that are never read as a whole give the same training as an array."""

import gzip
import itertools
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from models import same

import tutvae as tv

SENTENCES = [
    f"{a} {b} {c}" for a, b, c in itertools.product("abcd", "efg", "hi jkl m".split())
]
TOKENIZER = tv.Tokenizer.fit(SENTENCES, length=5)


@pytest.fixture
def shards(tmp_path):
    for i in range(3):
        lines = "\n".join([*SENTENCES[12 * i : 12 * i + 12], "", " \u3000 "])
        (tmp_path / f"{i}.txt").write_text(lines, "utf-8")
    return str(tmp_path / "*.txt")


def rows(batches):
    """All sentences of a pass, sorted."""
    return sorted(TOKENIZER.decode(np.concatenate([pad(b) for b in batches])))


def pad(batch):
    return np.pad(batch, [(0, 0), (0, TOKENIZER.length - batch.shape[1])])


def test_without_a_seed_it_is_the_array_in_its_order(shards):
    stream = tv.TextStream(shards, TOKENIZER, batch_size=5)
    array = tv.batches(TOKENIZER.encode(SENTENCES), 5)
    assert len(stream) == len(array) == 8 and stream.sentences == 36
    for ours, theirs in zip(stream, array, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_with_a_seed_every_pass_holds_all_sentences_in_another_order(shards):
    stream = tv.TextStream(shards, TOKENIZER, batch_size=5, seed=3, buffer=10)
    first, second = list(stream), list(stream)
    assert rows(first) == rows(second) == sorted(SENTENCES)
    assert not all(map(np.array_equal, first, second))
    again = tv.TextStream(shards, TOKENIZER, batch_size=5, seed=3, buffer=10)
    assert all(map(np.array_equal, first, again))
    again.epoch = 1  # as Resume does
    assert all(map(np.array_equal, second, again))


def test_with_a_seed_the_order_of_the_files_changes_too(shards):
    stream = tv.TextStream(shards, TOKENIZER, batch_size=6, seed=3, buffer=6)
    firsts = [next(iter(stream)) for _ in range(12)]  # each from one file
    assert len({TOKENIZER.decode(batch)[0][0] for batch in firsts}) > 1


def test_lengths_are_mixed_if_a_batch_must_stand_for_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a e hi\n" * 20 + "a\n" * 20)

    def spreads(**how):
        stream = tv.TextStream([path], TOKENIZER, batch_size=10, seed=0, **how)
        return [np.ptp((batch != 0).sum(axis=1)) for batch in stream]

    assert max(spreads()) == 0 and min(spreads(by_length=False)) > 0


def test_compressed_files_and_long_sentences(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress("\ufeffa e jkl\na e hi m a e".encode()))
    (batch,) = tv.TextStream([path], TOKENIZER)
    assert TOKENIZER.decode(batch) == ["a e jkl", "a e hi"]


def test_later_lines_may_hold_unknown_words_only(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a e hi\n" * 4 + "x y z\n")
    batches = list(tv.TextStream([path], TOKENIZER, batch_size=4, buffer=4))
    assert TOKENIZER.decode(batches[1]) == ["<unk> <unk> <unk>"]


def text_vae():
    tf.keras.utils.set_random_seed(0)
    v = len(TOKENIZER)
    nets = tv.lstm_encoder(v, 8, 8, dropout=0.5), tv.lstm_decoder(v, 3, 8, 8)
    vae = tv.TextVAE(*nets, tv.GaussianPosterior(3), TOKENIZER)
    vae.compile("adam")
    return vae


def test_a_model_trains_on_it_and_resumes_in_the_middle_of_an_epoch(shards, tmp_path):
    def run(name, stop_at=None):
        vae = text_vae()
        stream = tv.TextStream(shards, TOKENIZER, batch_size=5, seed=3)
        resume = tv.Resume(tmp_path / name, stream, every=1)

        class PowerCut(tf.keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                if int(vae.optimizer.iterations) == stop_at:
                    raise KeyboardInterrupt

        vae.fit(stream, epochs=3, callbacks=[PowerCut(), resume], verbose=0)
        return vae.get_weights()

    whole = run("whole.npz")
    with pytest.raises(KeyboardInterrupt):
        run("cut.npz", stop_at=11)
    assert same(whole, run("cut.npz"))
    assert not same(whole, text_vae().get_weights())


def test_a_resumed_and_a_finished_run_leave_the_next_fit_alone(tmp_path):
    tokens = TOKENIZER.encode(SENTENCES)

    def resume(vae, epochs):
        data = tv.batches(tokens, 12, seed=0)
        state = tv.Resume(tmp_path / "run.npz", data)
        return vae.fit(data, epochs=epochs, callbacks=[state], verbose=0)

    resume(text_vae(), 1)
    for epochs, done in ((2, 2), (2, 2), (3, 3)):  # resumed, finished, made longer
        vae = text_vae()
        assert len(resume(vae, epochs).epoch) == done
        assert vae.fit(tokens, epochs=2, verbose=0).epoch == [0, 1]


def test_a_path_is_a_file_or_a_pattern_and_may_begin_at_home(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "one[1].txt").write_text("a e hi\n")
    for one in (tmp_path / "0.txt", "~/0.txt", ["~/0.txt"], pathlib.Path("~/0.txt")):
        assert tv.TextStream(one, TOKENIZER).files == [str(tmp_path / "0.txt")]
    for pattern in (tmp_path / "[012].txt", "~/[012].txt"):
        assert tv.TextStream(pattern, TOKENIZER).sentences == 36
    assert tv.TextStream(tmp_path / "one[1].txt", TOKENIZER).sentences == 1
    assert tv.read_lines("~/one[1].txt") == ["a e hi"]
    with pytest.raises(FileNotFoundError, match=r"no file at .*gone\.txt"):
        tv.TextStream(tmp_path / "gone.txt", TOKENIZER)


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file at .*none"):
        tv.TextStream(str(tmp_path / "none*"), TOKENIZER)
    with pytest.raises(FileNotFoundError, match="gone"):
        tv.TextStream([tmp_path / "gone.txt"], TOKENIZER)
    bad = tmp_path / "bad.txt"
    bad.write_bytes("你好".encode("gb18030"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not UTF-8"):
        list(tv.TextStream([bad], TOKENIZER))
    with pytest.raises(ValueError, match="batch_size"):
        tv.TextStream([bad], TOKENIZER, batch_size=0)
    stream = tv.TextStream([bad], TOKENIZER, seed=0)
    with pytest.raises(ValueError, match="in order"):
        text_vae().predict(stream)
    other = tv.Tokenizer.fit(["x y z"], length=5)
    longer = tv.Tokenizer(TOKENIZER.words, length=6)
    for tokenizer in (other, longer):
        with pytest.raises(ValueError, match="another vocabulary or length"):
            text_vae().fit(tv.TextStream([bad], tokenizer))
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"a e hi"))
    with pytest.raises(ValueError, match=r"end in \.gz"):
        tv.TextStream([tmp_path / "a.gz", bad], TOKENIZER)
    with pytest.raises(ValueError, match="sentences is 0"):
        tv.TextStream([bad], TOKENIZER, sentences=0)
    bad.write_text("\n \n")
    with pytest.raises(ValueError, match=r"bad\.txt'\] hold no sentence"):
        list(tv.TextStream([bad], TOKENIZER))
    bad.write_text("x y z")
    with pytest.raises(tf.errors.InvalidArgumentError, match="not one token"):
        list(tv.TextStream([bad], TOKENIZER))
