"""The populations that a number and its error speak of, each wider than the one before."""

FIXED_POINTS = "these test points"
DRAWN_POINTS = "test points drawn anew"
DRAWN_LABELS = "test points and labels drawn anew"
POPULATIONS = (FIXED_POINTS, DRAWN_POINTS, DRAWN_LABELS)
