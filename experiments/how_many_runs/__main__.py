from experiments.book.command_line import run

run("how_many_runs")
