"""What do more training data change: bias, variance, or nothing? And when is it worth collecting them?

Bias² and variance from 20 to 1280 examples for least squares, and for learners of which the textbooks' sentence "more data
lower the variance and not the bias" is false; more data against more capacity; learning curves and what they predict (Hestness
et al., 2017, for their shape); how much more it takes to see a difference; the recipe that leads from two errors to a remedy; and
how many past days a forecast of daily traffic needs.
"""
