"""Print the CPU-seconds of a fixed program, of the kind that the pages are made of.

It imports TensorFlow, and builds, traces and trains small recurrent networks, as the pages
do, but without `tutvae`: however slow the package becomes, this does not change.
"""

import time

import keras
import numpy as np

keras.utils.set_random_seed(0)
tokens = np.random.default_rng(0).integers(0, 50, (8192, 12))
for units in (48, 64, 96):
    model = keras.Sequential(
        [
            keras.layers.Embedding(50, 32),
            keras.layers.GRU(units, return_sequences=True),
            keras.layers.Dense(50),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(tokens, tokens, batch_size=256, epochs=3, verbose=0)
print(time.process_time())
