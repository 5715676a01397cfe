"""When work runs and who may ask for it: definitions, sensors, schedules, the command line."""
