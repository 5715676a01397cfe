"""Pixels: pure functions on arrays. Knows nothing of catalogs, brands or models."""
