"""Trains a VAE of sentences on all GPUs of this machine.

    python examples/several_devices.py [--epochs 3] [--out vae.keras]

Where there is no GPU, two halves of the processor take their place, which shows that the
program is right and makes nothing faster.
"""

import argparse

import tensorflow as tf

if not tf.config.list_physical_devices("GPU"):
    cpu = tf.config.list_physical_devices("CPU")[0]
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)

import tutvae as tv


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", default="vae.keras")
    options = parser.parse_args()

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    strategy = tf.distribute.MirroredStrategy(devices)
    print(strategy.num_replicas_in_sync, "replicas on", devices)

    sentences = tv.load_data("grammar", size=2000).train
    tokenizer = tv.Tokenizer.fit(sentences)
    # Every replica gets an equal share of a batch, so the batch grows with their number.
    recipe = tv.RECIPES["tatoeba-en-fluent"]._replace(
        units=64, embed=32, epochs=options.epochs
    )
    size = recipe.batch_size * strategy.num_replicas_in_sync
    data = tv.batches(tokenizer.encode(sentences), size, seed=0)
    with strategy.scope():
        vae = recipe.build(tokenizer, len(data))
    vae.fit(data, epochs=recipe.epochs, verbose=2)
    vae.save(options.out)
    print("wrote", options.out)


if __name__ == "__main__":
    main()
