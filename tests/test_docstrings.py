"""The examples of the docstrings run as they are printed."""

import doctest
import importlib
import pkgutil

import keras
import pytest
from models import LINES, TOKENIZER, TOKENS, V, images, text_vae

import tutvae as tv


def modules():
    yield "tutvae"
    for module in pkgutil.walk_packages(tv.__path__, "tutvae."):
        yield module.name


FINDER = doctest.DocTestFinder(exclude_empty=True)
EXAMPLES = {
    test.name: test
    for name in modules()
    for test in FINDER.find(importlib.import_module(name))
    if test.examples
}


class Printed(doctest.OutputChecker):
    """Compares the output where the docstring prints one."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


def image_parts():
    return {
        "encoder": tv.dense_encoder((4, 4), (6,)),
        "decoder": tv.dense_decoder(2, (4, 4), (6,)),
    }


def text_parts():
    return {"encoder": tv.lstm_encoder(V, 4, 8), "decoder": tv.lstm_decoder(V, 32, 8, 8)}


PARTS = {
    "tutvae.autoencoder.Autoencoder": lambda: {
        "encoder": tv.code(tv.dense_encoder((4, 4), (6,)), 2),
        "decoder": tv.dense_decoder(2, (4, 4), (6,)),
    },
    "tutvae.vae.VAE": image_parts,
    "tutvae.text.TextVAE": text_parts,
}


def prepared(name):
    """What an example takes for granted: small networks, a tokenizer, data, a model."""
    return {
        "keras": keras,
        "tv": tv,
        "tokenizer": TOKENIZER,
        "tokens": TOKENS,
        "sentences": LINES,
        "valid": tv.batches(TOKENS, 2),
        "images": images(),
        "vae": text_vae(),
        "slow": lambda: sum(range(2000)),
        "fast": lambda: sum(range(1000)),
        **PARTS.get(name, dict)(),
    }


def test_there_are_examples():
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # the checkpoint of an example lands here
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "0.txt").write_text("\n".join(LINES), "utf-8")
    test = EXAMPLES[name]
    test.globs.update(prepared(name))
    said = []
    doctest.DocTestRunner(Printed()).run(test, out=said.append)
    assert not said, "".join(said)
