"""Trains a VAE of sentences on several machines at once.

Start it on every machine, each with its own index in the same list of addresses:

    python examples/several_machines.py --index 0 machine-a:12345 machine-b:12345
    python examples/several_machines.py --index 1 machine-a:12345 machine-b:12345

The first one writes the model.
"""

import argparse
import json
import os

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("workers", nargs="+", help="host:port of every machine")
parser.add_argument("--index", type=int, required=True, help="of this machine, from 0")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--out", default="vae.keras")
options = parser.parse_args()

os.environ["TF_CONFIG"] = json.dumps(  # TensorFlow reads it when it starts
    {
        "cluster": {"worker": options.workers},
        "task": {"type": "worker", "index": options.index},
    }
)

import keras
import tensorflow as tf

import tutvae as tv

strategy = tf.distribute.MultiWorkerMirroredStrategy()
keras.utils.set_random_seed(0)  # the same first weights everywhere

sentences = tv.load_data("grammar", size=2000).train
tokenizer = tv.Tokenizer.fit(sentences)
recipe = tv.RECIPES["tatoeba-en-fluent"]._replace(units=64, embed=32, epochs=options.epochs)
size = recipe.batch_size * len(options.workers)  # of all machines together
x = tokenizer.encode(sentences)
data = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x), seed=0).batch(size)
with strategy.scope():
    vae = recipe.build(tokenizer, len(data))
for epoch, logs in enumerate(tv.distribute.fit(vae, data, strategy, recipe.epochs)):
    print("epoch", epoch + 1, {name: round(value, 4) for name, value in logs.items()})
if options.index == 0:
    vae.save(options.out)
    print("wrote", options.out)
