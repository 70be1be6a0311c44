"""Kneser-Ney on the Penn Treebank: the yardstick of every language model in the literature.

    TUTVAE_DATA=FOLDER python -m benchmarks.kneser_ney

Sentences are independent and their end counts as a token. Writes, for the test set, the
negative log-likelihood in nats per sentence and the perplexity per token of orders 2 to 5.
"""

import numpy as np

import tutvae as tv
from benchmarks import results


def main():
    data = tv.load_data("ptb")
    tokens = np.mean([len(s.split()) + 1 for s in data.test])
    figures = {"tokens_per_sentence": round(float(tokens), 3), "orders": {}}
    for order in (2, 3, 4, 5):
        ppl = tv.KneserNey(order).fit(data.train).perplexity(data.test)
        nll = float(np.log(ppl) * tokens)
        figures["orders"][order] = {"nll": round(nll, 2), "ppl": round(ppl, 1)}
        print(order, figures["orders"][order])
    results.write("ptb-kneser-ney", figures)


if __name__ == "__main__":
    main()
