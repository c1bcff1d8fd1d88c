"""Whole epochs: batches, the step, its rules, clipping, dropout, and the barrier at which threads meet."""
