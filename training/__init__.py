"""Learns a category's look as a LoRA; may use generation to draw previews, never the reverse."""
