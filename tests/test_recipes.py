"""The recipes of the shipped models."""

import pytest
from models import TOKENIZER, TOKENS

import tutvae as tv

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
