"""Files that are there whole or not at all."""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from weights_helpers import SMALL, Site, one_sentence, serving, tiny

from inception_lib import InceptionError, WeightsError, files
from inception_lib.files import download, replacing
from inception_lib.weights import save_weights

site = pytest.fixture(serving)
SHA1 = "sha1:" + hashlib.sha1(Site.content).hexdigest()


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as new:
        new.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    with replacing(path) as new:
        new.write_text("new")
    assert path.read_text() == "new" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("page", "sha", "sentence"),
    [
        ("good", "sha1:" + "0" * 40, f"has the sha1 {SHA1[5:]}, not {'0' * 40}, and was not kept"),
        ("good", "sha256:12345678", "not 12345678, and was not kept"),
        ("broken", SHA1, "broke off after"),
        ("unsized/broken", SHA1, "and was not kept"),
        ("missing", SHA1, "the download failed"),
    ],
)
def test_a_failed_download_gets_one_sentence_and_leaves_nothing(site, tmp_path, page, sha, sentence):
    with pytest.raises(WeightsError) as error:
        download([f"{site}/{page}"], tmp_path / "cache" / "x", [sha], progress=False)
    assert sentence in one_sentence(error) and f"{site}/{page}" in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


def test_a_prefix_of_the_digest_will_do_and_the_folder_may_be_read_only(site, tmp_path):
    sha256 = "sha256:" + hashlib.sha256(Site.content).hexdigest()[:8]
    assert (
        download([f"{site}/good"], tmp_path / "a" / "b", [sha256], progress=False).read_bytes()
        == Site.content
    )
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        download([f"{site}/good"], tmp_path / "file" / "b", [sha256], progress=False)


@pytest.mark.parametrize("digits", [1, 8, 39])
def test_a_checksum_is_compared_to_its_last_digit(site, tmp_path, digits):
    right = hashlib.sha1(Site.content).hexdigest()
    wrong = right[:digits] + format(int(right[digits], 16) ^ 1, "x") + right[digits + 1 :]
    with pytest.raises(WeightsError, match="and was not kept"):
        download([f"{site}/good"], tmp_path / "x", [f"sha1:{wrong}"], progress=False)
    path = tmp_path / "y"
    path.write_bytes(Site.content)
    assert files.agrees(path, [f"sha1:{right}"]) and not files.agrees(path, [f"sha1:{wrong}"])


@pytest.mark.parametrize("digits", [0, 1, 7])
def test_too_short_a_beginning_of_a_checksum_agrees_with_nothing(site, tmp_path, digits):
    with pytest.raises(WeightsError, match="and was not kept"):
        download([f"{site}/good"], tmp_path / "x", [SHA1[: 5 + digits]], progress=False)


def test_either_checksum_will_do_and_the_next_address_is_tried(site, tmp_path):
    checksums = ["sha256:" + "0" * 64, SHA1]
    urls = [f"{site}/missing", f"{site}/broken", f"{site}/good"]
    assert download(urls, tmp_path / "x", checksums, progress=False).read_bytes() == Site.content
    assert Site.asked == ["/missing", "/broken", "/good"]
    with pytest.raises(WeightsError) as error:
        download(urls[:2], tmp_path / "y", checksums, progress=False)
    assert all(url in one_sentence(error) for url in urls[:2])


def test_what_is_written_is_flushed_to_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    done, flush, replace = [], os.fsync, os.replace

    def fsync(handle):
        # Windows flushes only what is open for writing
        assert fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)
        done.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replaced"), replace(a, b)))
    with replacing(tmp_path / "x") as new:
        new.write_bytes(b"1234567")
        inode = new.stat().st_ino
    assert done == [(inode, 7), "replaced"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_get_the_permissions_that_new_files_get(tmp_path, umask):
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "x") as new:
            # as writers do that write beside and rename
            os.close(os.open(tmp_path / "private", os.O_CREAT | os.O_WRONLY, 0o600))
            os.replace(tmp_path / "private", new)
        save_weights(tiny(SMALL), tmp_path / "y.safetensors")
    finally:
        os.umask(before)
    for name in ("x", "y.safetensors"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~umask


WRITER = """
import sys, time
from pathlib import Path
from inception_lib.files import replacing
with replacing(Path(sys.argv[1])) as new:
    new.write_text("half")
    print(new, flush=True)
    sys.stdin.readline()
    new.write_text("whole")
"""


def writer(path):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )


def test_parts_of_killed_writers_are_removed_and_of_living_ones_are_not(tmp_path):
    path = tmp_path / "checkpoint-1.pt"
    killed, living = writer(path), writer(path)
    for process in (killed, living):
        assert process.stdout.readline().strip().endswith(".part")
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    foreign = tmp_path / ".checkpoint-9.pt.00000000-1-00000000.part"  # of another machine
    old = tmp_path / ".checkpoint-8.pt.0123abcd.part"  # as older versions named them
    other = tmp_path / ".something.part"
    for file in (foreign, old, other):
        file.write_text("")
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    with replacing(tmp_path / "checkpoint-2.pt") as new:
        new.write_text("new")
        assert sorted(p.name for p in tmp_path.glob(".*.part")) == sorted(
            [new.name, foreign.name, other.name, *(p.name for p in tmp_path.glob(f".*-{living.pid}-*.part"))]
        )
    living.communicate("\n")
    assert living.returncode == 0 and path.read_text() == "whole"
    os.utime(foreign, (time.time() - 2 * 24 * 3600,) * 2)
    with replacing(path) as new:
        assert not foreign.exists() and other.exists()


FETCHER = """
import sys
from pathlib import Path
from inception_lib.files import download
download([sys.argv[1]], Path(sys.argv[2]), [sys.argv[3]], progress=False)
"""


def test_of_processes_that_want_the_same_file_at_once_one_fetches_it(site, tmp_path):
    arguments = [sys.executable, "-c", FETCHER, f"{site}/slow", str(tmp_path / "x"), SHA1]
    found = [subprocess.Popen(arguments, cwd=Path(__file__).parents[1]) for _ in range(3)]
    assert [process.wait(60) for process in found] == [0, 0, 0]
    assert Site.asked == ["/slow"] and (tmp_path / "x").read_bytes() == Site.content
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith((".", "x"))] == ["x"]


def test_one_that_was_killed_while_it_fetched_does_not_hold_the_others(site, tmp_path):
    arguments = [sys.executable, "-c", FETCHER, f"{site}/hang", str(tmp_path / "x"), SHA1]
    hung = subprocess.Popen(arguments, cwd=Path(__file__).parents[1])
    while not Site.asked:
        time.sleep(0.01)
    hung.kill()
    hung.wait()
    assert download([f"{site}/good"], tmp_path / "x", [SHA1], progress=False).is_file()


def test_a_home_that_is_not_known_gets_one_sentence(monkeypatch):
    monkeypatch.setenv("INCEPTION_CACHE", "~no_such_user_here/x")
    with pytest.raises(InceptionError, match="set INCEPTION_CACHE to a folder"):
        files.cache_folder()
