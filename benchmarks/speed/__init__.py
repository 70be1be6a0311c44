"""How fast does tutvae train, against PyTorch and Keras?

    python -m benchmarks.speed         # the race; writes benchmarks/results/speed.json
    python -m benchmarks.speed.parts   # what each part of the engine brings

Every contestant trains the same model (`sizes.py`) on the same sentences of the Penn
Treebank with the same batch size and the same optimizer, in a process of its own, and takes
its turn in every round. tutvae and the two tuned PyTorch keep freed memory. Needs
`pip install torch==2.13.0` and `TUTVAE_DATA`.
"""
