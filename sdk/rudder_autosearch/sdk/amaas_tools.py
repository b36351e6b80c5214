"""The contract's reporter: ``AMaasTools(job_id, trial_id).report_final_result(...)``.

Owns the names and the call's form alone. It must never raise: the contract's loop around it has no ``try``.
"""

from autosearch_sdk import _client


class AMaasTools:
    """Reports the result of one trial; the two ids are those that the script got as flags."""

    def __init__(self, job_id, trial_id):
        self.job_id = job_id
        self.trial_id = trial_id

    def report_final_result(self, metric=None, export_model_path="", checkpoint_path=""):
        """Report a trial's result, after its model is saved; repeating it is harmless.

        Args:
            metric: dict of the job's metric name and its value; at most eight entries.
            export_model_path: the trial's model folder ``output/<job_id>/<trial_id>``; "" keeps no model.
            checkpoint_path: with PBT the file that a later trial goes on from, else "".

        Returns:
            A pair: whether the report was taken, and a message, which says what to do if it was not. Waits up to
            30 s (``AUTOSEARCH_REPORT_TIMEOUT``) for a reader that does not answer. Never raises an ``Exception``.
        """
        try:
            reply = _client.report(
                {
                    "type": "final",
                    "job_id": str(self.job_id),
                    "trial_id": str(self.trial_id),
                    "metric": _client.numbers("metric", metric),
                    "export_model_path": _client.path(export_model_path),
                    "checkpoint_path": _client.path(checkpoint_path),
                },
                patience=30.0,
            )
            return bool(reply.get("accepted")), str(reply.get("message", ""))
        except Exception as error:
            return False, _client.reason(error)
