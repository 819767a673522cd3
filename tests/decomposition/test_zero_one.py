"""The 0-1 loss against T7's hand calculations, its identity, and Kohavi and Wolpert's unbiased companion."""

import numpy as np
import pytest

from jaxdl import decompose, designs
from jaxdl.decomposition import Target, kohavi_wolpert, zero_one

# q, π: risk, N, B, V, c1 N, c2 V, James's two effects, Kohavi and Wolpert's bias², variance and noise.
CASES = [
    (
        (0.6, 0.3, 0.1),
        (0.2, 0.7, 0.1),
        (0.66, 0.3, 1, 0.4, -0.133333333 * 0.3, -0.75 * 0.4, 0.5, -0.14),
        (0.16, 0.27, 0.23),
    ),
    ((0.6, 0.3, 0.1), (0.8, 0.15, 0.05), (0.47, 0.2, 0, 0.4, 0.35 * 0.2, 0.4, 0, 0.27), (0.0325, 0.27, 0.1675)),
    ((0.55, 0.45), (0.1, 0.9), (0.54, 0.1, 1, 0.45, -0.1 * 0.1, -0.45, 0.8, -0.36), (0.2025, 0.2475, 0.09)),
]
ZERO_ONE_TERMS = (
    "risk", "noise", "bias", "total_variance", "noise_effect", "net_variance", "systematic_effect", "variance_effect",
)  # fmt: skip


def classes_with_frequencies(q, num_runs=20):
    return np.repeat(np.arange(len(q)), np.round(np.array(q) * num_runs).astype(int))[:, None]


@pytest.mark.parametrize(("q", "pi", "expected", "_"), CASES)
def test_zero_one_terms_are_those_worked_out_by_hand(q, pi, expected, _):
    result = zero_one(classes_with_frequencies(q), factors=("data",), target=Target(probabilities=np.array([pi])))
    for term, value in zip(ZERO_ONE_TERMS, expected, strict=True):
        np.testing.assert_allclose(result.estimates[term], value, atol=1e-9)


@pytest.mark.parametrize(("q", "pi", "_", "expected"), CASES)
def test_kohavi_wolpert_is_unbiased_at_five_runs(q, pi, _, expected):
    classes = np.random.default_rng(0).choice(len(q), p=q, size=(5, 4000))  # each point a study of its own
    target = Target(probabilities=np.broadcast_to(pi, (4000, len(pi))))
    result = kohavi_wolpert(classes, factors=("data",), target=target)
    for term, value in zip(("bias_squared", "total_variance", "noise"), expected, strict=True):
        values = result.per_point.estimates[term]
        assert abs(values.mean() - value) <= 4 * values.std(ddof=1) / np.sqrt(4000) + 1e-12


def random_problem(rng, num_points=40, num_classes=5, shape=(6, 4)):
    scores = rng.normal(size=(*shape, num_points, num_classes))
    return scores, rng.dirichlet(np.ones(num_classes), size=num_points)


@pytest.mark.parametrize("factors", [("data",), ("data", "init")])
@pytest.mark.parametrize("nested", [False, True])
def test_the_identities_hold_exactly(factors, nested):
    """E L = c1 N + B + c2 V = N + SE + VE = the mean of the loss itself; and the unbiased companion adds up to the same."""
    scores, pi = random_problem(np.random.default_rng(1), shape=(6, 4)[: len(factors)])
    arguments = {"factors": factors, "nested": nested, "target": Target(probabilities=pi), "dims": ("points", "out")}
    ours, companion = zero_one(scores, **arguments), kohavi_wolpert(scores, **arguments)
    predicted = scores.argmax(-1).reshape(-1, len(pi))
    loss = np.mean(1 - pi[np.arange(len(pi)), predicted])
    e = ours.estimates
    np.testing.assert_allclose(e["noise_effect"] + e["bias"] + e["net_variance"], loss, rtol=1e-12)
    np.testing.assert_allclose(e["noise"] + e["systematic_effect"] + e["variance_effect"], loss, rtol=1e-12)
    np.testing.assert_allclose(e["risk"], loss, rtol=1e-12)
    np.testing.assert_allclose(companion.risk, loss, rtol=1e-12)
    np.testing.assert_allclose(companion.bias_squared + companion.total_variance + companion.noise, loss, rtol=1e-12)


