"""Numbers: exp and log, arithmetic that keeps its rounding errors, the normal distribution."""
