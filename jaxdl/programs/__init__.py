"""Traced programs, rewritten into equal ones that a CPU runs faster, or without standing still."""