def test_hard_labels_identify_bias_and_noise_together_and_are_named_so():
    scores, _ = random_problem(np.random.default_rng(2))
    labels = np.random.default_rng(3).integers(5, size=40)
    for loss, name in ((zero_one, "bias_plus_noise"), (kohavi_wolpert, "bias_squared_plus_noise")):
        result = loss(scores, factors=("data", "init"), target=Target(labels=labels), dims=("points", "out"))
        assert name in result.estimates
        assert not {"bias", "bias_squared", "noise"} & set(result.estimates)
        np.testing.assert_allclose(result.risk, (scores.argmax(-1) != labels).mean(), rtol=1e-12)


def test_annotator_counts_give_an_unbiased_noise():
    """½(1 - |π|²) from R annotators: the plug-in is low by a factor (R-1)/R."""
    rng, pi = np.random.default_rng(4), np.array([0.5, 0.3, 0.2])
    counts = rng.multinomial(3, pi, size=4000)
    result = kohavi_wolpert(
        np.zeros((3, 4000, 3)), factors=("data",), target=Target(counts=counts), dims=("points", "out")
    )
    noise = result.per_point.estimates["noise"]
    assert abs(noise.mean() - 0.5 * (1 - (pi**2).sum())) < 4 * noise.std() / np.sqrt(len(noise))
    np.testing.assert_allclose(result.risk, result.bias_squared + result.noise + result.total_variance, rtol=1e-12)


def test_the_probability_of_a_wrong_main_prediction_falls_with_the_runs():
    """T7's three classes (.4, .35, .25): measured .45 at 10 runs, .33 at 50, .20 at 200."""
    rng = np.random.default_rng(5)
    for num_runs, expected in ((50, 0.33), (200, 0.20)):
        classes = rng.choice(3, p=(0.4, 0.35, 0.25), size=(num_runs, 2000))
        result = zero_one(classes, factors=("data",), target=Target(probabilities=np.full((2000, 3), 1 / 3)))
        wrong = (classes[:, :, None] == np.arange(3)).mean(0).argmax(-1) != 0
        assert abs(wrong.mean() - expected) < 0.03
        assert 0.5 * wrong.mean() < result.estimates["main_prediction_uncertain"] < 1.2 * wrong.mean()


def test_ties_go_to_the_lowest_class_whatever_the_rounding():
    """Three outer levels of ten runs, in which classes 0 and 1 are predicted six times each."""
    counts = [[3, 2, 5], [2, 1, 7], [1, 3, 6]]
    classes = np.array([np.repeat([0, 1, 2], row) for row in counts])
    classes[classes == 2] = np.arange(18) % 4 + 2
    pi = np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]])
    for nested in (True, False):
        result = zero_one(classes[:, :, None], factors=("data", "init"), nested=nested, target=Target(probabilities=pi))
        assert result.bias == 0


def test_runs_that_share_a_level_do_not_make_the_main_prediction_sure():
    """Only ten data sets decide, whatever the number of inits: about a third of main predictions are wrong."""
    classes = np.random.default_rng(6).choice(3, p=(0.45, 0.35, 0.2), size=(10, 1, 2000)) + np.zeros((1, 100, 1), int)
    target = Target(probabilities=np.full((2000, 3), 1 / 3))
    for nested in (True, False):
        result = zero_one(classes, factors=("data", "init"), nested=nested, target=target)
        assert 0.2 < result.estimates["main_prediction_uncertain"] < 0.45


def test_too_few_runs_are_nan_in_every_loss():
    from jaxdl.decomposition import cross_entropy

    design = designs.independent(4, "data")
    for loss in (zero_one, kohavi_wolpert, cross_entropy):
        sums = loss.grouped(design, loss.reference(Target(labels=np.zeros(5, int)), (5, 3)))
        sums.add(np.zeros((4, 1, 5, 3)), np.array([0.0, 1, 0, 0]))
        assert np.isnan(sums.estimates().per_point).all()


