"""What does the spectrum of a network's Hessian look like along training, and what limits its largest eigenvalue?

Networks on handwritten digits. Their spectrum is a bulk near zero and a few outliers, whose number is set against that of
the classes (Sagun et al., 2016; Ghorbani, Krishnan & Xiao, 2019; Papyan, 2019), for digits of two classes and more, and for
pixels as they are and for centred ones. The spectra of single layers are set against that of the whole (Sankar et al., 2021).
Then full-batch gradient descent: the largest eigenvalue grows up to 2 / step size, where descent is no longer stable, and
stays there (Cohen et al., 2021), as long as the loss is the squared error.
"""
