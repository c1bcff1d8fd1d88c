"""The smallest networks, trained in registers."""
