"""Studies kept on disk: continued, grown, sharded, merged, damaged, refused."""

import dataclasses
import errno
import io
import itertools
import json
import os
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdl
from jaxdl import designs, ensembles, files
from jaxdl.ensembles import processor
from jaxdl.ensembles.devices import num_cores
from jaxdl.ensembles.identity import digest
from jaxdl.ensembles.stream import stream
from jaxdl.types import Run

KEY = jax.random.key(7)
ROOT = str(Path(jaxdl.__file__).parent.parent)
RIDGES = jnp.array([0.1, 1.0])
SMALL = designs.independent(4, "data")


def trial(keys, ridge):
    x = jax.random.normal(keys["data"], (12, 3))
    weights = jnp.sum(x, axis=0) / (12 * ridge) + jax.random.normal(keys["init"], (3,))
    return Run({"weights": weights, "low": weights.astype(jnp.bfloat16)}, jnp.sum(x) > 0)


def study(data=6, init=5, settings=RIDGES, **options):
    design, engine = designs.crossed(data=data, init=init), ensembles.Engine(block=4, **options)
    return ensembles.run(trial, design, KEY, settings=settings, engine=engine)


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
    write = files.write_atomically

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
    plain = jaxdl.decompose(predict, design, KEY)
    for _ in range(2):
        kept = jaxdl.decompose(predict, design, KEY, engine=ensembles.Engine(store=tmp_path))
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
    return files.to_npz({**files.from_npz(content), "study": np.array(digest({"block": "8"}))})


def test_compressed_archives_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6))
    with pytest.raises(ValueError, match="compressed"):
        files.from_npz((tmp_path / "bomb.npz").read_bytes())


def test_a_header_that_promises_more_than_there_is_is_refused():
    content = files.to_npz({"a": np.arange(3.0)})
    lying = content.replace(b"(3,)", b"(9,)")
    assert lying != content
    with pytest.raises(ValueError, match="damaged"):  # the checksum tells already
        files.from_npz(lying)
    with pytest.raises(ValueError, match="24 bytes for an array"):
        files._array(zipfile.ZipFile(io.BytesIO(content)).read("a.npy").replace(b"(3,)", b"(9,)"))


def test_objects_are_refused():
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        files.to_npz({"a": np.array([{}], dtype=object)})


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
    ours = {"trial": trial, "design": designs.crossed(data=6, init=5), "key": KEY, "settings": RIDGES}
    engine = ensembles.Engine(block=4, store=tmp_path)
    ensembles.run(**ours, engine=engine)
    other = dataclasses.replace(engine, block=change.get("block", 4))
    with pytest.raises(ensembles.StoreError, match=told):
        ensembles.run(**{**ours, **{name: value for name, value in change.items() if name != "block"}}, engine=other)
    ensembles.run(**ours, engine=engine)


