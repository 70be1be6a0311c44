"""The models that come with tutvae: how they are trained, and how good they are.

    python -m benchmarks.quality.train tatoeba-en-fluent  # up to an hour on one core
    python -m benchmarks.quality                          # evaluates what is shipped

`train` resumes where it stopped; its state is in ~/.cache/tutvae.
"""

LANGUAGES, POINTS = ("en", "zh"), ("faithful", "fluent")
