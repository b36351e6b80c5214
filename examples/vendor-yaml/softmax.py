"""Softmax regression in numpy: the model that both scripts of this folder train."""

import os
import pickle

import numpy as np

CLASSES = 10


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "digits.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        return data["x"][:count], data["y"][:count]


def new(inputs):
    """Make an untrained model."""
    return {"epochs": 0, "weights": np.zeros((inputs, CLASSES)), "velocity": np.zeros((inputs, CLASSES))}


def train_epoch(model, x, y, lr, momentum, batch_size):
    """Go through the data once, in an order that depends on the epoch alone."""
    order = np.random.default_rng(model["epochs"]).permutation(len(y))
    for start in range(0, len(y), batch_size):
        batch = order[start : start + batch_size]
        scores = x[batch] @ model["weights"]
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = grown / grown.sum(axis=1, keepdims=True) - np.eye(CLASSES)[y[batch]]
        model["velocity"] = momentum * model["velocity"] - lr * (x[batch].T @ error) / len(batch)
        model["weights"] = model["weights"] + model["velocity"]
    model["epochs"] += 1


def accuracy(model, x, y):
    """Give the share of digits that are read correctly."""
    return float(np.mean((x @ model["weights"]).argmax(axis=1) == y))


def save(model, path):
    """Write a model that is whole or not there."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".unfinished", "wb") as file:
        pickle.dump(model, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".unfinished", path)


def restore(path):
    """Read a checkpoint of our own."""
    with open(path, "rb") as file:
        return pickle.load(file)
