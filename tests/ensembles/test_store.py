"""Studies kept on disk: continued, grown, sharded, merged, damaged, refused."""

import errno
import io
import os
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdl
from jaxdl import archives, designs, ensembles
from jaxdl.ensembles.identity import digest
from jaxdl.ensembles.stream import stream

KEY = jax.random.key(7)
RIDGES = jnp.array([0.1, 1.0])


def trial(keys, ridge):
    x = jax.random.normal(keys["data"], (12, 3))
    weights = jnp.sum(x, axis=0) / (12 * ridge) + jax.random.normal(keys["init"], (3,))
    return {"weights": weights, "low": weights.astype(jnp.bfloat16)}, jnp.sum(x) > 0


def study(data=6, init=5, settings=RIDGES, **options):
    return ensembles.run(trial, designs.crossed(data=data, init=init), KEY, settings=settings, block=4, **options)


def assert_equal(left, right):
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_array_equal(one, other)


def records(folder):
    return sorted(folder.glob("*.npz"))


@pytest.fixture(scope="module")
def undisturbed():
    return study()


@pytest.fixture
def computed_runs(monkeypatch):
    """How many runs were computed, not read, since the test began."""
    counted = []

    def counting(program, design, key, setting, runs):
        counted.append(len(runs))
        return original(program, design, key, setting, runs)

    module = sys.modules["jaxdl.ensembles.stream"]  # the package's name `stream` is the function
    original = module.dispatch
    monkeypatch.setattr(module, "dispatch", counting)
    return lambda: sum(counted)


def test_a_finished_study_is_read_without_computing(tmp_path, undisturbed, computed_runs):
    assert_equal(study(store=tmp_path), undisturbed)
    assert computed_runs() == 60
    assert_equal(study(store=tmp_path), undisturbed)
    assert computed_runs() == 60


def test_an_interrupted_study_continues(tmp_path, undisturbed, computed_runs, monkeypatch):
    written = []
    write = archives.write_atomically

    def interrupted(path, content):
        write(path, content)
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("jaxdl.ensembles.store.write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        study(store=tmp_path)
    before = len(records(tmp_path))
    assert before == 2  # the study's identity was the first file
    assert_equal(study(store=tmp_path), undisturbed)
    assert len(records(tmp_path)) > before
    assert computed_runs() < 120


def test_a_study_grows_by_levels_and_settings(tmp_path, undisturbed, computed_runs):
    study(3, 4, RIDGES[:1], store=tmp_path)
    assert computed_runs() == 12
    study(3, 5, RIDGES, store=tmp_path)
    assert computed_runs() == 12 + 3 + 15
    assert_equal(study(store=tmp_path), undisturbed)
    assert computed_runs() == 60
    smaller = study(2, 3, RIDGES[1:], store=tmp_path)
    assert_equal(smaller, jax.tree.map(lambda leaf: leaf[1:, :2, :3], (undisturbed.outputs, undisturbed.aux, ())))
    assert computed_runs() == 60


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_merge_in_any_order(tmp_path, undisturbed, computed_runs, order):
    for position in order:
        with pytest.raises(ensembles.UnfinishedStudyError, match="merge"):
            study(store=tmp_path / str(position), shard=(position, 3))
    assert computed_runs() == 60
    ensembles.merge(tmp_path / "all", *(tmp_path / str(position) for position in order))
    assert_equal(study(store=tmp_path / "all"), undisturbed)
    assert computed_runs() == 60


def test_merging_replaces_a_damaged_record_by_a_whole_one(tmp_path, undisturbed, computed_runs):
    for name in ("bad", "good"):
        study(store=tmp_path / name)
    victim = records(tmp_path / "bad")[0]
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="not merged"):
        ensembles.merge(tmp_path / "all", tmp_path / "bad", tmp_path / "good")
    before = computed_runs()
    assert_equal(study(store=tmp_path / "all"), undisturbed)
    assert computed_runs() == before


def test_shards_of_one_folder_need_no_merge(tmp_path, undisturbed):
    with pytest.raises(ensembles.UnfinishedStudyError, match="share 1 of 2"):
        study(store=tmp_path, shard=(1, 2))
    assert_equal(study(store=tmp_path, shard=(2, 2)), undisturbed)


