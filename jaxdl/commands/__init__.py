"""What `python -m jaxdl` does: a module for each task, imported when that task is asked for."""
