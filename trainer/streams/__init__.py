"""Data that need not fit into memory: sources of row blocks, and training on them."""
