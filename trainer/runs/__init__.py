"""A training run: its settings, the experiment, the model that it leaves, and its folder."""
