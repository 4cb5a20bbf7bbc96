"""Loading: what a file holds is recognized, and what does not fit is refused in one sentence."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from weights_helpers import TINY, one_sentence, tiny

from inception_lib import WeightsError, googlenet
from inception_lib.nn.network import Network
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights


def test_our_plain_state_dict_is_recognized(tmp_path):
    for variant in ("paper", "inception5h", "torchvision"):
        architecture = googlenet(variant, classes=4, heads=False)
        with torch.device("meta"):
            empty = Network(architecture)
        state = {key: torch.zeros(value.shape) for key, value in empty.state_dict().items()}
        torch.save(state, tmp_path / "x.pt")
        assert load_weights(tmp_path / "x.pt").info.architecture == architecture


@pytest.mark.parametrize("ending", ["caffemodel", "safetensors", "pth", "pt", "xyz"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just some text, no weights at all",
        b"\x80\x02garbage",
        b"PK\x03\x04 no zip",
        b"\x10\0\0\0\0\0\0\0{not json at all}",
        b"\xff" * 100,
    ],
)
def test_nonsense_under_any_ending_gets_one_sentence(tmp_path, ending, content):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert one_sentence(error).startswith(f"{path}: ")


def test_missing_files_folders_and_unknown_names(tmp_path):
    for source, sentence in [
        (tmp_path / "no.pth", r"no.pth: there is no such file\."),
        ("bvcl", r"^bvcl: there is no such file \(known by name are bvlc and "),
        (tmp_path, r"the file cannot be read \(Is a directory\)\."),
    ]:
        with pytest.raises(WeightsError, match=sentence):
            load_weights(source)


def test_code_in_a_pickle_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.write_text, (tmp_path / "ran", "it ran"))

    torch.save({"conv1.conv.weight": Evil()}, tmp_path / "x.pth")
    with pytest.raises(WeightsError) as error:
        load_weights(tmp_path / "x.pth")
    assert "holds more than tensors" in one_sentence(error)
    assert not (tmp_path / "ran").exists()


def test_a_truncated_pth_and_safetensors(tmp_path):
    torch.save(tiny().state_dict(), tmp_path / "x.pth")
    save_weights(tiny(), tmp_path / "x.safetensors")
    for path in (tmp_path / "x.pth", tmp_path / "x.safetensors"):
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(WeightsError) as error:
            load_weights(path)
        assert "damaged" in one_sentence(error)


def test_weights_of_another_network_name_file_key_and_shape(tmp_path):
    path = tmp_path / "resnet18.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    text = one_sentence(error)
    assert str(path) in text and "another network" in text and "conv1.weight (64x3x7x7)" in text


def test_what_does_not_fit_is_named(tmp_path):
    path = save_weights(tiny(), tmp_path / "x.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(path, architecture=googlenet(width=0.05, classes=9))
    assert one_sentence(error) == (
        f"{path}: these weights do not fit the network: aux1.classifier.linear.weight is 7x51 in the file "
        f"and 9x51 in googlenet-paper (and 5 more)."
    )

    state = tiny().state_dict()
    bias = state.pop("inception_4a.5x5.conv.bias")
    save_file(state | {"extra.conv.weight": torch.zeros(1, 2)}, tmp_path / "y.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(tmp_path / "y.safetensors", architecture=TINY)
    text = one_sentence(error)
    assert f"inception_4a.5x5.conv.bias ({len(bias)}) of googlenet-paper is not in the file" in text
    assert "extra.conv.weight (1x2) in the file is not in googlenet-paper" in text

    assert not load_weights(path, architecture=TINY, heads=False).info.architecture.heads
    headless = save_weights(tiny(TINY.without_heads()), tmp_path / "z.safetensors")
    with pytest.raises(WeightsError, match="heads are asked for, and the network has none"):
        load_weights(headless, heads=True)
