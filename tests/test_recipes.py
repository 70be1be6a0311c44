"""The shipped models: their recipes, and the files themselves."""

import sys

import numpy as np
import pytest
from models import TOKENIZER, TOKENS

import tutvae as tv
from tutvae.pretrained import FOLDER, checkpoints

SMALL = {"units": 12, "embed": 8, "latent": 4, "encoder_units": 4, "encoder_embed": 4}


@pytest.mark.parametrize("recipe", dict.fromkeys(tv.RECIPES.values()))
def test_every_recipe_builds_a_model_that_learns(recipe):
    small = dict(SMALL, latent=SMALL["latent"] if recipe.latent else 0)
    recipe = recipe._replace(**small, epochs=60, batch_size=2, rate=2e-2)
    data = tv.batches(TOKENS, recipe.batch_size, seed=0)
    model = recipe.build(TOKENIZER, len(data))
    assert isinstance(model, tv.TextVAE if recipe.latent else tv.LanguageModel)
    nll = "nll" if recipe.latent else "loss"
    before = model.evaluate(data, verbose=0, return_dict=True)[nll]
    model.fit(data, epochs=recipe.epochs, verbose=0)
    assert model.evaluate(data, verbose=0, return_dict=True)[nll] < 0.8 * before
    rate = model.optimizer.learning_rate
    assert float(rate) == pytest.approx(0.02 * recipe.rate, rel=1e-3)


@pytest.mark.parametrize("name", checkpoints())
def test_a_shipped_model_is_small_and_does_what_it_is_for(name):
    assert len((FOLDER / f"{name}.keras").read_bytes()) <= 8e6
    model = tv.pretrained(name)
    told = (
        ["我不知道。", "他在哪里？"]
        if "-zh-" in name
        else ["I don't know.", "Where is he?"]
    )
    split = model.tokenizer.split
    shared = [
        len(set(split(a)) & set(split(b))) / len(set(split(a)))
        for a, b in zip(told, model.reconstruct(told), strict=True)
    ]
    assert np.mean(shared) >= (0.8 if "faithful" in name else 0.2)
    assert len(set(model.generate(50, seed=0))) > 40


def test_an_altered_file_is_refused(monkeypatch, tmp_path):
    name = next(iter(checkpoints()))
    for file in (f"{name}.keras", "SHA256SUMS"):
        (tmp_path / file).write_bytes((FOLDER / file).read_bytes())
    monkeypatch.setattr(sys.modules["tutvae.pretrained"], "FOLDER", tmp_path)
    tv.pretrained(name)
    with open(tmp_path / f"{name}.keras", "ab") as file:
        file.write(b"!")
    with pytest.raises(ValueError, match="truncated or altered"):
        tv.pretrained(name)
