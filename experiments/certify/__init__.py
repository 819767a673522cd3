"""Do tools that measure bias and variance return the right answer, where the right answer is known exactly?

Sixteen problems with exact terms go through jaxdl, through the formulas of mlxtend's `bias_variance_decomp` and through those of
scikit-learn's example "single estimator versus bagging". All see the same runs and labels, drawn anew for each study. mlxtend also
draws its own rounds, from one data set, and is run itself where it is installed. The last two claims ask how often jaxdl's
intervals hold the exact value.
"""
