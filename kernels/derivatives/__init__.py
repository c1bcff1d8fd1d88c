"""Derivatives of a network: to parameters, inputs and targets; of single rows; second ones along a direction."""
