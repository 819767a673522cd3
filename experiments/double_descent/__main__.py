from experiments.book.command_line import run

run("double_descent")
