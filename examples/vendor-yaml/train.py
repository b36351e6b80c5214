"""A strict script of the published contract: it declares what it is promised, and any other flag ends it with code 2.

It also says what it was given, so that `data_sampling_scale: 50` can be seen to arrive as 0.5.
"""

import argparse
import os
import time

import softmax

from rudder_autosearch.sdk.amaas_tools import AMaasTools

EPOCHS = 3


def get_arguments():
    """Declare the contract's seven flags and the searched parameters, not the two flags that only PBT has."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--momentum", type=float, default=0.5)
    parser.add_argument("--batch_size", type=int, default=64)
    return parser.parse_args()


def report_final(args, metric):
    """Report, up to three times, as the contract's own sample does."""
    tools = AMaasTools(args.job_id, args.trial_id)
    flag, message = False, ""
    for _ in range(3):
        flag, message = tools.report_final_result(
            metric={args.metric: metric}, export_model_path=args.output_dir, checkpoint_path=""
        )
        if flag:
            break
        time.sleep(1)
    assert flag, f"the result was not taken: {message}"


def main():
    """Get arguments, load, define, train, save, evaluate, report."""
    args = get_arguments()
    args.output_dir = os.path.join(args.output_dir, args.job_id, args.trial_id)
    train_x, train_y = softmax.load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = softmax.load(args.test_dir)
    print(f"data_sampling_scale={args.data_sampling_scale} rows={len(train_y)}")
    model = softmax.new(train_x.shape[1])
    for _ in range(EPOCHS):
        softmax.train_epoch(model, train_x, train_y, args.lr, args.momentum, args.batch_size)
    softmax.save(model, os.path.join(args.output_dir, "model.pkl"))
    report_final(args, softmax.accuracy(model, test_x, test_y))


if __name__ == "__main__":
    main()
