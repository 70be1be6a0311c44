"""Right solutions get all points; a mistake loses those that it should, and no others."""

import json
import os
import sys
import time
from pathlib import Path
from textwrap import indent

import criteria
import grade
import keras
import numpy as np
import pytest
from criteria import GIVEN, GRAMMAR, POINTS, TOKENIZER, load
from keras import layers, ops

import tutvae as tv

FOLDER = Path(grade.__file__).parent
RIGHT_KL = """s2 = self.scale**2
kl = 0.5 * ((q.mean**2 + ops.exp(q.log_var)) / s2 - 1.0 - q.log_var + math.log(s2))
return kl"""
KL = {  # what a student writes -> the criteria that it loses
    RIGHT_KL: [],
    RIGHT_KL.replace("0.5 *", ""): ["value", "scale"],
    "q = tv.Normal(q.mean, ops.log(q.log_var))\n" + RIGHT_KL: [  # NaN
        "zero",
        "value",
        "scale",
        "trains",
    ],
    RIGHT_KL.replace("return kl", "return ops.mean(kl, axis=1, keepdims=True)"): [
        "columns",
        "value",
        "scale",
    ],
    "return tv.StandardNormal().kl(q, z)": ["zero", "scale"],
    "return ops.zeros_like(q.mean)": ["value", "scale"],
    "return super().kl(q, z)": ["columns", "value", "scale"],
    "import numpy as ops\n" + RIGHT_KL: ["trains"],
    "raise SystemExit": [*POINTS["kl"]],
}
RATE = "rate = ops.sum(draw.kl, axis=-1)\nnll = -ops.mean(draw.log_px, axis=1)\n"
RIGHT_OBJECTIVE = RATE + "return nll + beta * ops.abs(ops.mean(rate) - 2.0)"
OBJECTIVE = {
    # every sentence pays for a KL of its own, which a constant posterior has for nothing
    "return nll + 10.0 * ops.abs(rate - 0.8)": ["information"],
    "return nll + beta * rate": ["rate", "information"],
    "return tv.FreeBits()(draw, beta)": ["information"],
    "return nll + beta * rate.numpy()": ["rate", "information", "bound"],  # in no graph
}
BUILD = """encoder = tv.gru_encoder(len(tokenizer), 16, 32)
decoder = tv.gru_decoder(len(tokenizer), 4, 32, 16)
posterior = tv.GaussianPosterior(4)
vae = tv.TextVAE(encoder, decoder, posterior, tokenizer, objective=tv.FreeRate(2.0))
vae.compile(tv.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 500, alpha=0.05)))
return vae"""


def filled_in(name, body, folder):
    """The file that a student gets, with what a student writes in it."""
    text = (FOLDER / f"{name}.py").read_text("utf-8")
    todo = next(line for line in text.splitlines() if "raise NotImplementedError" in line)
    body = indent(body, todo[: len(todo) - len(todo.lstrip())])
    text = text.replace("import keras\n", "import keras\nfrom keras import ops\n", 1)
    path = folder / f"submission_{name}.py"
    path.write_text(text.replace(todo, body), "utf-8")
    return path


@pytest.fixture
def here(monkeypatch):
    """Submissions run in this process, which has TensorFlow already."""
    monkeypatch.setattr(
        grade, "isolated", lambda name, path, given, _: grade.compute(name, path, given)
    )


def lost(name, path, seed=7):
    """The criteria that a submission loses."""
    graded = grade.grade(name, path, seed, 300)
    assert all(bool(c["reason"]) == (c["points"] < c["of"]) for c in graded["criteria"])
    assert graded["of"] == 10
    return [c["name"] for c in graded["criteria"] if c["reason"]]


@pytest.mark.parametrize("body", KL)
def test_kl(body, here, tmp_path):
    assert lost("kl", filled_in("kl", body, tmp_path)) == KL[body]


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """What a right objective computes, from one training for all tests."""
    folder = tmp_path_factory.mktemp("objective")
    return grade.compute("objective", filled_in("objective", RIGHT_OBJECTIVE, folder), {})


def test_a_right_objective(right, monkeypatch):
    monkeypatch.setattr(grade, "isolated", lambda *_: right)
    assert lost("objective", "right.py") == []


