"""One module for each question; `python -m experiments` lists them, `python -m experiments.NAME` answers one.

Importing a module is cheap: jax, jaxdl and matplotlib are imported by the functions that use them, so that `--help`,
the list and a finished run appear at once.
"""
