"""The model that all contestants train: the LSTM-VAE of the literature on this corpus."""

EMBED, UNITS, LATENT = 256, 256, 32
DROPOUT = 0.5  # of what both LSTMs read, and of what the readout reads
RATE, CLIP = 1e-3, 5.0  # Adam; the gradient is clipped by its global norm
