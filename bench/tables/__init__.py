"""Tables that the defaults of `tileprop train` are measured on: made ones, and real ones from installed packages."""
