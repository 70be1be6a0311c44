"""Save, load, stop and resume: nothing is lost."""

import hashlib
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from models import NETS, TOKENIZER, TOKENS, D, V, image_vae, images, same, text_vae

import tutvae as tv
from tutvae import resume

VARIANTS = {
    "elbo": dict(),
    "beta": dict(beta=0.5),
    "cyclical": dict(beta=tv.Cyclical(10)),
    "target rate": dict(beta=tv.TargetRate(1.0, speed=0.01, start=0.5)),
    "free bits": dict(objective=tv.FreeBits(0.5), beta=tv.linear(10)),
    "free rate": dict(objective=tv.FreeRate(2.0)),
    "iwae": dict(objective=tv.IWAE(3)),
    "mmd": dict(objective=tv.MMD(10.0)),
    "batch norm": dict(posterior=tv.BatchNormPosterior(D)),
    "sphere": dict(posterior=tv.VonMisesFisherPosterior(D), prior=tv.UniformSphere()),
    "bag of words": dict(bag_of_words=0.1),
    "mixture prior": dict(prior=tv.GaussianMixture(4, D)),
    "point": dict(posterior=tv.PointPosterior(D), beta=0.0),
    "gru": dict(net="gru", word_dropout=0.3),
    "transformer": dict(net="transformer"),
    "tied": dict(readout=tv.TiedReadout),
    "dropout": dict(dropout=0.5),
    "as a graph": dict(run_eagerly=False),
}


def build(name):
    parts = dict(VARIANTS[name])
    if "readout" in parts:
        parts["readout"] = parts["readout"]()
    return text_vae(**parts)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains_saves_reloads_and_continues(name, tmp_path):
    vae = build(name)
    history = vae.fit(tv.batches(TOKENS, 4), epochs=12, verbose=0).history
    assert history["nll"][-1] < history["nll"][0]
    vae.save(tmp_path / "vae.keras")
    again = tv.load_model(tmp_path / "vae.keras")
    z = vae.encode(TOKENS)
    assert np.array_equal(z, again.encode(TOKENS)) and vae.decode(z) == again.decode(z)
    save = keras.saving.serialize_keras_object
    assert save(again.objective) == save(vae.objective)
    assert save(again.beta) == save(vae.beta)
    assert same(vae.get_weights(), again.get_weights())
    ends = []
    for model in (vae, again):  # with equal noise from equal seeds
        model.fit(tv.batches(TOKENS, 4), verbose=0)
        ends.append(model.get_weights())
    assert same(*ends) and int(again.optimizer.iterations) == 13


