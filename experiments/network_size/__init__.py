"""Is a bigger network better: what does width do to bias² and variance, to memory, and to the test error?

Networks and random features of growing width learn what random teachers say, with the regularisation that validation examples
choose; teachers are the replicates, so that intervals are over them. Networks on handwritten digits learn right, wrong and shuffled
labels (Zhang et al., 2017), and large ones are compared with small ones, each tuned on digits that choose and judged on others.
"""
