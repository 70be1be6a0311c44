"""The rows of the Penn Treebank's table, on a corpus that may be passed on."""

import json
import subprocess

import keras
import numpy as np
import pytest
from models import TOKENIZER, TOKENS

import tutvae as tv
from benchmarks import results
from benchmarks.ptb import __main__ as ptb
from benchmarks.ptb import recipes, table
from benchmarks.ptb.recipes import RECIPES, build

KEYS = "recipe seed config versions seconds elbo_nll iw_nll iw_samples ppl_elbo ppl_iw kl"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_a_model_with_a_finite_loss(name):
    model = build(RECIPES[name], TOKENIZER, warm_up=2, seed=0)
    assert np.isfinite(model.terms(TOKENS, training=True)["loss"]).all()


@pytest.mark.parametrize(
    "name, dropout",
    [("annealing", 0.5), ("dropout-0.3-language-model", 0.3), ("transformer", 0.2)],
)
def test_the_dropout_of_a_recipe_is_that_of_its_decoder(name, dropout):
    model = build(RECIPES[name], TOKENIZER, warm_up=2, seed=0)
    layers = model.decoder.step._flatten_layers()
    found = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    assert len(found) > 1 and set(found) == {dropout} == {RECIPES[name].dropout}


@pytest.mark.parametrize("name", ["language-model", "pretrained", "aggressive"])
def test_a_row_is_trained_evaluated_and_written(name, monkeypatch, tmp_path):
    data = tv.load_data("grammar", size=100)
    monkeypatch.setattr(ptb.tv, "load_data", lambda name: data)
    monkeypatch.setattr(ptb, "CACHE", tmp_path)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    recipe = RECIPES[name]
    epochs = 3 if recipe.pretrained or recipe.aggressive else 1
    monkeypatch.setitem(ptb.EPOCHS, "ptb", epochs)
    ptb.row(name, "ptb", 0, epochs, samples=50)
    row = json.loads((tmp_path / f"ptb/{name}-0.json").read_text())
    assert {*KEYS.split(), "mi", "au", "curve"} <= set(row)
    assert row["recipe"] == name and 1 <= len(row["curve"]["loss"]) < 3
    assert row["ppl_iw"] <= row["ppl_elbo"] * 1.01
    before = list(tmp_path.glob("ptb/*.pretrained.npz"))  # of the encoder's first training
    assert len(before) == (name == "pretrained")
    monkeypatch.setattr(tv.evaluation, "log_weights", None)  # nothing is drawn again
    ptb.row(name, "ptb", 0, epochs, samples=50)  # nor trained: the seconds are the same
    assert json.loads((tmp_path / f"ptb/{name}-0.json").read_text()) == row
    shown = table.updated(f"before\n{table.BEGIN}an older table\n{table.END}after\n")
    assert shown.startswith("before\n") and shown.endswith("\nafter\n")
    assert f"| `{name}` | {row['elbo_nll']:.2f} |" in shown and "older" not in shown
    left = ptb.missing("ptb", 0, epochs)
    assert name not in left and "vae" in left
    assert name in ptb.missing("ptb", 0, epochs + 1)  # a longer training is another row


