"""Train the embedded base model: rendered sets in, a stock diffusers folder out. Renders nothing; see demo/make/scenes."""
