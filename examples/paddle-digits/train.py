"""Handwritten digits in PaddlePaddle, one training run of a search.

The contract wants the network in the file `model` and its weights in `params`, both directly in the trial's folder.
"""

import argparse
import contextlib
import os

import numpy as np
import paddle
from paddle import nn

from rudder_autosearch.sdk.amaas_tools import AMaasTools

EPOCHS = 5


def get_arguments():
    """Declare the contract's seven flags and the searched parameters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--batch_size", type=int, default=32)
    return parser.parse_args()


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "digits.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        return data["x"][:count].astype("float32"), data["y"][:count].astype("int64")


def train(network, x, y, args):
    """Go through the data a few times."""
    optimizer = paddle.optimizer.Adam(args.lr, parameters=network.parameters())
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(len(y))
        for first in range(0, len(y), args.batch_size):
            rows = order[first : first + args.batch_size]
            loss = nn.functional.cross_entropy(network(paddle.to_tensor(x[rows])), paddle.to_tensor(y[rows]))
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()


def save(network, folder):
    """Save for inference, in the format of Paddle 2, which its library loads under the contract's two names."""
    network.eval()
    old_format = paddle.pir_utils.OldIrGuard() if hasattr(paddle, "pir_utils") else contextlib.nullcontext()
    with old_format:
        paddle.jit.save(network, os.path.join(folder, "saved"), [paddle.static.InputSpec([None, 64], "float32", "img")])
    os.replace(os.path.join(folder, "saved.pdmodel"), os.path.join(folder, "model"))
    os.replace(os.path.join(folder, "saved.pdiparams"), os.path.join(folder, "params"))


def main():
    """Train once with the given parameters and report the accuracy on the held-out data."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    paddle.seed(0)
    network = nn.Sequential(nn.Linear(64, args.units), nn.ReLU(), nn.Linear(args.units, 10))
    train(network, train_x, train_y, args)
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    save(network, folder)
    accuracy = float(np.mean(network(paddle.to_tensor(test_x)).numpy().argmax(axis=1) == test_y))
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=""
    )
    print(f"{args.metric}: {accuracy:.4f} ({message})")
    assert flag, message


if __name__ == "__main__":
    main()
