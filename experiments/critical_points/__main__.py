from experiments.book.command_line import run

run("critical_points")