def test_decompose_gives_the_same_from_a_store(tmp_path):
    def predict(keys):
        return jnp.sum(jax.random.normal(keys["data"], (4, 9)), axis=1)

    design = designs.independent(40, "data")
    plain = jaxdl.decompose(predict, design, KEY, progress=False)
    for _ in range(2):
        kept = jaxdl.decompose(predict, design, KEY, progress=False, store=tmp_path)
        assert kept.total_variance == plain.total_variance


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "damaged"),
        (lambda path: path.write_bytes(b"garbage" * 100), "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: path.write_bytes(flip_one_bit(path.read_bytes())), "damaged"),
        (lambda path: path.write_bytes(of_another_study(path.read_bytes())), "another study"),
    ],
    ids=["truncated", "garbage", "empty", "one bit", "foreign"],
)
def test_damaged_records_are_named_set_aside_and_computed_again(tmp_path, undisturbed, damage, told):
    study(store=tmp_path)
    victim = records(tmp_path)[1]
    damage(victim)
    with pytest.warns(UserWarning, match=f"{victim.name}.*{told}"):
        assert_equal(study(store=tmp_path), undisturbed)
    assert victim.with_suffix(".damaged").exists()
    assert_equal(study(store=tmp_path), undisturbed)  # and no warning any more


def flip_one_bit(content):
    position = content.index(b"leaf_000.npy") + 300
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def of_another_study(content):
    return archives.to_npz({**archives.from_npz(content), "study": np.array(digest({"block": "8"}))})


def test_compressed_archives_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6))
    with pytest.raises(ValueError, match="compressed"):
        archives.from_npz((tmp_path / "bomb.npz").read_bytes())


def test_a_header_that_promises_more_than_there_is_is_refused():
    content = archives.to_npz({"a": np.arange(3.0)})
    lying = content.replace(b"(3,)", b"(9,)")
    assert lying != content
    with pytest.raises(ValueError, match="damaged"):  # the checksum tells already
        archives.from_npz(lying)
    with pytest.raises(ValueError, match="24 bytes for an array"):
        archives._array(zipfile.ZipFile(io.BytesIO(content)).read("a.npy").replace(b"(3,)", b"(9,)"))


def test_objects_are_refused():
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        archives.to_npz({"a": np.array([{}], dtype=object)})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": jax.random.key(8)}, "root key"),
        ({"block": 2}, "block: 4 there, 2 here"),
        ({"design": designs.nested(data=6, init=5)}, "sources"),
        ({"trial": lambda keys, ridge: trial(keys, 2 * ridge)}, "trial"),
        ({"settings": RIDGES.astype(jnp.float32)}, "trial"),
    ],
)
def test_a_store_of_another_study_is_refused_with_what_differs(tmp_path, change, told):
    ours = {"trial": trial, "design": designs.crossed(data=6, init=5), "key": KEY, "settings": RIDGES, "block": 4}
    ensembles.run(**ours, store=tmp_path)
    with pytest.raises(ensembles.StoreError, match=told):
        ensembles.run(**{**ours, **change}, store=tmp_path)
    ensembles.run(**ours, store=tmp_path)


def test_studies_get_folders_of_their_own_on_request(tmp_path):
    for size in (2, 4):
        ensembles.run(
            trial,
            designs.crossed(data=2, init=2),
            KEY,
            settings=RIDGES,
            block=size,
            store=tmp_path / "study-{identity}",
        )
    assert len(list(tmp_path.glob("study-*/study.json"))) == 2


def test_the_identity_knows_constants_and_no_source_lines(tmp_path):
    def made(code, constant):
        scope = {"jax": jax, "constant": constant}
        exec(code, scope)
        return scope["trial"]

    code = "def trial(keys):\n    return jax.random.normal(keys['data'], (200,)) + constant\n"
    constant = np.arange(200.0)
    other = np.where(np.arange(200) == 100, -1.0, constant)
    design = designs.independent(4, "data")
    ensembles.run(made(code, jnp.asarray(constant)), design, KEY, store=tmp_path)
    ensembles.run(made("\n\n# moved\n" + code, jnp.asarray(constant)), design, KEY, store=tmp_path)
    with pytest.raises(ensembles.StoreError, match="trial"):
        ensembles.run(made(code, jnp.asarray(other)), design, KEY, store=tmp_path)


def test_fresh_forgets(tmp_path, undisturbed, computed_runs):
    study(store=tmp_path)
    assert_equal(study(store=tmp_path, fresh=True), undisturbed)
    assert computed_runs() == 120


def test_a_full_disk_is_told_and_loses_nothing(tmp_path, undisturbed, monkeypatch):
    synced = []

    def full(descriptor):
        synced.append(descriptor)
        if len(synced) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("jaxdl.archives.os.fsync", full)
    with pytest.raises(ensembles.StoreError, match=r"No space left.*continues"):
        study(store=tmp_path)
    monkeypatch.undo()
    assert len(records(tmp_path)) == 2
    assert not list(tmp_path.glob(".*"))
    assert_equal(study(store=tmp_path), undisturbed)


