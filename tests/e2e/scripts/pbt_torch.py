"""One member's next interval, in PyTorch: `model.pkl` is a `state_dict`, the contract's model and checkpoint in one.

Buffers of the network say how many epochs went into it and which weights they started from.
"""

import argparse
import hashlib
import os

import torch

from rudder_autosearch.sdk.amaas_tools import AMaasTools


class Network(torch.nn.Module):
    """A small network that knows where it is from."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        self.register_buffer("epochs", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("started_from", torch.zeros(32, dtype=torch.uint8))

    def forward(self, x):
        """Give one number for each row."""
        return self.layers(x)

    def digest(self):
        """Give a hash of the weights."""
        packed = b"".join(weight.detach().numpy().tobytes() for weight in self.parameters())
        return hashlib.sha256(packed).digest()


def get_arguments():
    """Declare the contract's flags, the two of PBT, and the searched rate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--resume_checkpoint_path", type=str, default="")
    parser.add_argument("--perturb_interval", type=int, default=5)
    parser.add_argument("--lr", type=float, default=0.01)
    return parser.parse_args()


def main():
    """Start or go on, train an interval, save, evaluate, report."""
    args = get_arguments()
    torch.manual_seed(int(args.trial_id.split("-")[1]))
    network = Network()
    if args.resume_checkpoint_path:
        network.load_state_dict(torch.load(args.resume_checkpoint_path, map_location="cpu", weights_only=True))
    network.started_from.copy_(torch.frombuffer(bytearray(network.digest()), dtype=torch.uint8))
    x = torch.linspace(-1, 1, 64).reshape(16, 4)
    y = x.sum(dim=1, keepdim=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=args.lr)
    for _ in range(args.perturb_interval):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(x), y).backward()
        optimizer.step()
        network.epochs += 1
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    checkpoint = os.path.join(folder, "model.pkl")
    torch.save(network.state_dict(), checkpoint)
    with torch.no_grad():
        accuracy = 1 / (1 + torch.nn.functional.mse_loss(network(x), y).item())
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=checkpoint
    )
    assert flag, message


if __name__ == "__main__":
    main()
