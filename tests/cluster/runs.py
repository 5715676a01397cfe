"""Runs of a deployment, started and ended as the web page does it, and what became of them."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from tests.cluster.deployment import Deployment
from tests.cluster.testbed import wait_for

LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } ... on RunConfigValidationInvalid { errors { message } } } }
"""
TERMINATE = "mutation($id: String!) { terminateRun(runId: $id) { __typename ... on PythonError { message } } }"
SENSORS = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { ... on RepositoryLocation {
  repositories { sensors { name id sensorState { id status } } schedules { name id scheduleState { id status } } } } } } } } }"""
STOP_SENSOR = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"
STOP_SCHEDULE = "mutation($id: String!) { stopRunningSchedule(id: $id) { __typename } }"


@dataclass
class Runs:
    """Starts runs through the web server and reads Dagster's records."""

    deployment: Deployment
    instance: dg.DagsterInstance

    def launch(self, job: str, *, partition: str | None = None, assets: tuple[str, ...] = (), tier: str = "standard", **tags: str) -> str:
        """Put a run into the queue; returns its id."""
        from orchestration.placement import run_tags

        named = run_tags(tier) | tags
        if partition:
            named["dagster/partition"] = partition
            if "|" in partition:
                named["dagster/partition/category"], named["dagster/partition/drop"] = partition.split("|")
        selector: dict[str, Any] = {"repositoryLocationName": "vitrine", "repositoryName": "__repository__", "pipelineName": job}
        if assets:
            selector |= {"assetSelection": [{"path": [a]} for a in assets], "assetCheckSelection": []}
        metadata = {"tags": [{"key": k, "value": v} for k, v in named.items()]}
        params = {"selector": selector, "runConfigData": {}, "mode": "default", "executionMetadata": metadata}
        answer = self.deployment.ask(LAUNCH, params=params)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def cancel(self, run_id: str) -> None:
        answer = self.deployment.ask(TERMINATE, id=run_id)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        return self.instance.get_run_by_id(run_id).status

    def end(self, run_id: str, within_s: float = 300.0) -> dg.DagsterRunStatus:
        """The run's final status."""
        wait_for(f"the end of run {run_id}", lambda: self.instance.get_run_by_id(run_id).is_finished, within_s=within_s)
        return self.status(run_id)

    def succeeds(self, run_id: str, within_s: float = 300.0) -> None:
        """Wait for a success; a failure shows the run's own log."""
        assert self.end(run_id, within_s) is dg.DagsterRunStatus.SUCCESS, "\n".join(self.story(run_id))

    def events(self, run_id: str, kind: dg.DagsterEventType, step: str | None = None) -> list[dg.DagsterEvent]:
        found = [e.dagster_event for e in self.instance.all_logs(run_id, of_type=kind)]
        return [e for e in found if step is None or (e.step_key or "").startswith(step)]

    def story(self, run_id: str) -> list[str]:
        """Every message of a run, with its errors."""
        lines = []
        for entry in self.instance.all_logs(run_id):
            data = entry.dagster_event.event_specific_data if entry.dagster_event else None
            error = getattr(data, "error", None)
            lines.append(f"{entry.timestamp:.1f} {entry.step_key or ''} {entry.message}" + (f"\n{error.to_string()}" if error else ""))
        return lines

    def retries(self, run_id: str, step: str) -> list[str]:
        """Why a step was tried again, one message per time."""
        return [e.event_specific_data.error.message for e in self.events(run_id, dg.DagsterEventType.STEP_UP_FOR_RETRY, step)]

    def rest(self) -> None:
        """Switch off what runs by itself, so that a test sees its own runs only."""
        for entry in self.deployment.ask(SENSORS)["workspaceOrError"]["locationEntries"]:
            for repository in entry["locationOrLoadError"]["repositories"]:
                for sensor in repository["sensors"]:
                    self.deployment.ask(STOP_SENSOR, id=sensor["sensorState"]["id"])
                for schedule in repository["schedules"]:
                    self.deployment.ask(STOP_SCHEDULE, id=schedule["scheduleState"]["id"])
