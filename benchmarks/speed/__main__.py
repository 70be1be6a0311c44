"""python -m benchmarks.speed: the race, and benchmarks/results/speed.json."""

import os
import statistics
from importlib.metadata import version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import results
from benchmarks.speed.race import ROUNDS, SENTENCES, Contestant, race, ratio, sentences

KEEP_MEMORY = {  # as tv.keep_freed_memory does; PyTorch has to be told at its start
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_ARENA_MAX": "1",
}
CONTESTANTS = {
    "tutvae": Contestant("benchmarks.speed.ours", "contestant"),
    "pytorch_plain": Contestant("benchmarks.speed.pytorch", "plain"),
    "pytorch_tuned": Contestant(
        "benchmarks.speed.pytorch", "tuned", environment=KEEP_MEMORY
    ),
    "pytorch_padded": Contestant(
        "benchmarks.speed.pytorch", "padded", environment=KEEP_MEMORY
    ),
    "keras_plain": Contestant("benchmarks.speed.keras_plain", "contestant"),
    "ceiling": Contestant("benchmarks.speed.ceiling", "contestant"),
}
BATCH_SIZES = 32, 128


def main():
    words, tokens = sentences()
    figures = {"rounds": ROUNDS, "sentences_a_round": SENTENCES, "batch_sizes": {}}
    figures["torch"] = version("torch")
    for batch_size in BATCH_SIZES:
        seconds = race(CONTESTANTS, words, tokens, batch_size)
        ours = seconds.pop("tutvae")
        rate = statistics.median(SENTENCES / s for s in ours)
        line = {"tutvae_sentences_a_second": round(rate, 1)}
        line["of_ceiling"] = ratio(seconds.pop("ceiling"), ours)
        line |= {f"vs_{name}": ratio(theirs, ours) for name, theirs in seconds.items()}
        figures["batch_sizes"][batch_size] = line
        print(batch_size, line)
    results.write("speed", figures)


if __name__ == "__main__":
    main()