def test_studies_get_folders_of_their_own_on_request(tmp_path):
    for size in (2, 4):
        ensembles.run(
            trial,
            designs.crossed(data=2, init=2),
            KEY,
            settings=RIDGES,
            engine=ensembles.Engine(block=size, store=tmp_path / "study-{identity}"),
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
    ensembles.run(made(code, jnp.asarray(constant)), design, KEY, engine=ensembles.Engine(store=tmp_path))
    ensembles.run(
        made("\n\n# moved\n" + code, jnp.asarray(constant)), design, KEY, engine=ensembles.Engine(store=tmp_path)
    )
    with pytest.raises(ensembles.StoreError, match="trial"):
        ensembles.run(made(code, jnp.asarray(other)), design, KEY, engine=ensembles.Engine(store=tmp_path))


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

    monkeypatch.setattr("jaxdl.files.os.fsync", full)
    with pytest.raises(ensembles.StoreError, match=r"No space left.*continues"):
        study(store=tmp_path)
    monkeypatch.undo()
    assert len(records(tmp_path)) == 2
    assert not list(tmp_path.glob(".*"))
    assert_equal(study(store=tmp_path), undisturbed)


def test_a_folder_that_vanishes_is_told(tmp_path, undisturbed, monkeypatch):
    folder = tmp_path / "store"
    write, written = files.write_atomically, []

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
        ensembles.run(lambda keys: keys["data"], SMALL, KEY, engine=ensembles.Engine(store=tmp_path / "store"))


def test_a_folder_that_cannot_be_made_is_told():
    with pytest.raises(ensembles.StoreError, match="cannot keep runs in /proc/nowhere"):
        study(store="/proc/nowhere")


def test_leftovers_of_killed_processes_are_swept(tmp_path, monkeypatch):
    study(store=tmp_path)
    monkeypatch.setattr("jaxdl.files.socket.gethostname", lambda: "node1.cluster.local")
    owners = ("node1-cluster-local.999999999", f"node1-cluster-local.{os.getpid()}", "other.1", "old.1")
    owners += ("node1-cluster-local.999999998",)  # of another container with this name, which is writing now
    name = records(tmp_path)[0].name
    paths = [tmp_path / f".{name}.{owner}.0123abcd.tmp" for owner in owners]
    paths += [tmp_path / ".strange.tmp", tmp_path / f".x.npz.{owners[0]}.0123abcd.tmp"]
    for path in paths:
        path.write_bytes(b"half")
    an_hour_ago = time.time() - 3600
    for path in (paths[0], paths[1], paths[2]):
        os.utime(path, (an_hour_ago, an_hour_ago))
    os.utime(paths[3], (0, 0))
    study(store=tmp_path)
    assert [path.exists() for path in paths] == [False, True, True, False, True, True, True]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shard": (0, 3)}, "k=0, .* from 1 to 3"),
        ({"shard": (4, 3)}, "k=4, .* from 1 to 3"),
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
        return Run(weights, jnp.isfinite(weights).all())

    calm = ensembles.run(descend, design, KEY, settings=jnp.array([0.1]))
    with pytest.warns(UserWarning, match="3 diverged: run "):
        runs = ensembles.run(descend, design, KEY, settings=jnp.array([1e3]), engine=ensembles.Engine(store=tmp_path))
    named = {each.run for each in runs.diverged}
    assert named == {run for run in range(64) if draws[run] <= limit}
    others = [run for run in range(64) if run not in named]
    np.testing.assert_array_equal(runs.outputs[0, others], calm.outputs[0, others])


def test_chunks_of_a_store_come_in_run_order(tmp_path):
    study(4, 2, store=tmp_path)
    study(4, 5, store=tmp_path)
    engine = ensembles.Engine(block=4, store=tmp_path)
    by_setting = stream(trial, designs.crossed(data=4, init=5), KEY, settings=RIDGES, engine=engine)
    chunks = list(itertools.chain.from_iterable(by_setting))
    position = [
        (chunk.setting, run) for chunk in chunks for run in range(chunk.first_run, chunk.first_run + len(chunk.aux))
    ]
    assert position == [(setting, run) for setting in range(2) for run in range(20)]


STRANGERS = (
    "data.npz",
    "data.npy",
    "x.damaged",
    ".hidden.tmp",
    ".x.npz.node.1.0123abcd.tmp",
    "study.json.bak",
    "sub/a.npz",
)


def everything(folder):
    """Each path below a folder with its content, or with what it is."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else path.lstat().st_mode
        for path in folder.rglob("*")
    }


@pytest.fixture
def shared_folder(tmp_path):
    """A folder of somebody else's files, also such as look like the store's own, and what it holds."""
    study(2, 2, store=tmp_path / "own")
    ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path / "other"))
    own, other = (records(tmp_path / name)[0].name for name in ("own", "other"))
    folder = tmp_path / "shared"
    (folder / "sub").mkdir(parents=True)
    for name in (*STRANGERS, own.upper(), f"0{own}", own.replace("-", "_"), own.replace(".npz", ".2.npz"), f".{own}"):
        (folder / name).write_bytes(b"a stranger's")
        os.utime(folder / name, (0, 0))
    np.savez(folder / "saved.npz", study=digest({}), levels=np.zeros((1, 2), np.int32))
    (folder / other).write_bytes((tmp_path / "other" / other).read_bytes())
    (folder / "folder.npz").mkdir()
    os.mkfifo(folder / "pipe.npz")
    os.mkfifo(folder / f"{own.rsplit('-', 1)[0]}-{'0' * 16}.npz")  # as a record is named
    (folder / "link.npz").symlink_to(folder / "nowhere")
    return folder, everything(folder)


@pytest.mark.parametrize("fresh", [False, True])
def test_no_file_of_others_is_read_renamed_or_removed(shared_folder, tmp_path, undisturbed, fresh):
    folder, before = shared_folder
    for _ in range(2):
        assert_equal(study(store=folder, fresh=fresh), undisturbed)
        assert before.items() <= everything(folder).items()
    ensembles.merge(tmp_path / "merged", folder)
    assert before.keys().isdisjoint(everything(tmp_path / "merged"))
    ensembles.merge(folder, tmp_path / "own")
    assert before.items() <= everything(folder).items()


def test_fresh_removes_what_name_and_content_prove_its_own(tmp_path, undisturbed, computed_runs):
    study(store=tmp_path)
    first, *_ = records(tmp_path)
    content = of_another_study(first.read_bytes())
    first.write_bytes(content)
    with pytest.warns(UserWarning, match="another study"):
        assert_equal(study(store=tmp_path, fresh=True), undisturbed)
    assert computed_runs() == 120
    assert first.with_suffix(".damaged").read_bytes() == content


def test_what_is_set_aside_replaces_nothing(tmp_path, undisturbed):
    study(store=tmp_path)
    victim = records(tmp_path)[0]
    victim.with_suffix(".damaged").write_bytes(b"older")
    victim.write_bytes(b"newer")
    with pytest.warns(UserWarning, match="damaged"):
        assert_equal(study(store=tmp_path), undisturbed)
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.damaged")) == [b"newer", b"older"]


def test_a_pipe_in_the_place_of_a_record_is_told_and_stays(one_setting):
    folder, record, _ = one_setting
    record.unlink()
    os.mkfifo(record)
    with pytest.raises(ensembles.StoreError, match=f"{record.name} is there and is no file"):
        study(2, 2, RIDGES[:1], store=folder)
    assert record.is_fifo()


def changed(**arrays):
    return lambda content: files.to_npz(
        {name: value for name, value in {**files.from_npz(content), **arrays}.items() if value is not None}
    )


def with_each(change):
    """A change of every array but the study's word."""
    return lambda content: files.to_npz(
        {name: value if name == "study" else change(value) for name, value in files.from_npz(content).items()}
    )


INCONSISTENT = {
    "a narrower leaf": lambda content: changed(leaf_001=files.from_npz(content)["leaf_001"].astype("f4"))(content),
    "another byte order": lambda content: changed(leaf_001=files.from_npz(content)["leaf_001"].astype(">f8"))(content),
    "fewer columns": lambda content: changed(leaf_001=files.from_npz(content)["leaf_001"][:, :1])(content),
    "fewer rows": lambda content: changed(leaf_001=files.from_npz(content)["leaf_001"][:1])(content),
    "one axis more": lambda content: changed(leaf_001=files.from_npz(content)["leaf_001"][None])(content),
    "no leaf": changed(leaf_001=None),
    "a leaf too many": changed(leaf_003=np.zeros(3)),
    "no levels": changed(levels=None),
    "no study": changed(study=None),
    "a number as study": changed(study=np.float64(1)),
    "several words as study": changed(study=np.array(["a", "b"])),
    "boolean levels": lambda content: changed(levels=files.from_npz(content)["levels"] > 0)(content),
    "levels of floats": lambda content: changed(levels=files.from_npz(content)["levels"] * 1.0)(content),
    "levels of 64 bits": lambda content: changed(levels=files.from_npz(content)["levels"].astype(int))(content),
    "negative levels": lambda content: changed(levels=-1 - files.from_npz(content)["levels"])(content),
    "levels in another order": lambda content: changed(levels=files.from_npz(content)["levels"][::-1])(content),
    "one factor": lambda content: changed(levels=files.from_npz(content)["levels"][:, :1])(content),
    "levels without axes": changed(levels=np.int32(1)),
    "nothing": with_each(lambda array: array[:0]),
    "half of everything": with_each(lambda array: array[: len(array) // 2]),
    "everything twice": with_each(lambda array: np.concatenate([array, array])),
}


@pytest.mark.parametrize("change", INCONSISTENT.values(), ids=INCONSISTENT)
def test_a_record_whose_checksums_hold_is_left_out_when_its_content_does_not_fit(one_setting, change):
    folder, record, right = one_setting
    content = record.read_bytes()
    record.write_bytes(change(content))
    with pytest.warns(UserWarning, match=f"{record.name}.*left out"):
        again = study(2, 2, RIDGES[:1], store=folder)
    assert_equal(again, right)
    assert record.read_bytes() == content


@pytest.fixture
def one_setting(tmp_path):
    """A folder with a study, its only record, and its runs."""
    right = study(2, 2, RIDGES[:1], store=tmp_path)
    (record,) = records(tmp_path)
    return tmp_path, record, right


@given(position=st.integers(0, 3000), inserted=st.binary(max_size=40), removed=st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_no_archive_of_altered_bytes_is_read_as_another(position, inserted, removed):
    arrays = {
        "leaf_000": np.arange(60.0).reshape(4, 15),
        "levels": np.arange(8, dtype=np.int32),
        "study": np.array("ab"),
    }
    content = files.to_npz(arrays)
    position %= len(content)
    altered = content[:position] + inserted + content[position + removed :]
    try:
        found = files.from_npz(altered)
    except ValueError:
        return
    for name, array in found.items():  # such bytes as the format does not use may differ
        np.testing.assert_array_equal(array, arrays[name], strict=True)


@pytest.mark.parametrize(
    "header", ["{{'descr': '<i8', ", "(((((((((((((((((", "\xff'descr': '<i8', ", "{1:2, 'a': '<i8',"]
)
def test_headers_that_are_no_header_are_damage(header):
    array = zipfile.ZipFile(io.BytesIO(files.to_npz({"a": np.arange(3)}))).read("a.npy")
    with pytest.raises(ValueError, match=r"."):
        files.from_npz(archive_of(array.replace(b"{'descr': '<i8', ", header.encode("latin-1"))))


def archive_of(*arrays):
    """An archive with these files, all of the same name."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")
        for array in arrays:
            archive.writestr("a.npy", array)
    return file.getvalue()


def test_two_arrays_of_one_name_are_damage():
    array = zipfile.ZipFile(io.BytesIO(files.to_npz({"a": np.arange(3)}))).read("a.npy")
    assert files.from_npz(archive_of(array))["a"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="one name"):
        files.from_npz(archive_of(array, array))


TAMPERED = {
    "text": b"hello",
    "nothing": b"",
    "no UTF-8": b'{"block": "\xff"}',
    "a list": b'["block"]',
    "null": b"null",
    "a number": b"NaN",
    "numbers": b'{"block": 4}',
    "nested": b'{"block": {"block": "4"}}',
    "deep": b"[" * 10**5,
    "a huge number": b'{"block": ' + b"9" * 10**4 + b"}",
    "no block": b'{"trial": "x"}',
    "a block of text": b'{"block": "four"}',
    "a block of nothing": b'{"block": "0"}',
    "a block of a billion": b'{"block": "1000000000"}',
    "a block of a hundred million": b'{"block": "100000000"}',
    "half a letter": b'{"block": "\\ud800"}',
    "somebody's study": b'{"title": "a study of bees"}',
}


@pytest.mark.parametrize("content", [*TAMPERED.values(), "folder", "pipe"], ids=[*TAMPERED, "a folder", "a pipe"])
@pytest.mark.parametrize("block", [None, 4])
def test_a_description_that_is_not_the_stores_own_is_told_and_stays(tmp_path, content, block):
    path = tmp_path / "study.json"
    if content == "folder":
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    before = everything(tmp_path)
    with pytest.raises(ensembles.StoreError, match=r"study\.json|holds another study"):
        ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(block=block, store=tmp_path))
    assert everything(tmp_path) == before


def small(keys):
    return jax.random.normal(keys["data"])


@pytest.mark.parametrize("change", [{"jax_default_matmul_precision": "highest"}, {"jax_softmax_custom_jvp": None}])
def test_each_option_that_differs_is_named_with_both_values(tmp_path, change):
    ((name, value),) = change.items()
    before = getattr(jax.config, name)
    ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))
    jax.config.update(name, not before if value is None else value)
    try:
        after = getattr(jax.config, name)
        with pytest.raises(ensembles.StoreError, match=f"{name}: {before} there, {after} here") as refused:
            ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))
    finally:
        jax.config.update(name, before)
    assert "jax_enable_x64" not in str(refused.value)


def test_a_store_of_another_processor_is_refused_with_the_instructions_that_differ(tmp_path, monkeypatch):
    ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))
    here = processor.described("model : 1000\nflags : fpu sse2 avx2 avx512f fma")
    monkeypatch.setattr(processor, "_model", lambda: here)
    with pytest.raises(ensembles.StoreError, match=r"devices: .* there, model=1000 here"):
        ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))
    words = dict.fromkeys(("sse2", "avx2", "fma"), True) | {"fpu": False}
    assert {word: word in here for word in words} == words


def test_a_store_of_a_smaller_instruction_set_is_refused(tmp_path, monkeypatch):
    ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX2")
    with pytest.raises(ensembles.StoreError, match=r"devices: .* limit=AVX2 here"):
        ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))


def test_a_store_of_an_earlier_list_of_parts_is_refused_in_one_sentence(tmp_path):
    ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))
    path = tmp_path / "study.json"
    path.write_text(json.dumps({"block": "8", "options": "jax_enable_x64=True, jax_debug_nans=False"}))
    with pytest.raises(ensembles.StoreError, match=r"holds another study \(made by another version of jaxdl"):
        ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store=tmp_path))


REFUSALS = """
import jax, numpy as np
from jaxdl import designs, ensembles, files
design, key = designs.independent(4, "data"), jax.random.key(0)
def run(**options):
    return ensembles.run(lambda keys: jax.random.normal(keys["data"]), design, key, engine=ensembles.Engine(**options))
cases = [
    *(({"shard": each, "store": "no"}, run) for each in ("1/2", (True, True), (1.0, 2.0), (1, 2, 3), ("1", "2"))),
    *(({"shard": each, "store": "no"}, run) for each in (2, None, (1, 2**40))),
    *(({"block": each}, run) for each in (True, 10**9, 2**16 + 1, 0, -1, 1.0, "8", np.bool_(True))),
    *(({"store": each}, run) for each in ("", " ", "a\\0b", "~nobody-of-this-name/x", b"x", 5, True, "\\ud800")),
    *(({"devices": each}, run) for each in (True, 2, "cpu", (), (None,), {"a": 1}, jax.devices()[:1] * 2)),
    *(({"fresh": each, "store": "no"}, run) for each in ("no", 1, None)),
    *(({"levels": each}, lambda levels: designs.crossed(data=levels)) for each in (True, 1.0, "3", None, 0, -1, 2**31)),
    *(({"levels": each}, lambda levels: designs.nested(data=levels, init=2)) for each in (True, 2**30, 2**70)),
    *(({"run": each}, lambda run: designs.keys_of_run(design, key, run)) for each in (True, 1.0, "1", None, -1, 4)),
    *(({"devices": each}, lambda devices: ensembles.use_cpu_devices(devices)) for each in (True, 0, -1, 1.5, "2", 10**5, 2**80)),
]
for given, call in cases:
    try:
        call(**given)
    except ValueError as error:
        if not all(word in str(error) for word in [next(iter(given)), repr(next(iter(given.values())))[:10]]):
            print(given, "is not named:", ascii(str(error)))
    except Exception as error:
        print(given, repr(error))
    else:
        print(given, "is taken")
print(len(cases), "cases")
"""


def test_an_argument_of_the_wrong_kind_is_refused_by_name(tmp_path):
    # In a process of its own: here a checker of types would refuse most of them first.
    command = [sys.executable, "-W", "ignore", "-c", REFUSALS]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT}
    )
    assert done.stdout.splitlines() == ["57 cases"], done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    ensembles.run(small, designs.independent(4, "data"), KEY, engine=ensembles.Engine(store="~/kept"))
    assert len(records(tmp_path / "kept")) == 1
    ensembles.merge("~/merged", "~/kept")
    assert len(records(tmp_path / "merged")) == 1


def test_the_limit_of_devices_is_told():
    with pytest.raises(ValueError, match=rf"from 1 to {32 * num_cores()}; 32 for each of {num_cores()} cores"):
        ensembles.use_cpu_devices(10**5)
