"""An encoder that has been an autoencoder's, before the VAE begins."""

from tutvae.objectives import ELBO


def pretrain_encoder(vae, x, epochs, **options):
    """Train a VAE without its KL, then let decoder and optimizer start anew.

    Without a price on the rate nothing makes the code collapse. The decoder goes back to
    the weights it had, because one that relies on precise codes fails when they blur. Go
    on with `fit`, whose objective and beta are the model's own again.

    Args:
        vae: A compiled `VAE`, or a subclass such as `TextVAE`.
        x: As for `fit`.
        epochs: Passes over x.
        options: Further arguments of `fit`.

    Returns:
        The `History` of that training; its `loss` is in nats per example.

    Raises:
        ValueError: What `fit` refuses, or if the model has not been compiled.

    Source: Li et al. 2019, arXiv:1909.00868.

    Example:

    >>> vae.objective = tv.FreeBits(0.25)
    >>> tv.pretrain_encoder(vae, tokens, epochs=3)
    >>> vae.fit(tokens, epochs=9)
    """
    if not vae.compiled:
        raise ValueError("the model has not been compiled: call vae.compile(...) first")
    writer = [vae.decoder, *([vae.readout] if hasattr(vae, "readout") else [])]
    fresh = [part.get_weights() for part in writer]
    config = vae.get_compile_config()  # before callbacks change the learning rate
    objective, beta = vae.objective, vae.beta
    vae.objective, vae.beta = ELBO(), 0.0
    try:
        return vae.fit(x, epochs=epochs, **options)
    finally:
        vae.objective, vae.beta = objective, beta
        for part, weights in zip(writer, fresh, strict=True):
            part.set_weights(weights)
        vae.compile_from_config(config)
