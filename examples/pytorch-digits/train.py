"""Population Based Training in PyTorch: one member's next few epochs.

`model.pkl` holds the network's `state_dict`. It is the model that is kept and the checkpoint that the next trial starts
from: that one's own, or that of a better member. The momentum of the optimiser starts anew with each trial.
"""

import argparse
import os

import numpy as np
import torch
from network import Network

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
    parser.add_argument("--lr", type=float, default=0.03)
    parser.add_argument("--momentum", type=float, default=0.5)
    parser.add_argument("--batch_size", type=int, default=32)
    return parser.parse_args()


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "digits.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        x, y = data["x"][:count].astype("float32"), data["y"][:count].astype("int64")
    return torch.from_numpy(x), torch.from_numpy(y)


def start(args):
    """Load the given weights; the first round is given none, and each member starts with its own random ones."""
    torch.manual_seed(int(args.trial_id.split("-")[1]))
    network = Network()
    if args.resume_checkpoint_path:
        network.load_state_dict(torch.load(args.resume_checkpoint_path, map_location="cpu", weights_only=True))
    return network


def train(network, x, y, args):
    """Train for an interval."""
    optimizer = torch.optim.SGD(network.parameters(), lr=args.lr, momentum=args.momentum)
    for _ in range(args.perturb_interval):
        for rows in torch.randperm(len(y)).split(args.batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
        network.epochs += 1


def save(network, path):
    """Write weights that are whole or not there: temporary name, flush to the disk, rename."""
    with open(path + ".unfinished", "wb") as file:
        torch.save(network.state_dict(), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".unfinished", path)


def main():
    """Start or go on, train an interval, save, evaluate, report."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    network = start(args)
    train(network, train_x, train_y, args)
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    checkpoint = os.path.join(folder, "model.pkl")
    save(network, checkpoint)
    with torch.no_grad():
        accuracy = (network(test_x).argmax(dim=1) == test_y).float().mean().item()
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=checkpoint
    )
    print(f"{args.metric} after {int(network.epochs)} epochs: {accuracy:.4f} ({message})")
    assert flag, message


if __name__ == "__main__":
    main()
