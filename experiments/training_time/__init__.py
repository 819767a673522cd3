"""Where does the error come from as training goes on: noise, bias, or variance, and of what?

A network learns handwritten digits of which every fifth label is wrong, and is decomposed at many stopping times of one
compiled run, crossed over the draw of the digits, of the wrong labels, and of the initialisation with the minibatch order.
Two checks stand beside it: gradient descent on a linear model at fifty times, where every term is known exactly, and ensembles
over initialisations, built, against what the decomposition predicts of them.
"""
