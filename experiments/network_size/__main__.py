from experiments.book.command_line import run

run("network_size")
