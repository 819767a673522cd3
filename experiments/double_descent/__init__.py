"""What happens to bias, variance and their sources as the number of parameters p passes the number of examples n?

Least squares of minimum norm on p of 100 Gaussian features, where every term is known exactly (Belkin, Hsu & Xu, 2020); and on
p random ReLU features, with and without a ridge penalty, split by source as Adlam & Pennington (2020) and d'Ascoli et al. (2020)
do. For finite p there is no closed form of the latter. At p = infinity the learner is regression with the arc-cosine kernel (Cho &
Saul, 2009), in which only the data are random: that limit is measured with the same data. Near p = n means have no errors of finite
variance, and the peak is found by medians.
"""
