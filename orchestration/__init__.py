"""When work runs and who may ask for it: definitions, sensors, schedules, the command line."""

from orchestration.accepted_previews import accept_previews

# Here, because every process that meets the definitions (command line, code server, run, worker) imports this package first.
accept_previews()
