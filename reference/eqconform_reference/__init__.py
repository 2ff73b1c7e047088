"""The minimal reference implementation of input-weight equalization."""
