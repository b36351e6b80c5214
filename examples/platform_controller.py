"""A platform's controller in little: it creates a search, watches it to its end, and bills the GPU time.

    python examples/platform_controller.py NAMESPACE job.yaml

All that it knows is on the AutoSearchJob: it may be stopped at any moment and started again with the same words, and
bills each search once. The rules behind it: docs/integrate-a-platform.md.
"""

import sys

import yaml
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

KIND = {"group": "autosearch.dev", "version": "v1alpha1", "plural": "autosearchjobs"}
OURS, BILLED = "platform.example.com/ours", "platform.example.com/billed-gpu-seconds"
EUROS_PER_GPU_SECOND = 2.5 / 3600


def create(api, place, job):
    """Create the search, or take up the one that an earlier call has created."""
    name = job["metadata"]["name"]
    job["metadata"].setdefault("annotations", {})[OURS] = "true"
    try:
        api.create_namespaced_custom_object(**place, body=job)
    except ApiException as error:
        if error.status == 422:
            sys.exit(f"the search is not valid: {error.body}")
        if error.status != 409:
            raise
        found = api.get_namespaced_custom_object(**place, name=name)
        if OURS not in found["metadata"].get("annotations", {}):
            sys.exit(f"{name} is there already, and somebody else's")
    return name


def changes(api, place, name):
    """Give the search as it is, and after each change."""
    while True:
        # The API server ends each watch; one without a resourceVersion begins with what is there: nothing is missed.
        for event in watch.Watch().stream(
            api.list_namespaced_custom_object, **place, field_selector=f"metadata.name={name}", timeout_seconds=240
        ):
            if event["type"] == "DELETED":
                sys.exit(f"{name} was deleted")
            yield event["object"]


def bill(api, place, job):
    """Write the bill onto the search, unless it is there; of two controllers, only one's resourceVersion is right."""
    meta, seconds = job["metadata"], job["status"].get("usage", {}).get("gpuSeconds", 0)
    if BILLED not in meta["annotations"]:
        change = {"resourceVersion": meta["resourceVersion"], "annotations": {BILLED: str(seconds)}}
        api.patch_namespaced_custom_object(**place, name=meta["name"], body={"metadata": change})
        print(f"bill: {seconds:.1f} GPU seconds, {seconds * EUROS_PER_GPU_SECOND:.4f} EUR")


def main(namespace, file):
    """Have the search run; 0 if it is complete, 1 if it failed."""
    config.load_config()
    api, place, told = client.CustomObjectsApi(), {**KIND, "namespace": namespace}, ""
    with open(file, encoding="utf-8") as text:
        name = create(api, place, yaml.safe_load(text))
    for job in changes(api, place, name):
        status = job.get("status", {})
        conditions = {each["type"]: each for each in status.get("conditions", [])}
        line = f"{status.get('trials', {})} {conditions.get('Progressing', {}).get('message', '')}"
        if line != told:
            print(told := line, flush=True)
        if conditions.get("Finished", {}).get("status") == "True":
            break
    bill(api, place, job)
    print(f"{conditions['Finished']['reason']}: {status.get('best', 'no trial succeeded')}")
    return 0 if status["state"] == "Complete" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
