"""`tileprop play`: a local page on which a small network is trained while its parts are drawn."""
