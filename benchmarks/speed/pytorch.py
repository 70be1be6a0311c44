"""PyTorch, in the usual way and tuned."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks.speed.sizes import CLIP, DROPOUT, EMBED, LATENT, RATE, UNITS

RNG = np.random.default_rng(0)


class VAE(nn.Module):
    """What both have in common."""

    def __init__(self, v):
        super().__init__()
        self.embed_x, self.embed_given = nn.Embedding(v, EMBED), nn.Embedding(v, EMBED)
        self.encoder = nn.LSTM(EMBED, UNITS, batch_first=True)
        self.decoder = nn.LSTM(EMBED, UNITS, batch_first=True)
        self.mean, self.log_var = nn.Linear(UNITS, LATENT), nn.Linear(UNITS, LATENT)
        self.state = nn.Linear(LATENT, 2 * UNITS)
        self.z_to_input = nn.Linear(LATENT, EMBED, bias=False)
        self.readout = nn.Linear(UNITS, v)
        self.drop = nn.Dropout(DROPOUT)

    def draw(self, h):
        """Last state of the encoder -> z, mean KL, first state of the decoder."""
        mean, log_var = self.mean(h), self.log_var(h)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(dim=1).mean()
        state = self.state(z).tanh()[None].chunk(2, dim=2)
        return z, kl, tuple(s.contiguous() for s in state)

    def read(self, given, z):
        return self.drop(self.embed_given(given)) + self.z_to_input(z)[:, None]

    def padded(self, x, lengths):
        """Features of all positions, those of the padding too, and the mean KL."""
        h, _ = self.encoder(self.drop(self.embed_x(x)))
        z, kl, state = self.draw(h[torch.arange(len(x)), lengths - 1])
        h, _ = self.decoder(self.read(x[:, :-1], z), state)
        return self.drop(h), kl


class PlainVAE(VAE):
    """Padded batches in random order; LSTMs and softmax run over the padding too."""

    def forward(self, x, lengths):
        h, kl = self.padded(x, lengths)
        logits, target = self.readout(h), x[:, 1:]
        nll = F.cross_entropy(
            logits.flatten(0, 1), target.flatten(), ignore_index=0, reduction="sum"
        )
        return nll / len(x) + kl


class TunedVAE(VAE):
    """Batches of like lengths; packed sequences; softmax on real tokens only."""

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.drop(self.embed_x(x)), lengths, batch_first=True)
        _, (h, _) = self.encoder(packed)
        z, kl, state = self.draw(h[0])
        packed = pack_padded_sequence(
            self.read(x[:, :-1], z), lengths - 1, batch_first=True
        )
        h, _ = self.decoder(packed, state)
        target = pack_padded_sequence(x[:, 1:], lengths - 1, batch_first=True).data
        nll = F.cross_entropy(self.readout(self.drop(h.data)), target, reduction="sum")
        return nll / len(x) + kl


class PaddedVAE(VAE):
    """As `TunedVAE`, but padded: PyTorch's fast LSTM takes no packed sequences."""

    def forward(self, x, lengths):
        h, kl = self.padded(x, lengths)
        target = x[:, 1:]
        real = target != 0
        nll = F.cross_entropy(self.readout(h[real]), target[real], reduction="sum")
        return nll / len(x) + kl


def plain(words, batch_size):
    """Function, token ids (N, T) -> None: one pass over these sentences."""
    model = PlainVAE(len(words))
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    return trainer(model, optimizer, lambda lengths: shuffled(len(lengths), batch_size))


def tuned(words, batch_size):
    """As `plain`; Adam is PyTorch's fused one."""
    return bucketed_trainer(TunedVAE(len(words)), batch_size)


def padded(words, batch_size):
    """As `tuned`, without packed sequences."""
    return bucketed_trainer(PaddedVAE(len(words)), batch_size)


def bucketed_trainer(model, batch_size):
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
    return trainer(model, optimizer, lambda lengths: bucketed(lengths, batch_size))


def trainer(model, optimizer, order):
    def train(tokens):
        lengths = (tokens != 0).sum(axis=1)
        tokens, lengths_t = torch.from_numpy(tokens).long(), torch.from_numpy(lengths)
        for rows in order(lengths):
            n = lengths_t[rows]
            loss = model(tokens[rows, : int(n.max())], n)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()

    return train


def shuffled(n, batch_size):
    return torch.from_numpy(RNG.permutation(n)).split(batch_size)


def bucketed(lengths, batch_size):
    """Longest first within a batch, which saves packed sequences a sorting."""
    rows = RNG.permutation(len(lengths))
    rows = rows[np.argsort(-lengths[rows], kind="stable")]
    batches = torch.from_numpy(rows).split(batch_size)
    return [batches[i] for i in RNG.permutation(len(batches))]
