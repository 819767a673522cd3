"""What do the critical points of a loss look like: of which kind are they, how high do they lie, and does descent stop there?

Kinds by eigenvalues and by the diagonal; positive matrices among random ones, and minima among the critical points of random
fields; a census of a linear autoencoder, all of whose critical points are known (Baldi & Hornik, 1989), as Frye et al. (2019)
propose; index against energy for the spherical 3-spin model (Auffinger, Ben Arous & Černý, 2013) and for small tanh networks
(Dauphin et al., 2014), without the places that are only flat (Frye et al., 2021); escape from strict and from degenerate
saddles; the spectrum of a network on digits. All of it is computed in double precision: an index needs it.
"""