def test_a_folder_that_vanishes_is_told(tmp_path, undisturbed, monkeypatch):
    folder = tmp_path / "store"
    write, written = archives.write_atomically, []

    def vanishing(path, content):
        if len(written) == 2:
            folder.rename(tmp_path / "moved")
        written.append(path)
        write(path, content)

    monkeypatch.setattr("jaxdl.ensembles.store.write_atomically", vanishing)
    with pytest.raises(ensembles.StoreError, match="No such file"):
        study(store=folder)
    monkeypatch.undo()
    assert_equal(study(store=tmp_path / "moved"), undisturbed)


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(ensembles.StoreError, match="store"):
        ensembles.run(lambda keys: keys["data"], designs.independent(4, "data"), KEY, store=tmp_path / "store")


def test_a_folder_that_cannot_be_made_is_told():
    with pytest.raises(ensembles.StoreError, match="cannot keep runs in /proc/nowhere"):
        study(store="/proc/nowhere")


def test_leftovers_of_killed_processes_are_swept(tmp_path, monkeypatch):
    study(store=tmp_path)
    monkeypatch.setattr("jaxdl.archives.socket.gethostname", lambda: "node1.cluster.local")
    owners = ("node1-cluster-local.999999999", f"node1-cluster-local.{os.getpid()}", "other.1", "old.1")
    name = records(tmp_path)[0].name
    paths = [tmp_path / f".{name}.{owner}.0123abcd.tmp" for owner in owners]
    paths += [tmp_path / ".strange.tmp", tmp_path / f".x.npz.{owners[0]}.0123abcd.tmp"]
    for path in paths:
        path.write_bytes(b"half")
    os.utime(paths[3], (0, 0))
    study(store=tmp_path)
    assert [path.exists() for path in paths] == [False, True, True, False, True, True]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shard": (0, 3)}, "from 1 to K"),
        ({"shard": (4, 3)}, "from 1 to K"),
        ({"shard": (1, 3)}, "without a store"),
        ({"shard": (1, 3), "store": "no", "fresh": True}, "fresh"),
    ],
)
def test_bad_shards_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        study(**options)


def test_three_diverging_runs_are_named_and_the_others_keep_their_bits(tmp_path):
    design = designs.independent(64, "data")
    draws = [float(jax.random.uniform(designs.keys_of_run(design, KEY, run)["data"])) for run in range(64)]
    limit = sorted(draws)[2]

    def descend(keys, rate):
        rate = jnp.where(jax.random.uniform(keys["data"]) <= limit, rate, 0.1)
        slope = 1 + jax.random.uniform(jax.random.fold_in(keys["data"], 1), (3,))
        weights = jax.lax.fori_loop(0, 200, lambda _, w: w - rate * slope * w**3, jnp.ones(3))
        return weights, jnp.isfinite(weights).all()

    calm = ensembles.run(descend, design, KEY, settings=jnp.array([0.1]))
    with pytest.warns(UserWarning, match="3 diverged: run "):
        runs = ensembles.run(descend, design, KEY, settings=jnp.array([1e3]), store=tmp_path)
    named = {each.run for each in runs.diverged}
    assert named == {run for run in range(64) if draws[run] <= limit}
    others = [run for run in range(64) if run not in named]
    np.testing.assert_array_equal(runs.outputs[0, others], calm.outputs[0, others])


def test_a_rehearsal_plans_and_computes_one_block(computed_runs, undisturbed):
    plans = []
    runs = study(rehearse=plans.append)
    (plan,) = plans
    assert (plan.num_runs, plan.num_settings, plan.block) == (60, 2, 4)
    assert plan.results_bytes == sum(leaf.nbytes for leaf in jax.tree.leaves((undisturbed.outputs, undisturbed.aux)))
    assert plan.seconds > 0
    assert jax.tree.map(np.shape, runs) == jax.tree.map(np.shape, undisturbed)


def test_a_shard_can_rehearse_what_others_compute(tmp_path, undisturbed):
    runs = study(store=tmp_path, shard=(1, 2), rehearse=lambda plan: None)
    own = (np.arange(30).reshape(6, 5) // 4) % 2 == 0
    np.testing.assert_array_equal(runs.outputs["weights"][:, own], undisturbed.outputs["weights"][:, own])


def test_chunks_of_a_store_come_in_run_order(tmp_path):
    study(4, 2, store=tmp_path)
    study(4, 5, store=tmp_path)
    chunks = list(stream(trial, designs.crossed(data=4, init=5), KEY, settings=RIDGES, block=4, store=tmp_path))
    position = [
        (chunk.setting, run) for chunk in chunks for run in range(chunk.first_run, chunk.first_run + len(chunk.aux))
    ]
    assert position == [(setting, run) for setting in range(2) for run in range(20)]
