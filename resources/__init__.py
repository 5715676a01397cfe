"""The outside world behind small shells: settings, object store, ledger, clock of costs."""
