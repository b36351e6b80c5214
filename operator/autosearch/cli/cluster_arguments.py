"""The commands for searches on a cluster, and their flags.

Owns: every word of their `--help`. Nothing but the standard library is imported here.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

Declare = Callable[[str, str, str], argparse.ArgumentParser]
"""Makes a command of a name, a summary and a description."""

WHERE = """
Which cluster and namespace: as kubectl, from --kubeconfig, else KUBECONFIG, else ~/.kube/config, else the pod's own
account; -n wins over the context's namespace. Everything is done with your own rights.
"""
_SUBMIT = f"""\
Check a job file and create its search on a cluster. The same file again changes nothing and says so.

--code DIR becomes an immutable ConfigMap, named by its content and deleted with the search: at most 900 kB; subfolders
are kept; .git and __pycache__ are left out, and so are ./output, and ./train_data and ./test_data where the job mounts
them. Larger code belongs into the image or on a volume (spec.code).
{WHERE}"""
_WATCH = f"""\
Show a search on a cluster until it is finished: the same picture as `autosearch run` draws. Ctrl-C ends the watching
alone; the search goes on. Exit codes as of `run`.
{WHERE}"""
_LOGS = f"""\
Print what a trial's container printed. Without --trial or --best: the trial that started last. Where the pod is gone
(spec.podHistory), the end of the log is shown as the trial's status has kept it, and the exit code is 1.
{WHERE}"""
_SUSPEND = f"""\
Suspend a search on a cluster: its running trials are ended, their GPUs are free, and nothing is started until it is
resumed. No result is lost.
{WHERE}"""
_RESUME = f"""\
Let a suspended search on a cluster go on. The trials that were ended start again as further attempts, which use up no
retry.
{WHERE}"""
_PUSH = f"""\
Bring a folder onto a PersistentVolumeClaim, for jobs to use as trainData, testData or code:

  autosearch push data/mnist pvc://datasets/mnist

A short-lived pod with the claim mounted takes it and is removed at the end, also after Ctrl-C. The folder appears under
its name only when all of it has arrived and each file's SHA-256 agrees. Links to files are sent as files.

The pod's image needs sh, tar and sha256sum; without --image and --like it is busybox:stable. Its user is --run-as, else
that of --like, else 65532, and root where that one may not write and the cluster's policy lets root in. You need the
rights to get, create and delete pods, to get and create pods/exec, and to get the claim.
{WHERE}"""
_PULL = f"""\
Fetch the model of a search's best trial, or of another one, into a folder here:

  autosearch pull mnist model
  autosearch pull mnist --trial 3-2 model

A short-lived pod, with the trial's image and user, reads the job's output; it is removed at the end, also after Ctrl-C.
DIR is made when all has arrived and each file's SHA-256 agrees. Rights as for `push`, and to read the search.
{WHERE}"""
SEARCH_HELP = """
SEARCH is a folder if it holds a `/` or is the name of a folder with a job.json in it; anything else is the name of a
job on the cluster. With -n, --context or --kubeconfig it is always a job's name; `./NAME` is always a folder.
"""


def add_cluster_flags(made: argparse.ArgumentParser) -> None:
    """Declare the flags that say which cluster is meant, as kubectl has them."""
    made.add_argument("-n", "--namespace", metavar="NAMESPACE", help="namespace (default: the context's)")
    made.add_argument("--context", metavar="CONTEXT", help="context of the kubeconfig (default: its current one)")
    made.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig (default: $KUBECONFIG, else ~/.kube/config)")


def add_search(made: argparse.ArgumentParser) -> None:
    """Declare the argument that is a folder of a local run or a job on a cluster."""
    made.add_argument("search", metavar="SEARCH", help="the --output of a run, or a job on the cluster")
    add_cluster_flags(made)


def add_cluster_commands(declare: Declare, file_help: str) -> None:
    """Declare all commands that only make sense on a cluster."""
    _submit(declare("submit", "create a search on a cluster", _SUBMIT), file_help)
    _named(declare("watch", "show a search on a cluster until its end", _WATCH)).add_argument(
        "--plain", action="store_true", help="plain lines instead of a live picture"
    )
    _logs(_named(declare("logs", "print a trial's log from a cluster", _LOGS)))
    _push(declare("push", "bring a folder onto a claim of a cluster", _PUSH))
    _pull(declare("pull", "fetch a trial's model from a cluster", _PULL))
    _named(declare("suspend", "suspend a search on a cluster", _SUSPEND))
    _named(declare("resume", "let a suspended search go on", _RESUME))


def _named(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
    made.add_argument("job", metavar="JOB", help="name of the search's AutoSearchJob")
    add_cluster_flags(made)
    return made


def _submit(made: argparse.ArgumentParser, file_help: str) -> None:
    made.add_argument("-f", "--file", required=True, metavar="FILE", help=file_help)
    made.add_argument(
        "--into", metavar="BASE", help="with a vendor YAML: AutoSearchJob that has the template and volumes"
    )
    made.add_argument("--code", type=Path, metavar="DIR", help="folder with the script; wins over the file's spec.code")
    made.add_argument("--name", help="name of the search (default: the file's, else its file name)")
    made.add_argument("--dry-run", action="store_true", help="have the API server check everything, and create nothing")
    made.add_argument("--watch", action="store_true", help="then show the search until its end")
    made.add_argument("--plain", action="store_true", help="with --watch: plain lines instead of a live picture")
    add_cluster_flags(made)


def _logs(made: argparse.ArgumentParser) -> None:
    which = made.add_mutually_exclusive_group()
    which.add_argument("--trial", metavar="TRIAL", help="its id as the tables show it, such as 0-3")
    which.add_argument("--best", action="store_true", help="the best trial so far")
    made.add_argument(
        "--attempt", type=_attempt, metavar="N", help="0 is the first, 1 the one after it (default: the trial's last)"
    )
    made.add_argument("-f", "--follow", action="store_true", help="wait for more until the container ends")


def _push(made: argparse.ArgumentParser) -> None:
    made.add_argument("folder", type=Path, metavar="DIR", help="folder whose content is sent")
    made.add_argument("target", metavar="TARGET", help="pvc://CLAIM/PATH; folders above it are made")
    made.add_argument("--replace", action="store_true", help="put it in the place of a folder of that name")
    made.add_argument("--like", metavar="JOB", help="take image, nodes and user from this job's template")
    _pod_flags(made)


def _pull(made: argparse.ArgumentParser) -> None:
    made.add_argument("job", metavar="JOB", help="name of the search's AutoSearchJob")
    made.add_argument("folder", type=Path, metavar="DIR", help="folder to be made here")
    made.add_argument("--trial", metavar="TRIAL", help="its id as the tables show it, such as 0-3 (default: the best)")
    _pod_flags(made)


def _pod_flags(made: argparse.ArgumentParser) -> None:
    made.add_argument("--image", metavar="IMAGE", help="image of the pod; has sh, tar and sha256sum")
    made.add_argument("--run-as", type=_count, metavar="UID", help="user of the pod")
    made.add_argument(
        "--wait", type=_count, default=300, metavar="SECONDS", help="how long the pod may take to start (default: 300)"
    )
    add_cluster_flags(made)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _attempt(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of an attempt: 0 is the first")
    return number
