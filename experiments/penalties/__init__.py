"""What do penalties of the weights do: to the solution, to bias and variance, to zeros, to memory, and when they are too strong?

Ridge regression against its closed forms and the Gaussian prior behind it; |w|^q for q from 1/2 to 4 on sparse and on dense
truths, tuned on validation data; networks with sparse weights, with sparse codes, and with so much weight decay that nothing is
left.
"""
