"""The rows of the Penn Treebank's table, on a corpus that may be passed on."""

import json

import numpy as np
import pytest
from models import TOKENIZER, TOKENS

import tutvae as tv
from benchmarks import results
from benchmarks.ptb import __main__ as ptb
from benchmarks.ptb import table
from benchmarks.ptb.recipes import RECIPES, build

KEYS = "recipe seed config versions seconds elbo_nll iw_nll iw_samples ppl_elbo ppl_iw kl"


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_a_model_with_a_finite_loss(name):
    model = build(RECIPES[name], TOKENIZER, warm_up=2, seed=0)
    assert np.isfinite(model.terms(TOKENS, training=True)["loss"]).all()


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
    shown = table.updated(f"before\n{table.BEGIN}an older table\n{table.END}after\n")
    assert shown.startswith("before\n") and shown.endswith("\nafter\n")
    assert f"| `{name}` | {row['elbo_nll']:.2f} |" in shown and "older" not in shown
    left = ptb.missing("ptb", 0, epochs)
    assert name not in left and "vae" in left
    assert name in ptb.missing("ptb", 0, epochs + 1)  # a longer training is another row


def test_the_tables_in_the_readme_are_current():
    text = table.README.read_text()
    assert text == table.updated(text), "run python -m benchmarks.ptb.table"
