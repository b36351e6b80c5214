"""Report after each epoch, and end when told that the trial is hopeless.

`report_progress` is an addition to the published contract, and its answer is advice. A trial that ends without a final
result after that advice is `EarlyStopped` and counts with its last value; one that reports a result has succeeded.
"""

import argparse
import os

import numpy as np

from autosearch_sdk import report_progress
from rudder_autosearch.sdk.amaas_tools import AMaasTools

HIDDEN = 1024
CLASSES = 10


def get_arguments():
    """Declare the contract's seven flags and the searched parameters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="loss")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--decay", type=float, default=0.001)
    parser.add_argument("--epochs", type=int, default=30)
    return parser.parse_args()


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "digits.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        return data["x"][:count], data["y"][:count]


def forward(model, x):
    """Give the hidden layer and the class probabilities."""
    hidden = np.maximum(0, x @ model["w1"])
    scores = hidden @ model["w2"]
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, grown / grown.sum(axis=1, keepdims=True)


def train_epoch(model, x, y, args, epoch):
    """Go through the data once, in an order that depends on the epoch alone."""
    order = np.random.default_rng(epoch).permutation(len(y))
    for batch in np.array_split(order, max(1, len(y) // 32)):
        hidden, probability = forward(model, x[batch])
        error = (probability - np.eye(CLASSES)[y[batch]]) / len(batch)
        back = (error @ model["w2"].T) * (hidden > 0)
        model["w2"] -= args.lr * (hidden.T @ error + args.decay * model["w2"])
        model["w1"] -= args.lr * (x[batch].T @ back + args.decay * model["w1"])


def log_loss(model, x, y):
    """Mean cross-entropy, in nats."""
    likelihood = forward(model, x)[1][np.arange(len(y)), y]
    return float(-np.mean(np.log(np.clip(likelihood, 1e-9, 1))))


def main():
    """Train epoch by epoch, as long as it is worth it."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    random = np.random.default_rng(0)
    model = {
        "w1": random.normal(0, 1 / np.sqrt(train_x.shape[1]), (train_x.shape[1], HIDDEN)),
        "w2": random.normal(0, 1 / np.sqrt(HIDDEN), (HIDDEN, CLASSES)),
    }
    loss = log_loss(model, test_x, test_y)
    for epoch in range(1, args.epochs + 1):
        train_epoch(model, train_x, train_y, args, epoch)
        loss = log_loss(model, test_x, test_y)
        if report_progress(epoch, {args.metric: loss}).stop:
            print(f"told to stop after epoch {epoch}")
            return
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    np.savez(os.path.join(folder, "weights.npz"), **model)
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: loss}, export_model_path=folder, checkpoint_path=""
    )
    assert flag, message


if __name__ == "__main__":
    main()
