"""Many networks on the same rows: trained at once, and what is made of them."""
