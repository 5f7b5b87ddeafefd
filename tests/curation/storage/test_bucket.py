"""Shared storage: an object is whole or not there, and every failure is one sentence."""

from pathlib import Path

import pytest

from curation.storage.bucket import Bucket, StorageError, is_address, split


@pytest.fixture
def bucket(s3: dict[str, str], request: pytest.FixtureRequest) -> Bucket:
    return Bucket(f"s3://data/{request.node.name}")


def test_what_is_written_is_read_listed_copied_and_removed(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc" * 1000)
    bucket.put(tmp_path / "file", "a/odd name ü'&.bin")
    bucket.write("a/b", b"12")
    bucket.copy("a/b", "c")
    assert {name: found.bytes for name, found in bucket.list().items()} == {
        "a/odd name ü'&.bin": 3000,
        "a/b": 2,
        "c": 2,
    }
    assert set(bucket.list("a/")) == {"a/odd name ü'&.bin", "a/b"}
    size, sha256 = bucket.get("a/odd name ü'&.bin", tmp_path / "new" / "copy")
    assert size == 3000 and len(sha256) == 64
    assert (tmp_path / "new" / "copy").read_bytes() == b"abc" * 1000
    assert bucket.read("c") == b"12" and bucket.read("d") is None
    bucket.remove(["a/b", "c", "never there"])
    assert set(bucket.list()) == {"a/odd name ü'&.bin"}


def test_an_object_that_must_be_new_is_written_once(bucket: Bucket) -> None:
    assert bucket.write("x", b"1", new=True)
    assert not bucket.write("x", b"2", new=True)
    assert bucket.read("x") == b"1"


def test_a_failed_copy_leaves_nothing(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not hold"):
        bucket.get("missing", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_bucket_and_a_dead_server_are_one_sentence_each(
    s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError, match="there is no bucket for s3://nowhere/x: make it, or check the address"):
        Bucket("s3://nowhere/x").check()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StorageError, match=r"s3://data/x cannot be used just now \(Could not connect"):
        Bucket("s3://data/x").check()
    s3fs.S3FileSystem.clear_instance_cache()


def test_addresses_are_told_from_paths() -> None:
    assert is_address("s3://bucket/folder") and not is_address("folder/s3:/x")
    folder, name = split("s3://bucket/a/b.mp4")
    assert (folder.url, name) == ("s3://bucket/a", "b.mp4")
