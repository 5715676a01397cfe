"""The ledger's history as Alembic migrations: one file per version in `versions/`, numbered, never edited once released.

A new version is a new file with the next number; the newest file's number is the version of a new ledger (`ledger_schema.py`). `IF NOT
EXISTS` in the first one adopts a ledger that was made before there were versions.
"""
