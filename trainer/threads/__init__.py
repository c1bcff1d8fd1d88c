"""Threads for calls of kernels: how many, those that make one together, and one at work while another answers Ctrl-C."""
