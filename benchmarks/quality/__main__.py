"""python -m benchmarks.quality: how good the shipped models are.

It writes benchmarks/results/quality.json: by language and point, on all test sentences of
4 to 12 tokens, in nats per sentence or (the judges) per token. `judge_model` is the score
of 1,000 prior samples at temperature 1, `judge_greedy` of the same codes decoded greedily,
`judge_interpolations` of what lies on 100 lines between pairs of test sentences.
"""

import json
import os
from itertools import pairwise

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from nltk import edit_distance

import tutvae as tv
from benchmarks import results
from benchmarks.quality import LANGUAGES, POINTS
from benchmarks.quality.corpus import load
from benchmarks.quality.judge import chinese, english
from tutvae.pretrained import checkpoints

SAMPLES, PRIOR_SAMPLES, PATHS, STEPS = 100, 1000, 100, 7


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

    def distance(a, b):
        return edit_distance(model.tokenizer.split(a), model.tokenizer.split(b))

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
        "tokens_between_neighbours": float(
            np.mean([distance(a, b) for p in paths for a, b in pairwise(p)])
        ),
        "tokens_between_ends": float(np.mean([distance(p[0], p[-1]) for p in paths])),
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
            name = f"tatoeba-{language}-{point}"
            found = assess(tv.pretrained(name), corpus, score, lm["lm_nll"])
            figures[language][point] = {**found, "sha256": checkpoints()[name]}
            print(language, point, found, flush=True)
    results.write("quality", figures)


if __name__ == "__main__":
    main()
