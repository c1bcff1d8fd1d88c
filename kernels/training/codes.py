"""The integer codes of step rules, by which a State names them, and of how an epoch ended."""

SGD = 0
MOMENTUM = 1
NESTEROV = 2
ADAM = 3
RMSPROP = 4
RPROP = 5
NADAM = 6

RUNNING = 0
STOPPED = 1
DIVERGED = 2
