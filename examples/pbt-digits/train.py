"""Population Based Training on handwritten digits: one member's next few epochs.

A trial trains `--perturb_interval` epochs and ends. The next one starts from the checkpoint that it is given: its own,
or that of a better member. So a model is trained by a chain of trials, under a schedule of parameters that nobody
wrote.
"""

import argparse
import os

import network
import numpy as np

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def get_arguments():
    """Declare the contract's seven flags, the two of PBT, and the searched parameters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--resume_checkpoint_path", type=str, default="")
    parser.add_argument("--perturb_interval", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--momentum", type=float, default=0.5)
    parser.add_argument("--weight_decay", type=float, default=0.0001)
    parser.add_argument("--batch_size", type=int, default=64)
    return parser.parse_args()


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "digits.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        return data["x"][:count], data["y"][:count]


def start(args, inputs):
    """Restore the given checkpoint; the first round is given none and starts with random weights."""
    if args.resume_checkpoint_path:
        return network.restore(args.resume_checkpoint_path)
    return network.new(inputs, seed=int(args.trial_id.split("-")[1]))


def main():
    """Train for an interval, save weights and momentum, report the accuracy on the held-out data."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    model = start(args, train_x.shape[1])
    # After restoring, never before: the checkpoint holds the parent's state, the arguments are this trial's own.
    settings = {
        "lr": args.lr,
        "momentum": args.momentum,
        "weight_decay": args.weight_decay,
        "batch_size": args.batch_size,
    }
    for _ in range(args.perturb_interval):
        network.train_epoch(model, train_x, train_y, **settings)
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    checkpoint = os.path.join(folder, "model.pkl")
    network.save(model, checkpoint)
    accuracy = network.accuracy(model, test_x, test_y)
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=checkpoint
    )
    print(f"{args.metric} after {model['epochs']} epochs: {accuracy:.4f} ({message})")
    assert flag, message


if __name__ == "__main__":
    main()
