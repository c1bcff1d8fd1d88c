"""The integer codes of the built-in activations, by which a plan names them. Pickled networks hold them: they stay."""

IDENTITY = 0
SIGMOID = 1
TANH = 2
RELU = 3
SOFTMAX = 4
EXP = 5
LEAKY_RELU = 6
ELU = 7
SILU = 8
GELU = 9
SOFTPLUS = 10
