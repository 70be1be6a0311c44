"""python -m benchmarks.quality: how good the shipped models are.

It writes benchmarks/results/quality.json: by language and point, on all test sentences of
4 to 12 tokens, in nats per sentence or (the judge) per token.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tutvae as tv
from benchmarks import results
from benchmarks.quality import LANGUAGES, POINTS
from benchmarks.quality.corpus import load
from benchmarks.quality.judge import chinese, english

SAMPLES, PRIOR_SAMPLES, PATHS, STEPS = 100, 1000, 10, 7


def assess(model, corpus, score, lm_nll):
    """The figures of one model."""
    x = model.tokenizer.encode(corpus.test)
    bound = tv.evaluation.report(model, x, SAMPLES, batch_size=50, rows=5000)
    said = tv.evaluation.reconstruction(model, corpus.test)
    drawn = model.generate(PRIOR_SAMPLES, temperature=1.0, seed=0)
    greedy = model.generate(PRIOR_SAMPLES, temperature=0.0, seed=0)
    plain = model.tokenizer.join
    known = {plain(model.tokenizer.split(s)) for s in corpus.train}
    paths = [
        model.interpolate(*corpus.test[2 * i : 2 * i + 2], steps=STEPS)
        for i in range(PATHS)
    ]

    def judge(sentences):
        return float(np.mean([score(s) for s in sentences]))

    return {
        **said,
        "nll_iw": bound["iw_nll"],
        "iw_samples": SAMPLES,
        "lm_nll": lm_nll,
        **{name: bound[name] for name in ("elbo_nll", "kl", "mi", "au")},
        "duplicates": 1 - len(set(drawn)) / len(drawn),
        "novel": float(np.mean([s not in known for s in drawn])),
        "judge_model": judge(drawn),
        "judge_greedy": judge(greedy),
        "judge_interpolations": judge([s for path in paths for s in path[1:-1]]),
        "judge_real": judge(corpus.test),
        "weights": model.count_params(),
    }


def main():
    figures = {}
    for language in LANGUAGES:
        corpus = load(language)
        score = english() if language == "en" else chinese(corpus.longer)
        lm = json.loads((results.FOLDER / f"quality-lm-{language}.json").read_text())
        figures[language] = {}
        for point in POINTS:
            model = tv.pretrained(f"tatoeba-{language}-{point}")
            figures[language][point] = assess(model, corpus, score, lm["lm_nll"])
            print(language, point, figures[language][point], flush=True)
    results.write("quality", figures)


if __name__ == "__main__":
    main()
