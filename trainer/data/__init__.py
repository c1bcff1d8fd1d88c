"""Data: datasets by name, tables and array files, scaling."""
