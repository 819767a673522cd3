from experiments.book.command_line import run

run("data_size")
