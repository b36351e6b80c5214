"""The network that is trained, apart from the training: `pytorch_predict.py` of a served model needs it, too."""

import torch
from torch import nn


class Network(nn.Module):
    """A small convolutional network for digits of 8 x 8 pixels.

    The number of epochs that went into the weights is kept among them, so that whoever loads the file goes on counting.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("epochs", torch.tensor(0))
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 4 * 4, 10)
        )

    def forward(self, x):
        """Give the ten scores of each row of 64 pixels."""
        return self.layers(x.reshape(-1, 1, 8, 8))