def test_a_compact_file_holds_the_same_model_in_half_precision(tmp_path):
    vae = build(next(iter(VARIANTS)))
    vae.fit(tv.batches(TOKENS, 4), epochs=2, verbose=0)
    vae.save(tmp_path / "full.keras")
    path = tmp_path / "compact.keras"
    sha256 = tv.save_compact(vae, path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size < (tmp_path / "full.keras").stat().st_size / 2
    again = tv.load_model(path)
    for rounded, weight in zip(again.get_weights(), vae.get_weights(), strict=True):
        assert rounded.dtype == weight.dtype
        np.testing.assert_array_equal(rounded, weight.astype("float16"))
    again.compile("adam")
    assert again.fit(tv.batches(TOKENS, 4), verbose=0).history["nll"][0] > 0


@pytest.mark.parametrize("make", ["autoencoder", "language model"])
def test_the_other_models_save_and_reload(make, tmp_path):
    encoder, decoder = NETS["lstm"]()
    model = {
        "autoencoder": lambda: tv.TextAutoencoder(
            tv.code(encoder, D), decoder, TOKENIZER, corrupt=keras.layers.Identity()
        ),
        "language model": lambda: tv.LanguageModel(NETS["lstm"](0)[1], TOKENIZER),
    }[make]()
    model.compile("adam")
    model.fit(TOKENS, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = tv.load_model(tmp_path / "model.keras")
    assert same(model.get_weights(), again.get_weights())
    assert type(getattr(again, "corrupt", None)) is type(getattr(model, "corrupt", None))
    z = np.zeros((3, 0 if make == "language model" else D))
    assert model.decode(z) == again.decode(z)


def test_loading_needs_only_the_package_in_a_fresh_process(tmp_path):
    vae = text_vae()
    vae.save(tmp_path / "vae.keras")
    program = f"""
        import tutvae as tv
        print(tv.load_model({str(tmp_path / "vae.keras")!r}).generate(2, seed=5))
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert out.stdout.strip().splitlines()[-1] == str(vae.generate(2, seed=5)), out.stderr


def test_loading_runs_no_code_from_the_file(tmp_path):
    encoder = keras.Sequential([keras.Input((16,)), keras.layers.Lambda(lambda x: x)])
    vae = tv.VAE(encoder, tv.dense_decoder(D, (16,)), tv.GaussianPosterior(D))
    vae.save(tmp_path / "vae.keras")
    with pytest.raises(ValueError, match="lambda"):
        tv.load_model(tmp_path / "vae.keras")


@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_a_damaged_model_file_is_refused(damage, tmp_path):
    path = tmp_path / "vae.keras"
    image_vae().save(path)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    else:
        content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="truncated or altered"):
        tv.load_model(path)
    with pytest.raises(FileNotFoundError, match="no model file"):
        tv.load_model(tmp_path / "absent.keras")


# Resume


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Stops the program in the middle of an epoch, as a power cut would."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        self.step -= 1
        if self.step == 0:
            raise Killed


def train(path, kill_at=None, epochs=4, rows=9):
    """Dropout 0.5, word dropout, a shuffled set, early stopping and a falling step size."""
    keras.utils.set_random_seed(0)
    vae = text_vae(dropout=0.5, word_dropout=0.3, beta=tv.linear(9))
    x = np.tile(TOKENS, (3, 1))[:rows]
    data = tv.batches(x, 2, seed=0)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    slower = keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=0.05)
    callbacks = [stop, slower]
    if path:
        callbacks.append(tv.Resume(path, data, [stop, slower], every=2))
    if kill_at:
        callbacks.append(KillAt(kill_at))
    history = vae.fit(
        data, validation_data=(TOKENS,), epochs=epochs, callbacks=callbacks, verbose=0
    )
    rate = float(vae.optimizer.learning_rate)
    return vae.get_weights(), history.history, rate, stop.wait, stop.best


@pytest.mark.parametrize("kill_at", [3, 8, 15])  # 5 batches per epoch
def test_a_killed_run_ends_as_an_uninterrupted_one_bit_for_bit(kill_at, tmp_path):
    whole = train(None)
    with pytest.raises(Killed):
        train(tmp_path / "run.npz", kill_at)
    resumed = train(tmp_path / "run.npz")
    assert same(whole[0], resumed[0])
    assert whole[1:] == resumed[1:]
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]  # nothing half-written
    again = train(tmp_path / "run.npz")  # a finished run is only loaded
    assert same(whole[0], again[0]) and again[1] == whole[1]


def test_a_damaged_or_foreign_state_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(Killed):
        train(path, 6)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(ValueError, match="truncated or altered"):
        train(path)
    path.write_bytes(good)
    data = tv.batches(images(), 4, seed=0)
    with pytest.raises(ValueError, match="another model"):
        image_vae().fit(data, callbacks=[tv.Resume(path, data)], verbose=0)


def test_a_state_with_other_callbacks_is_refused(tmp_path):
    path, data = tmp_path / "run.npz", tv.batches(images(), 4, seed=0)
    stop = keras.callbacks.EarlyStopping("loss")
    image_vae().fit(data, callbacks=[stop, tv.Resume(path, data, [stop])], verbose=0)
    with pytest.raises(ValueError, match="1 callbacks, not of 0"):
        image_vae().fit(data, callbacks=[tv.Resume(path, data)], verbose=0)


@keras.saving.register_keras_serializable("test_saving")
class Scaled(tv.VAE):
    """Has a weight that is in none of its parts."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.scale = self.add_weight(name="scale", initializer="ones")


class Unknown(tv.ELBO):
    """Not registered."""


def test_weights_of_a_subclass_are_saved(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    vae = Scaled(tv.dense_encoder((4,)), tv.dense_decoder(2, (4,)), tv.GaussianPosterior(2))
    vae.scale.assign(5.0)
    vae.noise.next()
    vae.save(tmp_path / "scaled.keras")
    loaded = tv.load_model("~/scaled.keras")
    assert float(loaded.scale) == 5.0
    assert np.array_equal(loaded.noise.state, vae.noise.state)


def test_a_part_that_is_not_registered_is_named_on_loading(tmp_path):
    image_vae(objective=Unknown()).save(tmp_path / "unknown.keras")
    with pytest.raises(ValueError, match=r"(?s)register_keras_serializable.*Unknown"):
        tv.load_model(tmp_path / "unknown.keras")


def test_shared_embedding_stays_shared_after_loading(tmp_path):
    vae = build("tied")
    vae.save(tmp_path / "vae.keras")
    again = tv.load_model(tmp_path / "vae.keras")
    assert again.readout.embedding is again.decoder.embedding
    assert sum(w.shape == (V, 8) for w in again.weights) == 2  # encoder's and decoder's


def run(data, epochs=4, kill_at=None, path=None, **how):
    """A short training on `data` with early stopping by `min_delta`; (weights, history)."""
    keras.utils.set_random_seed(0)
    vae = text_vae()
    stop = keras.callbacks.EarlyStopping("val_nll", mode="min", patience=1, min_delta=1.0)
    callbacks = [stop, *([tv.Resume(path, data, [stop], every=2)] if path else [])]
    callbacks += [KillAt(kill_at)] if kill_at else []
    history = vae.fit(
        data, validation_data=TOKENS, epochs=epochs, callbacks=callbacks, verbose=0, **how
    )
    return vae.get_weights(), history.history


def again():
    return tv.batches(np.tile(TOKENS, (3, 1))[:9], 2, seed=0)


def test_a_resumed_run_stops_where_it_would_have_stopped(tmp_path):
    whole = run(again(), epochs=20)
    with pytest.raises(Killed):
        run(again(), 20, kill_at=8, path=tmp_path / "run.npz")
    resumed = run(again(), 20, path=tmp_path / "run.npz")
    assert same(whole[0], resumed[0]) and whole[1] == resumed[1]
    assert len(whole[1]["loss"]) < 20


def test_batches_that_were_used_before_can_be_resumed(tmp_path):
    used = again()
    list(used)  # one pass before the training
    whole = run(used, epochs=2)
    used = again()
    list(used)
    with pytest.raises(Killed):
        run(used, 2, kill_at=7, path=tmp_path / "run.npz")
    resumed = run(used, 2, path=tmp_path / "run.npz")  # as when a cell is run once more
    assert same(whole[0], resumed[0]) and whole[1] == resumed[1]


def test_a_finished_run_can_be_made_longer(tmp_path):
    whole = run(again(), epochs=3)
    run(again(), 2, path=tmp_path / "run.npz")
    longer = run(again(), 3, path=tmp_path / "run.npz")
    assert same(whole[0], longer[0]) and whole[1] == longer[1]


def test_a_resumed_training_can_be_followed_by_another(tmp_path):
    """Pre-training and training, each with a state of its own; the first is killed."""

    def both(first, second, kill_at=None):
        vae, data = text_vae(), again()
        kill = [KillAt(kill_at)] if kill_at else []
        vae.fit(data, epochs=3, callbacks=[tv.Resume(first, data), *kill], verbose=0)
        state = tv.Resume(second, data)
        history = vae.fit(data, epochs=2, callbacks=[state], verbose=0)
        return vae.get_weights(), len(history.epoch)

    keras.utils.set_random_seed(0)
    whole, epochs = both(tmp_path / "a.npz", tmp_path / "b.npz")
    keras.utils.set_random_seed(0)
    with pytest.raises(Killed):
        both(tmp_path / "c.npz", tmp_path / "d.npz", kill_at=12)
    resumed, again_epochs = both(tmp_path / "c.npz", tmp_path / "d.npz")
    assert epochs == again_epochs == 2 and same(whole, resumed)


def test_a_file_is_whole_or_the_old_one(tmp_path, monkeypatch):
    def power_cut(*_):
        raise Killed

    path = tmp_path / "run.npz"
    path.write_bytes(b"old")
    monkeypatch.setattr(resume.os, "replace", power_cut)
    with pytest.raises(Killed):
        resume.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    monkeypatch.undo()
    resume.write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_a_run_that_breaks_off_while_it_passes_batches_by_can_be_resumed(tmp_path):
    """As when a cell is run again and again, with one model."""
    path, data = tmp_path / "run.npz", again()

    def start(*callbacks):
        state = tv.Resume(path, data, every=2)
        vae.fit(data, epochs=2, callbacks=[state, *callbacks], verbose=0)
        return vae.get_weights()

    keras.utils.set_random_seed(0)
    vae = text_vae()
    whole = start()
    path.unlink()
    data.epoch = 0
    keras.utils.set_random_seed(0)
    vae = text_vae()
    for kill_at in (4, 2):  # the second while four batches are passed by
        with pytest.raises(Killed):
            start(KillAt(kill_at))
    assert same(whole, start())


def test_a_run_that_stops_while_it_passes_batches_by_leaves_the_next_fit_alone(tmp_path):
    class StopAt(KillAt):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    path, data, vae = tmp_path / "run.npz", again(), text_vae()
    with pytest.raises(Killed):
        vae.fit(data, callbacks=[tv.Resume(path, data, every=2), KillAt(4)], verbose=0)
    vae.fit(data, callbacks=[tv.Resume(path, data), StopAt(0)], verbose=0)
    before = vae.decoder.get_weights()
    vae.fit(TOKENS, verbose=0)
    assert not same(before, vae.decoder.get_weights())


@pytest.mark.parametrize("how", [dict(batch_size=4), dict(seed=1), dict(by_length=False)])
def test_resume_refuses_data_in_another_order(how, tmp_path):
    def start(**how):
        data = tv.batches(TOKENS, **{"batch_size": 2, "seed": 0, **how})
        text_vae().fit(data, callbacks=[tv.Resume(tmp_path / "run.npz", data)], verbose=0)

    start()
    with pytest.raises(ValueError, match="2 batches of 2, seed 0, by_length True, not"):
        start(**how)


def test_resume_refuses_what_it_cannot_count(tmp_path):
    with pytest.raises(ValueError, match="whole passes"):
        run(again(), path=tmp_path / "run.npz", steps_per_epoch=2)


def test_resume_refuses_batches_that_only_look_like_its_data(tmp_path):
    data, other = again(), again()
    resume = tv.Resume(tmp_path / "run.npz", data)
    with pytest.raises(ValueError, match="the very same object"):
        text_vae().fit(other, callbacks=[resume], verbose=0)
