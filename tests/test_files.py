"""Files that are there whole or not at all."""

import hashlib

import pytest
from weights_helpers import Site, one_sentence, serving

from inception_lib import WeightsError
from inception_lib.files import download, replacing

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
