"""All that knows Numba's insides: how leaves and kernels are compiled, cached, and found by callers."""
