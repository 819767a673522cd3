"""Where does the error of a learner come from as its capacity grows: bias, variance (of what?) or noise?

Least-squares polynomials of degree 0 to 12 on a noisy sine, where the truth is known, and networks of growing width on handwritten
digits, crossed over training sets and initialisations (Geman, Bienenstock & Doursat, 1992; Neal et al., 2018). Small
classifiers on two moons and on the digits ask the same of the cross-entropy and the 0-1 loss (Heskes, 1998; Domingos, 2000).
"""
