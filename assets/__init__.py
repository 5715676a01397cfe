"""What exists: one file per noun of the asset graph. Dagster meets the plain stages here."""
