"""Values that one step hands to the next, when steps run in pods of their own: JSON in the project's store, never a pickle.

One machine keeps Dagster's own way. Handed over are small things (render keys, counts); pictures go through blobs. A bucket's lifecycle rule
may remove `handoff/` after the longest a run can be re-executed from its failure (30 days in `k8s/terraform`).
"""

import json
from typing import Any

import dagster as dg

from catalog.errors import StoreError
from resources.project import VitrineResource


class HandoffIOManager(dg.ConfigurableIOManager):
    """Writes an output as JSON under its run, step and mapping key; a step that is tried again writes over what it wrote before."""

    vitrine: dg.ResourceDependency[VitrineResource]

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Keep a value. Raises StoreError for one that JSON cannot hold unchanged."""
        data = json.dumps(obj).encode()
        if json.loads(data) != obj:
            raise StoreError(
                f"Step {context.step_key} hands over a value that JSON changes ({type(obj).__name__}). Hand over lists, numbers and text; "
                "pictures go into the store. Nothing was handed over."
            )
        self.vitrine.open().store.files.write(_path(context), data)

    def load_input(self, context: dg.InputContext) -> Any:
        """The value that the step before handed over. Raises StoreError when it is not there any more."""
        output = context.upstream_output
        assert output is not None, "an input without a step before it has no handoff"
        store = self.vitrine.open().store
        data = store.files.read(_path(output))
        if data is None:
            raise StoreError(
                f"What step {output.step_key} of run {output.run_id} handed over is not in {store.name} any more. Start the run anew instead of "
                "from its failure: what was made is kept."
            )
        return json.loads(data)


def _path(output: dg.OutputContext) -> str:
    parts = ["handoff", output.run_id, output.step_key, output.name, *([output.mapping_key] if output.mapping_key else [])]
    return "/".join(part.replace("/", "_") for part in parts) + ".json"
