"""A neural network of one hidden layer, in numpy: what is trained, and how it is kept in a file.

The file is a checkpoint: weights, momentum and the number of epochs that went into them. Whoever restores it goes on
where it was left.
"""

import os
import pickle

import numpy as np

HIDDEN = 32
CLASSES = 10


def new(inputs, seed):
    """Make an untrained network with random weights."""
    random = np.random.default_rng(seed)
    weights = {
        "w1": random.normal(0, 1 / np.sqrt(inputs), (inputs, HIDDEN)),
        "b1": np.zeros(HIDDEN),
        "w2": random.normal(0, 1 / np.sqrt(HIDDEN), (HIDDEN, CLASSES)),
        "b2": np.zeros(CLASSES),
    }
    return {"epochs": 0, "weights": weights, "velocity": {name: np.zeros_like(w) for name, w in weights.items()}}


def forward(weights, x):
    """Give the hidden layer and the class probabilities."""
    hidden = np.maximum(0, x @ weights["w1"] + weights["b1"])
    scores = hidden @ weights["w2"] + weights["b2"]
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, grown / grown.sum(axis=1, keepdims=True)


def gradients(weights, x, y, weight_decay):
    """Differentiate the mean cross-entropy by each weight."""
    hidden, probability = forward(weights, x)
    error = (probability - np.eye(CLASSES)[y]) / len(y)
    back = (error @ weights["w2"].T) * (hidden > 0)
    found = {"w1": x.T @ back, "b1": back.sum(axis=0), "w2": hidden.T @ error, "b2": error.sum(axis=0)}
    return {name: gradient + weight_decay * weights[name] for name, gradient in found.items()}


def train_epoch(network, x, y, *, lr, momentum, weight_decay, batch_size):
    """Go through the data once, in an order that depends on the epoch alone."""
    weights, velocity = network["weights"], network["velocity"]
    order = np.random.default_rng(network["epochs"]).permutation(len(y))
    for start in range(0, len(y), batch_size):
        batch = order[start : start + batch_size]
        for name, gradient in gradients(weights, x[batch], y[batch], weight_decay).items():
            velocity[name] = momentum * velocity[name] - lr * gradient
            weights[name] = weights[name] + velocity[name]
    network["epochs"] += 1


def accuracy(network, x, y):
    """Give the share of digits that are read correctly."""
    return float(np.mean(forward(network["weights"], x)[1].argmax(axis=1) == y))


def save(network, path):
    """Write a checkpoint that is whole or not there: temporary name, flush to the disk, rename."""
    unfinished = path + ".unfinished"
    with open(unfinished, "wb") as file:
        pickle.dump(network, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def restore(path):
    """Read a checkpoint of our own; a pickle of somebody else's would run their code."""
    with open(path, "rb") as file:
        return pickle.load(file)
