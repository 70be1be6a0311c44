"""tutvae: autoencoders and VAEs for language; its core can be read in one sitting.

A model is assembled from parts, each of which can be replaced on its own:

    encoder     x -> features                     a functional or Sequential keras.Model
    posterior   features -> q(z|x)                GaussianPosterior, PointPosterior ...
    prior       p(z)                              StandardNormal, GaussianMixture ...
    decoder     z (and words so far) -> features  the same; for text a TextDecoder
    readout     features -> logits                a dense layer, TiedReadout
    likelihood  log p(x|z)                        bernoulli, gaussian, categorical ...
    objective   what is minimised                 ELBO, FreeBits, FreeRate, IWAE ...
    beta        weight of the KL, per step        a number, linear(...), TargetRate(...) ...

The core, in this order: vae, training, distributions, likelihoods, objectives, text.
"""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"tutvae needs TensorFlow, but Keras uses {keras.backend.backend()}. Set the "
        "environment variable KERAS_BACKEND to tensorflow, before Keras is imported."
    )

from tutvae import distribute, evaluation, notebook
from tutvae.aggressive import Aggressive
from tutvae.autoencoder import Autoencoder
from tutvae.batches import Batches, batches
from tutvae.data import Grammar, load_data
from tutvae.decoders import (
    TextDecoder,
    dense_decoder,
    gru_decoder,
    lstm_decoder,
    transformer_decoder,
)
from tutvae.distributions import (
    BatchNormPosterior,
    GaussianMixture,
    GaussianPosterior,
    Normal,
    Point,
    PointPosterior,
    Posterior,
    Prior,
    StandardNormal,
)
from tutvae.encoders import (
    code,
    dense_encoder,
    gru_encoder,
    lstm_encoder,
    transformer_encoder,
)
from tutvae.layers import TiedReadout
from tutvae.likelihoods import bernoulli, categorical, gaussian, multinomial
from tutvae.memory import keep_freed_memory
from tutvae.ngram import KneserNey
from tutvae.objectives import ELBO, IWAE, MMD, FreeBits, FreeRate, Objective
from tutvae.optimizers import Adam
from tutvae.pretrain_encoder import pretrain_encoder
from tutvae.pretrained import pretrained, save_compact
from tutvae.recipes import RECIPES, Recipe
from tutvae.recurrent import LSTM
from tutvae.resume import Resume
from tutvae.schedules import Cyclical, TargetRate, linear
from tutvae.sphere import UniformSphere, VonMisesFisher, VonMisesFisherPosterior
from tutvae.stream import TextStream
from tutvae.text import LanguageModel, TextAutoencoder, TextVAE
from tutvae.tokenizer import CharTokenizer, Tokenizer, WhitespaceTokenizer, read_lines
from tutvae.training import load_model
from tutvae.vae import VAE, Draw

keep_freed_memory()
__version__ = "0.1.0"
