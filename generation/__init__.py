"""Makes variants: recipes, plates, compositing. Judges and publishes nothing."""