def test_an_evaluation_goes_on_where_it_stopped(monkeypatch, tmp_path):
    """All parts together are the bound of all samples, and each is drawn once."""
    model, run = build(RECIPES["vae"], TOKENIZER, warm_up=2, seed=3), tmp_path / "vae-3-1"
    draw, drawn, seeds = tv.evaluation.log_weights, [], []

    def log_weights(*args, seed, **kwargs):
        if len(drawn) == stop_after:
            raise KeyboardInterrupt
        drawn.append(draw(*args, seed=seed, **kwargs))
        seeds.append(seed)
        return drawn[-1]

    monkeypatch.setattr(tv.evaluation, "log_weights", log_weights)
    monkeypatch.setattr(ptb, "PART", 20)
    stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        ptb.evaluate(model, TOKENS, 50, run)
    assert len(list(tmp_path.iterdir())) == 1
    stop_after = 3
    figures = ptb.evaluate(model, TOKENS, 50, run)
    assert figures == ptb.evaluate(model, TOKENS, 50, run)  # nothing is drawn again
    assert len(set(seeds)) == 3
    sizes, (log_px, kl, log_w) = np.array([20, 20, 10]), np.stack(drawn, axis=1)
    for i, measured in ((1, log_px), (2, log_w)):  # all three are other samples
        assert not np.allclose(measured[i], measured[i - 1], rtol=1e-6)
    sums = sizes[:, None] * np.exp(log_w.astype("float64"))  # of the weights, (3, N)
    counts = np.array([20, 40, 50])
    want = -np.log(np.cumsum(sums, axis=0) / counts[:, None]).mean(axis=1)
    assert figures["iw_curve"]["samples"] == counts.tolist()
    np.testing.assert_allclose(figures["iw_curve"]["iw_nll"], want, rtol=1e-6)
    assert figures["iw_nll"] == pytest.approx(want[-1], rel=1e-6)
    assert figures["nll"] == pytest.approx(-(sizes @ log_px / 50).mean(), rel=1e-6)
    assert figures["kl"] == pytest.approx(kl.mean(), rel=1e-5)
    assert figures["iw_samples"] == 50


def test_no_two_recipes_keep_their_state_in_one_file():
    for end in ("npz", "pretrained.npz"):
        files = {ptb.beside(ptb.cached(name, "ptb", 0, 12), end) for name in RECIPES}
        assert len(files) == len(RECIPES)
        assert all(file.name.endswith(f"-0-12.{end}") for file in files)


def test_parts_of_other_weights_sentences_or_sizes_are_not_taken(monkeypatch, tmp_path):
    model, run = build(RECIPES["vae"], TOKENIZER, warm_up=2, seed=3), tmp_path / "vae-3-1"
    monkeypatch.setattr(ptb, "PART", 20)
    first = ptb.evaluate(model, TOKENS, 40, run)
    assert len(list(tmp_path.iterdir())) == 2
    more = ptb.evaluate(model, TOKENS, 60, run)  # more samples go on from there
    assert len(list(tmp_path.iterdir())) == 3
    assert more["iw_curve"]["iw_nll"][:2] == first["iw_curve"]["iw_nll"]
    assert ptb.evaluate(model, TOKENS[:3], 40, run)["iw_nll"] != first["iw_nll"]
    assert len(list(tmp_path.iterdir())) == 5
    monkeypatch.setattr(ptb, "PART", 30)
    assert ptb.evaluate(model, TOKENS, 40, run)["iw_curve"]["samples"] == [30, 40]
    assert len(list(tmp_path.iterdir())) == 7
    model.decoder.set_weights([w + 0.1 for w in model.decoder.get_weights()])
    other = ptb.evaluate(model, TOKENS, 40, run)
    assert other["iw_nll"] != pytest.approx(first["iw_nll"], rel=1e-3)


CODES = {  # nats of information that a recipe has to leave in z, and a KL not to exceed
    **dict.fromkeys(("language-model", "vae", "annealing", "cyclical"), (-0.1, 0.2)),
    **dict.fromkeys(("free-bits", "batch-norm", "pretrained"), (0.5, 10.0)),
    **dict.fromkeys(("bag-of-words", "learned-prior", "learned-prior-7"), (0.5, 10.0)),
    **dict.fromkeys(("von-mises-fisher", "target-rate"), (0.5, 9.0)),
    **dict.fromkeys(("word-dropout", "info-vae", "transformer"), (-0.1, 0.3)),
    "aggressive": (-0.1, 3.0),  # measured: a rate of 1.5 nats, 0.1 to 0.2 of it information
}


VARIANTS = "wide", "untied", "mixed", "dropout"  # of the rows that are tested


