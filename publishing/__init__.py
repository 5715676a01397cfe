"""Delivers what was approved: renditions, metadata, galleries, reports. Judges nothing."""
