from experiments.book.command_line import run

run("ensembles_of_networks")
