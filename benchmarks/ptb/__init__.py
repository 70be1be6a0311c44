"""Every remedy of posterior collapse on the Penn Treebank, on one footing.

    TUTVAE_DATA=FOLDER python -m benchmarks.ptb RECIPE [--seed 0] [--epochs 12]
    TUTVAE_DATA=FOLDER python -m benchmarks.ptb          # all that have no result yet
    python -m benchmarks.ptb --corpus tatoeba            # the same on everyday sentences

The recipes are in `recipes.py`. A run can be stopped at any time and goes on when it is
started again; it writes benchmarks/results/CORPUS/RECIPE-SEED.json, or CORPUS-EPOCHS/ for
another number of epochs. `table.py` puts them into the README.
"""
