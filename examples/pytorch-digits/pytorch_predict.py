"""What serves the model: the platform has no inference code for PyTorch of its own, so it comes with the model.

A search does not need it. `autosearch lint` looks whether it is there.
"""

import os

import torch
from network import Network

MODEL_FILE_NAME = "model.pkl"


def model_fn(model_dir):
    """Load the model from the folder that a trial has left."""
    network = Network()
    network.load_state_dict(torch.load(os.path.join(model_dir, MODEL_FILE_NAME), map_location="cpu", weights_only=True))
    return network.eval()


def input_fn(request):
    """Turn a request into a batch: `{"instances": [{"data": [64 numbers from 0 to 1]}, ...]}`."""
    return torch.tensor([instance["data"] for instance in request["instances"]])


def output_fn(predict_result):
    """Turn the ten scores of each instance into its digit."""
    return predict_result.argmax(dim=1).tolist()