@pytest.mark.thorough
def test_decomposing_a_classifier_equals_decomposing_its_scores():
    import jax

    def trial(keys):
        return jax.random.normal(keys["data"], (4, 3)) + jax.random.normal(keys["init"], (4, 3))

    from jaxdl import ensembles

    target, key = Target(labels=np.array([0, 1, 2, 0])), jax.random.key(0)
    for design in (designs.crossed(data=6, init=4), designs.independent(40, "data", "init")):
        for loss in (zero_one, kohavi_wolpert):
            measured = decompose(trial, design, key, target=target, loss=loss, dims=("points", "out"))
            outputs = ensembles.run(trial, design, key).outputs
            expected = loss(outputs, design=design, target=target, dims=("points", "out"))
            for term in expected.estimates:
                np.testing.assert_allclose(measured.estimates[term], expected.estimates[term], rtol=1e-12, atol=1e-15)
                np.testing.assert_allclose(
                    measured.standard_errors[term], expected.standard_errors[term], rtol=1e-9, atol=1e-12
                )


@pytest.mark.parametrize(
    ("predictions", "target", "told"),
    [
        (np.full((3, 4), 0.5), Target(labels=np.zeros(4, int)), "expected class numbers"),
        (np.full((3, 4), 2), Target(labels=np.array([0, 1, 1, 0])), "predictions of class 2, but the target has 2 classes"),
        (np.zeros((3, 4)), Target(labels=np.full(4, 0.5)), "expected class numbers"),
        (np.zeros((3, 4)), Target(labels=np.zeros((4, 1))), "no one-hot rows"),
        (np.zeros((3, 4)), None, "number of classes is unknown"),
        (np.zeros((3, 4)), Target(labels=np.zeros(5, int)), "Nothing is broadcast"),
        (np.zeros((3, 4)), Target(counts=np.ones((4, 1))), "2 or more for each point"),
        (np.zeros((3, 4)), Target(mean=np.zeros(4)), "exactly one of labels"),
        (np.zeros((3, 4)), Target(labels=np.array(["cat", "dog", "dog", "cat"])), r"np.unique\(values, return_inverse=True"),
        (np.full((3, 4), "cat"), Target(labels=np.zeros(4, int)), "np.unique"),
    ],
)  # fmt: skip
def test_what_is_no_class_is_refused_with_a_remedy(predictions, target, told):
    with pytest.raises(ValueError, match=told):
        zero_one(predictions, factors=("data",), target=target)


@pytest.mark.parametrize("loss", [zero_one, kohavi_wolpert], ids=lambda each: each.name)
def test_booleans_are_the_classes_0_and_1(loss):
    rng = np.random.default_rng(7)
    predictions, labels = rng.random((6, 5, 20)) < 0.4, rng.random(20) < 0.5
    ours = loss(predictions, factors=("data", "init"), target=Target(labels=labels))
    expected = loss(predictions.astype(int), factors=("data", "init"), target=Target(labels=labels.astype(int)))
    for term, value in expected.estimates.items():
        np.testing.assert_array_equal(ours.estimates[term], value)


@pytest.mark.parametrize("target", [Target(labels=np.array([0, 3, 1])), Target(replicates=np.full((2, 3), 3))])
def test_a_label_without_an_output_is_refused_with_the_remedy(target):
    with pytest.raises(ValueError, match="up to class 3 for predictions of 3 classes, expected classes 0 to 2"):
        kohavi_wolpert(np.zeros((4, 3, 3)), factors=("data",), target=target, dims=("points", "out"))


def test_a_predicted_class_that_the_target_lacks_ends_a_study_at_once():
    """Not when all runs are there: a crossed design would otherwise be computed in vain."""
    import jax
    import jax.numpy as jnp

    computed = []

    class Counted(type(kohavi_wolpert)):
        def admitted(self, predictions, reference):
            computed.append(len(predictions))
            return super().admitted(predictions, reference)

    def trial(keys):
        return jnp.full(4, 2) + 0 * sum(jax.random.randint(keys[name], (4,), 0, 2) for name in ("data", "init"))

    target, design = Target(labels=np.array([0, 1, 1, 0])), designs.crossed(data=4000, init=2)
    with pytest.raises(ValueError, match="predictions of class 2, but the target has 2 classes"):
        decompose(trial, design, jax.random.key(0), loss=Counted(), target=target)
    assert sum(computed) < design.num_runs