@pytest.mark.parametrize("name", [n for n in RECIPES if not n.startswith(VARIANTS)])
def test_on_the_grammar_no_bound_is_below_the_truth_and_codes_are_kept(
    name, monkeypatch, tmp_path
):
    data = tv.load_data("grammar", size=2000)
    tokenizer, grammar = tv.Tokenizer.fit(data.train), tv.Grammar()
    splits = [
        tokenizer.encode(split, truncate=True)
        for split in (data.train, data.validation, data.test)
    ]
    monkeypatch.setattr(ptb, "load", lambda corpus: (tokenizer, *splits))
    monkeypatch.setattr(ptb, "CACHE", tmp_path)
    monkeypatch.setattr(recipes, "UNITS", 48)  # of the encoder
    monkeypatch.setitem(RECIPES, name, RECIPES[name]._replace(units=48))
    model, test, _, _ = ptb.train(name, "ptb", seed=0, epochs=8)
    figures = ptb.evaluate(model, test, 100, tmp_path / name)
    truth = -np.mean([grammar.log_prob(sentence) for sentence in data.test])
    words = (
        [tokenizer.split(s) for s in data.train],
        [tokenizer.split(s) for s in data.test],
    )
    unigram, bigram = (
        -np.mean([ngram.log_prob(sentence) for sentence in words[1]])
        for ngram in (tv.KneserNey(order).fit(words[0]) for order in (1, 2))
    )  # the aggressive recipe and the Transformer come half as far as the bigram model
    assert truth - 0.05 < figures["iw_nll"] < unigram - (unigram - bigram) / 3
    least, most = CODES[name]
    assert figures["mi"] > least and figures["kl"] < most


def test_the_queue_runs_what_is_missing_on_one_core_each_and_tells_of_failures(
    monkeypatch, tmp_path, capsys
):
    def run(command, env, stdout, stderr):
        assert env["TF_NUM_INTRAOP_THREADS"] == env["OMP_NUM_THREADS"] == "1"
        assert command[-2:] == ["--samples", "100"]
        name = command[command.index("benchmarks.ptb") + 1]
        started.append(name)
        return subprocess.CompletedProcess(command, returncode=name == "vae")

    started = []
    monkeypatch.setattr(ptb.subprocess, "run", run)
    monkeypatch.setattr(ptb, "CACHE", tmp_path)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    (tmp_path / "ptb").mkdir()
    (tmp_path / "ptb/annealing-0.json").write_text("{}")
    with pytest.raises(SystemExit, match="not all rows"):
        ptb.run_all("ptb", seed=0, epochs=12, samples=100, jobs=2)
    assert sorted(started) == sorted(set(RECIPES) - {"annealing"})
    said = capsys.readouterr().out
    assert "vae FAILED" in said and "cyclical done" in said
    for name in started:
        (tmp_path / f"ptb/{name}-0.json").write_text("{}")
    started.clear()
    ptb.run_all("ptb", seed=0, epochs=12, samples=100, jobs=2)
    assert started == []


def test_the_learning_rate_falls_along_half_a_cosine_and_the_steps_run_out():
    class Alone:  # an encoder that takes as many steps as all parts together
        steps = 0

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            Alone.steps += 1
            rates.append(float(self.model.optimizer.learning_rate))

    rates, model = [], build(RECIPES["annealing"], TOKENIZER, warm_up=2, seed=0)
    data = tv.batches(np.repeat(TOKENS, 3, axis=0), 2)  # six steps an epoch
    model.fit(data, epochs=9, callbacks=[Watch(), ptb.Budget(0.1, 24, Alone)], verbose=0)
    used = 2 * np.arange(12)  # before each step; 24 steps are two epochs of both kinds
    np.testing.assert_allclose(rates, 0.1 * np.cos(np.pi * used / 48) ** 2, rtol=1e-5)


def test_the_tables_in_the_readme_are_current():
    text = table.README.read_text()
    assert text == table.updated(text), "run python -m benchmarks.ptb.table"
