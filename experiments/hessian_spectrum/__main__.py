from experiments.book.command_line import run

run("hessian_spectrum")
