"""The integer codes of the losses, by which a plan names them. The log losses have one name; outputs and targets tell which."""

MSE, SQUARED_ERROR, LOG_LOSS, LABEL_LOG_LOSS, BINARY_LOG_LOSS, SUM_SQUARED_ERROR, POISSON = range(7)
MAE, HUBER, QUANTILE, GAUSSIAN_NLL = range(7, 11)
