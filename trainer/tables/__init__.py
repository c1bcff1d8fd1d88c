"""Tables as people have them: how a file is read, and how its columns become the inputs of a network."""
