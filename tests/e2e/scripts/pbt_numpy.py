"""One member's next interval, in NumPy: the checkpoint says which weights it was trained from, and by whom.

The task is the smallest that has weights: come close to a target, by gradient descent with the searched rate. It tries
to write into its parent's folder and into the output root, and keeps what came of it in the checkpoint.
"""

import argparse
import hashlib
import os

import numpy as np

from rudder_autosearch.sdk.amaas_tools import AMaasTools

TARGET = np.linspace(-1, 1, 16)


def get_arguments():
    """Declare the contract's flags, the two of PBT, and the searched rate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--resume_checkpoint_path", type=str, default="")
    parser.add_argument("--perturb_interval", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.01)
    return parser.parse_args()


def error_of_writing(folder):
    """Try to write into a folder; gives the number of the error, 0 where it went well."""
    try:
        with open(os.path.join(folder, "intruder"), "w"):
            return 0
    except OSError as error:
        return error.errno


def start(args):
    """Give weights, epochs and the line of ancestors: the parent's, or those of a new member."""
    if not args.resume_checkpoint_path:
        member = int(args.trial_id.split("-")[1])
        return np.random.default_rng(member).normal(size=len(TARGET)), 0, []
    with np.load(args.resume_checkpoint_path) as parent:
        return parent["weights"], int(parent["epochs"]), list(parent["line"])


def main():
    """Start or go on, train an interval, save, evaluate, report."""
    args = get_arguments()
    weights, epochs, line = start(args)
    started_from = hashlib.sha256(weights.tobytes()).hexdigest()
    for _ in range(args.perturb_interval):
        weights = weights - args.lr * 2 * (weights - TARGET)
    parent = os.path.dirname(args.resume_checkpoint_path) or args.output_dir
    refused = [error_of_writing(parent), error_of_writing(args.output_dir)]
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    checkpoint = os.path.join(folder, "model.npz")
    with open(checkpoint, "wb") as file:
        np.savez(
            file,
            weights=weights,
            epochs=epochs + args.perturb_interval,
            line=np.array([*line, args.trial_id]),
            started_from=started_from,
            refused=refused,
        )
    accuracy = float(1 / (1 + np.sum((weights - TARGET) ** 2)))
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=checkpoint
    )
    assert flag, message


if __name__ == "__main__":
    main()
