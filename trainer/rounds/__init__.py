"""Training over fixed shards of the rows: in rounds with averages between them, or by exact steps over all shards.

What is done for one shard is a pure function of its arguments, so that it may run anywhere, and again where it was lost.
"""
