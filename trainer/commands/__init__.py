"""The commands of `tileprop`, one file each."""
