"""Is a gain real, and how many runs would tell?

Two procedures are compared by a few seeds each, and by one test set. How often do common rules see a gain where there is none, and
how much of the spread over seeds is that of the test set?
"""
