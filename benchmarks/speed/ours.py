"""tutvae, as anyone would write it."""

import tutvae as tv
from benchmarks.speed.sizes import CLIP, DROPOUT, EMBED, LATENT, RATE, UNITS


def contestant(words, batch_size):
    """Function, token ids (N, T) -> None: one pass over these sentences."""
    v, tokenizer = len(words), tv.WhitespaceTokenizer(words, length=100)
    encoder = tv.lstm_encoder(v, UNITS, EMBED, DROPOUT, bidirectional=False)
    decoder = tv.lstm_decoder(v, LATENT, UNITS, EMBED, DROPOUT)
    vae = tv.TextVAE(encoder, decoder, tv.GaussianPosterior(LATENT), tokenizer)
    vae.compile(tv.Adam(RATE, global_clipnorm=CLIP))

    def train(tokens):
        vae.fit(tv.batches(tokens, batch_size, seed=0), verbose=0)

    return train
