"""How far from the truth is the largest eigenvalue of a Hessian that is estimated from data, and how much does it scatter?

Least squares on Gaussian inputs first: there the Hessian is a Wishart matrix, and Tracy and Widom's law (Johnstone, 2001; Ma, 2012)
predicts both, as long as no true eigenvalue stands apart; the error of one that does is variance. Then networks on digits: the
largest eigenvalue of a minibatch's Hessian at fixed parameters, against that of all examples. It is too large on average, whatever
the batch size, since the largest eigenvalue is a convex function (Jensen); it falls with the batch size, and for large batches
perturbation theory gives the slope of 1 / B exactly.
"""
