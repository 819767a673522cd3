"""Measured against peers, in one run: speed of an ensemble of networks, a million polynomials, flat memory."""
