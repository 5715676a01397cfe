"""What loading the code location costs over plain dagster: CPU seconds and memory in fresh processes, medians of several.

    python -m benchmarks.code_server [--repeat 5]

Bar: at most 2 CPU-seconds over plain dagster, and no torch, no great_expectations (the latter is held by a test).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PLAIN = "import dagster"
LOADED = "from orchestration.definitions import defs; defs().get_repository_def()"
PROBE = "import resource, time; {}; print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"


def measured(statement: str) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of one fresh interpreter that runs a statement."""
    environment = {**os.environ, "VITRINE_PROJECT": str(REPOSITORY / "demo"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement)], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    cpu_s, memory_mb = done.stdout.split()
    return float(cpu_s), float(memory_mb)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    runs = [(measured(PLAIN), measured(LOADED)) for _ in range(repeat)]
    plain_s, loaded_s = (statistics.median(pair[n][0] for pair in runs) for n in (0, 1))
    plain_mb, loaded_mb = (statistics.median(pair[n][1] for pair in runs) for n in (0, 1))
    result = {
        "plain_dagster_cpu_s": round(plain_s, 2),
        "code_location_cpu_s": round(loaded_s, 2),
        "over_plain_cpu_s": round(loaded_s - plain_s, 2),
        "plain_dagster_mb": round(plain_mb),
        "code_location_mb": round(loaded_mb),
        "repeat": repeat,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