def test_an_objective_of_a_wrong_shape(right, here, monkeypatch, tmp_path):
    body = RIGHT_OBJECTIVE.replace("return nll", "return ops.mean(nll)")
    path = filled_in("objective", body, tmp_path)
    shapes = (5, 1, 4), (5, 1), (5, 1), (5, 1), (5, 4), (5, 1, 4)
    draw = tv.Draw(*(np.random.normal(size=s).astype("float32") for s in shapes))
    losses = criteria.AsMean(load(path).Remedy())(draw, 1.0)
    (tmp_path / "right").mkdir()
    same = load(filled_in("objective", RIGHT_OBJECTIVE, tmp_path / "right")).Remedy()
    np.testing.assert_allclose(losses, criteria.AsMean(same)(draw, 1.0), rtol=1e-5)
    assert losses.shape == (5,)  # so it trains as the right one does
    monkeypatch.setattr(criteria, "trained", lambda _: right["weights"])
    assert lost("objective", path) == ["shape"]


@pytest.mark.parametrize("body", OBJECTIVE)
def test_objective(body, here, tmp_path):
    path = filled_in("objective", RATE + body, tmp_path)
    assert lost("objective", path) == OBJECTIVE[body]


@pytest.mark.parametrize("name", ["kl", "objective"])
def test_what_is_no_solution_gets_no_points(name, here, tmp_path):
    everything = [*POINTS[name]]
    assert lost(name, FOLDER / f"{name}.py") == everything  # not filled in
    for text in "def kl(", "1 / 0", "raise SystemExit", "":
        (tmp_path / "bad.py").write_text(text)
        assert lost(name, tmp_path / "bad.py") == everything
    assert lost(name, tmp_path / "missing.py") == everything
    assert lost(name, tmp_path) == everything


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A right program for the perplexity, and the model that it wrote."""
    folder = tmp_path_factory.mktemp("perplexity")
    module = load(filled_in("perplexity", BUILD, folder))
    module.UPDATES = 500  # enough, and sooner done
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["perplexity.py", str(folder / "model.keras")])
        module.main()
    return module, folder / "model.keras"


def test_perplexity(student, monkeypatch):
    given = GIVEN["perplexity"](seed=7)
    found = grade.compute("perplexity", student[1], given)
    monkeypatch.setattr(grade, "isolated", lambda *_: found)
    assert lost("perplexity", student[1]) == []
    for most in "UPDATES", "WEIGHTS":
        with monkeypatch.context() as patch:
            patch.setattr(criteria, most, 499)
            assert lost("perplexity", student[1]) == ["budget"]


def test_perplexity_of_an_untrained_model(student, here, tmp_path):
    student[0].build(TOKENIZER).save(tmp_path / "new.keras")
    assert lost("perplexity", tmp_path / "new.keras") == ["perplexity", "information"]


def test_perplexity_of_another_tokenizer(student, here, tmp_path):
    other = tv.Tokenizer.fit(GRAMMAR.sentences(), size=5)
    student[0].build(other).save(tmp_path / "five.keras")
    want = ["tokenizer", "probabilities", "perplexity", "information"]
    assert lost("perplexity", tmp_path / "five.keras") == want


def test_perplexity_of_a_decoder_that_sees_the_next_word(here, tmp_path):
    v, d = len(TOKENIZER), 2
    tokens, z = keras.Input((None,), dtype="int32"), keras.Input((d,))
    state = keras.Input((1,))
    words = layers.Embedding(v, v, keras.initializers.Identity(20.0))(tokens)
    ahead = ops.pad(words[:, 1:], [[0, 0], [0, 1], [0, 0]])
    ahead = ahead + ops.expand_dims(layers.Dense(v, kernel_initializer="zeros")(z), 1)
    decoder = tv.TextDecoder(
        keras.Model(z, layers.Dense(1)(z)),
        keras.Model([tokens, z, state], [ahead, layers.Identity()(state)]),
    )
    readout = layers.Dense(v, kernel_initializer="identity", dtype="float32")
    vae = tv.TextVAE(
        tv.gru_encoder(v, 4, 4), decoder, tv.GaussianPosterior(d), TOKENIZER, readout
    )
    vae.compile("adam")
    bias = readout.bias.numpy()
    bias[TOKENIZER.ids["</s>"]] = 10.0  # where no word comes next
    readout.bias.assign(bias)
    vae.save(tmp_path / "seer.keras")
    want = ["probabilities", "perplexity", "information"]
    assert lost("perplexity", tmp_path / "seer.keras") == want


@keras.saving.register_keras_serializable("liar")
class Liar(tv.StandardNormal):
    """Every sentence gains 50 nats."""

    def call(self, z):
        return super().call(z) + 50.0


def test_what_is_no_model_gets_no_points(student, here, tmp_path, monkeypatch):
    everything = [*POINTS["perplexity"]]
    written = student[1].read_bytes()
    (tmp_path / "half.keras").write_bytes(written[: len(written) // 2])
    assert lost("perplexity", tmp_path / "half.keras") == everything
    assert lost("perplexity", tmp_path / "missing.keras") == everything

    decoder = tv.gru_decoder(len(TOKENIZER), 0, 4, 4)
    tv.LanguageModel(decoder, TOKENIZER).save(tmp_path / "lm.keras")
    assert lost("perplexity", tmp_path / "lm.keras") == everything

    vae = student[0].build(TOKENIZER)
    vae.prior = Liar()
    vae.save(tmp_path / "liar.keras")
    monkeypatch.delitem(keras.saving.get_custom_objects(), "liar>Liar")
    assert lost("perplexity", tmp_path / "liar.keras") == everything


def test_the_program(tmp_path, monkeypatch, capsys):
    """Relative paths, processes of their own, points and JSON."""
    monkeypatch.chdir(tmp_path)
    filled_in("kl", RIGHT_KL, Path())
    Path("dead.py").write_text("import os\nos._exit(3)")
    away = "import os, shutil\nshutil.rmtree(os.getcwd())\nos._exit(0)"
    Path("away.py").write_text(away)
    files = ["submission_kl.py", "dead.py", "away.py"]
    grade.main(["kl", *files, "--seed", "5", "--json", "points.json"])
    said = capsys.readouterr().out
    assert "submission_kl.py: 10 of 10 points" in said and "seed 5" in said
    assert "dead.py: 0 of 10 points" in said and "without a result" in said
    if os.name == "posix":  # Windows keeps a folder that is in use
        assert said.count("without a result") == 2 * len(POINTS["kl"])
    results = json.loads(Path("points.json").read_text("utf-8"))["results"]
    assert [graded["points"] for graded in results] == [10, 0, 0]
    assert [graded["file"] for graded in results] == files


def test_a_path_that_is_none_is_no_submission(tmp_path, capsys):
    with pytest.raises(SystemExit):
        grade.main(["kl", str(FOLDER / "kl.py"), str(tmp_path / "missing.py")])
    said = capsys.readouterr()
    assert "missing.py" in said.err and "points" not in said.out


def test_points_are_kept_when_grading_is_broken_off(here, tmp_path, monkeypatch):
    def broken_off(graded):
        monkeypatch.setattr(grade, "grade", lambda *_: 1 / 0)

    monkeypatch.setattr(grade, "show", broken_off)
    path, points = str(filled_in("kl", RIGHT_KL, tmp_path)), tmp_path / "new/points.json"
    with pytest.raises(ZeroDivisionError):
        grade.main(["kl", path, path, "--json", str(points)])
    assert [r["points"] for r in json.loads(points.read_text("utf-8"))["results"]] == [10]
    assert list(points.parent.iterdir()) == [points]


def test_a_submission_has_no_more_time_than_its_limit(tmp_path):
    (tmp_path / "slow.py").write_text("while True: pass")
    found = grade.isolated("kl", tmp_path / "slow.py", {}, 0.5)
    assert found == {"failed": "not done after 0.5 seconds"}


@pytest.mark.skipif(os.name != "posix", reason="the system has no sessions of processes")
def test_what_a_submission_starts_ends_with_it(tmp_path):
    mark = tmp_path / "mark"
    child = (
        "import time\nwhile True:\n"
        f"    open({str(mark)!r}, 'a').write('x')\n    time.sleep(0.02)"
    )
    (tmp_path / "parent.py").write_text(
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"while not os.path.exists({str(mark)!r}):\n    time.sleep(0.02)\n"
        "os._exit(0)"
    )
    grade.isolated("kl", tmp_path / "parent.py", {}, 300)
    written = mark.stat().st_size
    time.sleep(0.5)
    assert mark.stat().st_size == written
