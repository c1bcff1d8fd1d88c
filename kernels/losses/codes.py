"""The integer codes of the built-in losses, by which a plan names them. Pickled networks hold them: they stay.

The log losses have one name; outputs and targets tell which.
"""

MSE = 0
SQUARED_ERROR = 1
LOG_LOSS = 2
LABEL_LOG_LOSS = 3
BINARY_LOG_LOSS = 4
SUM_SQUARED_ERROR = 5
POISSON = 6
MAE = 7
HUBER = 8
QUANTILE = 9
GAUSSIAN_NLL = 10
