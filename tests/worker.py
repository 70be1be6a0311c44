"""One of two processes that train together; test_distribute.py starts both.

python worker.py INDEX PORT PORT
"""

import json
import os
import sys

index, ports = int(sys.argv[1]), sys.argv[2:]
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_CONFIG"] = json.dumps(
    {
        "cluster": {"worker": [f"localhost:{port}" for port in ports]},
        "task": {"type": "worker", "index": index},
    }
)

import keras
import numpy as np
import tensorflow as tf

import tutvae as tv

strategy = tf.distribute.MultiWorkerMirroredStrategy()
keras.utils.set_random_seed(0)
with strategy.scope():
    vae = tv.VAE(
        tv.dense_encoder((4, 4), (6,)),
        tv.dense_decoder(3, (4, 4), (6,)),
        tv.PointPosterior(3),  # no noise, which would differ between replicas
        beta=0.0,
    )
    vae.compile(keras.optimizers.SGD(0.1))
x = np.random.default_rng(0).uniform(size=(16, 4, 4)).astype("float32")
history = tv.distribute.fit(
    vae, tf.data.Dataset.from_tensor_slices(x).batch(8), strategy, epochs=2
)
weights = np.concatenate([w.ravel() for w in vae.get_weights()]).tolist()
print("RESULT", json.dumps({"history": history, "weights": weights}))
