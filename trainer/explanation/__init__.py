"""Worked examples: a sample goes through a network by hand, figure by figure."""
