"""What does an ensemble of networks do to the variance, and does it matter how its members are combined?

Members share their training data and differ in their initialisation alone. Their mean is the usual combination; where the law of
the initial weights has heavy tails, single members are far off, and a median may serve better.
"""
