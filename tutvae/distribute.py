"""Training on several machines.

`fit` works under MirroredStrategy, on several devices of one machine. Under
MultiWorkerMirroredStrategy the `fit` of Keras 3 fails (keras-team/keras#20585), but
`train_step` is fine, and this loop drives it.
"""

import tensorflow as tf


def fit(model, dataset, strategy, epochs=1):
    """Train a model that was built and compiled under `strategy.scope()`.

    Args:
        model: A model of this package.
        dataset: tf.data.Dataset of global batches; each worker takes its share.
        strategy: Any tf.distribute strategy.
        epochs: Passes over the dataset.

    Returns:
        One dict per epoch: the means that `fit` would log, over all workers.
    """
    batches = strategy.experimental_distribute_dataset(dataset)

    @tf.function(reduce_retracing=True)
    def step(batch):
        strategy.run(model.train_step, args=(batch,))

    history = []
    for _ in range(epochs):
        model.reset_metrics()
        for batch in batches:
            step(batch)
        logs = model.get_metrics_result()
        history.append({name: float(value) for name, value in logs.items()})
    return history
