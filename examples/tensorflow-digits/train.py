"""Handwritten digits in Keras, one training run of a search.

The trial's folder itself becomes the SavedModel, so nothing may be in it before.
"""

import argparse
import os

import numpy as np
import tensorflow as tf

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
        return data["x"][:count].astype("float32"), data["y"][:count].astype("int32")


def new(args):
    """Make an untrained network."""
    layers = [
        tf.keras.layers.Input((64,)),
        tf.keras.layers.Dense(args.units, "relu"),
        tf.keras.layers.Dense(10, "softmax"),
    ]
    model = tf.keras.Sequential(layers)
    optimizer = tf.keras.optimizers.Adam(args.lr)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def save(model, folder):
    """Save a SavedModel; Keras 3 calls that an export."""
    if hasattr(model, "export"):
        model.export(folder, verbose=False)
    else:
        model.save(folder)


def main():
    """Train once with the given parameters and report the accuracy on the held-out data."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    model = new(args)
    model.fit(train_x, train_y, batch_size=args.batch_size, epochs=EPOCHS, verbose=0)
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    save(model, folder)
    accuracy = model.evaluate(test_x, test_y, verbose=0)[1]
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=""
    )
    print(f"{args.metric}: {accuracy:.4f} ({message})")
    assert flag, message


if __name__ == "__main__":
    main()
