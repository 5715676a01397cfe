"""A Kubernetes client, and a run launcher, that bear an API server which is away for minutes. Imports dagster-k8s.

Dagster takes any error of the API server for a dead run worker and fails a healthy run; a step that cannot be launched within half a minute
ends its run. Here an unreachable server is waited for, and a worker counts as alive until somebody who can see says otherwise.
"""

import logging
import time
from typing import Any

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_k8s import K8sRunLauncher
from dagster_k8s.client import (
    DEFAULT_WAIT_BETWEEN_ATTEMPTS,
    DagsterK8sAPIRetryLimitExceeded,
    DagsterK8sUnrecoverableAPIError,
    DagsterKubernetesClient,
)

API_PATIENCE_S = 600.0
"""How long an API server may be away. Managed control planes were seen away for minutes in an upgrade; a run is worth the wait."""

RIGHTS_PATIENCE_S = 60.0
"""How long 401 and 403 are waited out: a server that has just started does not know its own rules yet. Later it means what it says."""

WAIT_S = 2.0

log = logging.getLogger(__name__)


class PatientClient(DagsterKubernetesClient):
    """dagster-k8s's client, but a Job is created as soon as the API server answers again."""

    @classmethod
    def around(cls, client: DagsterKubernetesClient) -> "PatientClient":
        """The same client, patient."""
        return cls(client.batch_api, client.core_api, client.logger, client.sleeper, client.timer)

    def create_namespaced_job_with_retries(
        self, body: Any, namespace: str, wait_time_between_attempts: float = DEFAULT_WAIT_BETWEEN_ATTEMPTS
    ) -> None:
        """Create a Job; one that exists after an answer was lost is ours, by its name."""
        start, tries = time.monotonic(), 0
        while True:
            tries += 1
            try:
                return super().create_namespaced_job_with_retries(body, namespace, min(wait_time_between_attempts, WAIT_S))
            except DagsterK8sAPIRetryLimitExceeded as error:
                patience, why = API_PATIENCE_S, error
            except DagsterK8sUnrecoverableAPIError as error:
                code = error.k8s_api_exception.status
                if code == 409 and tries > 1:
                    return None
                if code not in {401, 403, 429}:
                    raise
                patience, why = (API_PATIENCE_S if code == 429 else RIGHTS_PATIENCE_S), error
            if time.monotonic() - start > patience:
                raise why
            log.warning("The API server did not create Job %s: %s. Trying again.", body.metadata.name, why)
            time.sleep(WAIT_S)


class PatientRunLauncher(K8sRunLauncher):
    """dagster-k8s's run launcher, but an API server that does not answer is not a dead run worker, for ten minutes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._api_client = PatientClient.around(self._api_client)
        self._unseen_since: dict[str, float] = {}

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """The worker's health; RUNNING while the server has been away for less than `API_PATIENCE_S`. A Job that is gone is a dead worker."""
        result = super().check_run_worker_health(run)
        if result.status is not WorkerStatus.UNKNOWN or "could not be found" in (result.msg or ""):
            self._unseen_since.pop(run.run_id, None)
            return result
        since = self._unseen_since.setdefault(run.run_id, time.monotonic())
        if time.monotonic() - since > API_PATIENCE_S:
            return result
        log.warning("The API server does not say how the worker of run %s is: %s", run.run_id, (result.msg or "").splitlines()[:1])
        return CheckRunHealthResult(WorkerStatus.RUNNING, f"not seen for {time.monotonic() - since:.0f} s: the API server does not answer")
