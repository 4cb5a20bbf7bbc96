"""Files of other kinds in place of weights: each gets a sentence that says what it is."""

import gzip
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from caffemodel import block, number
from PIL import Image
from runs import changed, run_on, two_classes
from torch import nn
from weights_helpers import one_sentence, tiny

from inception_lib import WeightsError, load_weights, save_weights
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.training import checkpoint
from inception_lib.weights.kinds import other_kind


def written(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def zipped(files):
    def write(file):
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)

    return written(write)


def tarred(file):
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"), io.BytesIO())


def program(file):
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), file)


#: A model of one ReLU, as onnx 1.23 writes it: `onnx.helper.make_model(graph, producer_name="pytorch")`.
ONNX = bytes.fromhex(
    "080e12077079746f7263683a330a0c0a0178120179220452656c751201675a0f0a0178120a0a08080112040a02"
    "0801620f0a0179120a0a08080112040a0208014202101c"
)
#: A node of a GraphDef: its name, its operation; and the versions.
GRAPH = block(1, block(1, b"input") + block(2, b"Placeholder")) + block(4, number(1, 22))

KINDS = {
    "ONNX": (ONNX, "an ONNX model"),
    "TensorFlow's graph": (GRAPH, r"a graph of TensorFlow \(\.pb\)"),
    "SavedModel": (number(1, 1) + block(2, block(1, b"x")), "a SavedModel of TensorFlow"),
    "TensorFlow Lite": (b"\x1c\0\0\0TFL3" + bytes(40), "a TensorFlow Lite model"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(88), "an HDF5 file, as Keras writes"),
    "Keras": (zipped({"metadata.json": "{}", "config.json": "{}", "model.weights.h5": ""}), "a Keras model"),
    "TorchScript": (
        written(lambda file: torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), file)),
        r"a TorchScript archive \(torch\.jit\.load",
    ),
    "torch.export": (written(program), "a program of torch.export"),
    "npz": (written(lambda file: np.savez(file, x=np.zeros(3))), r"an archive of NumPy \(\.npz\)"),
    "npy": (written(lambda file: np.save(file, np.zeros(3))), r"an array of NumPy \(\.npy\)"),
    "a zip": (zipped({"googlenet.pth": "x"}), "a zip archive, to be unpacked first"),
    "a tar": (written(tarred), "a tar archive, to be unpacked first"),
    "gzip": (gzip.compress(b"x"), r"compressed \(gzip\), to be unpacked first"),
    "HTML": (b"\n<!DOCTYPE html>\n<html><head><title>404 Not Found", "a web page in place of the file"),
    "Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "a pointer of Git LFS in place of the file",
    ),
    "prototxt": (
        b'name: "GoogleNet"\nlayer {\n  name: "data"\n',
        "a prototxt, which describes a network without",
    ),
    "text": ("tench, Tinca tinca\nå\n".encode() * 500, "this is text"),
    "JSON": (json.dumps({"weights": [1, 2]}).encode(), "this is text"),
    "a picture": (written(lambda file: Image.new("RGB", (2, 2)).save(file, "PNG")), "a picture"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["pth", "safetensors", "caffemodel", "bin"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path, kind, ending):
    content, sentence = KINDS[kind]
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=sentence) as error:
        load_weights(path)
    text = one_sentence(error)
    assert text.startswith(f"{path}: this is ") and "can be read here" in text


def test_weights_are_of_no_other_kind(tmp_path):
    save_weights(tiny(), tmp_path / "a.safetensors")
    torch.save(tiny().state_dict(), tmp_path / "a.pth")
    torch.save(tiny().state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for path in tmp_path.iterdir():
        assert other_kind(path) is None
        assert load_weights(path, architecture=tiny().architecture, preprocess=BVLC_PREPROCESS).network


def test_a_checkpoint_and_the_folder_of_a_run_say_where_its_weights_are(tmp_path):
    folder = tmp_path / "run"
    run_on(two_classes(tmp_path / "data"), changed(epochs=1 / 6, width=0.05), folder)
    (last,) = checkpoint.saved(folder)
    for path, kind in ((last, "a checkpoint of a run"), (folder, "the folder of a run")):
        with pytest.raises(WeightsError, match=f"^{path}: this is {kind}") as error:
            load_weights(path)
        assert f"its weights are in {folder / 'model.safetensors'}" in one_sentence(error)
    (folder / "model.safetensors").unlink()
    for path in (last, folder):
        with pytest.raises(WeightsError, match=r"will be in .*model\.safetensors once --resume has brought"):
            load_weights(path)
    alone = last.rename(tmp_path / "alone.pt")
    with pytest.raises(WeightsError, match=r"its weights are in the model\.safetensors that it writes"):
        load_weights(alone)
    # what the sentence says of a checkpoint is so
    torch.save(torch.load(alone, weights_only=True)["network"], tmp_path / "own.pth")
    architecture = changed(width=0.05).network.architecture(2, 80)
    assert load_weights(tmp_path / "own.pth", architecture=architecture, preprocess=BVLC_PREPROCESS)


class Whole(nn.Module):
    """A network that is pickled whole."""


def test_a_whole_pickled_network_is_named_and_not_run(tmp_path):
    torch.save(Whole(), tmp_path / "x.pth")
    with pytest.raises(
        WeightsError, match=r"more than tensors \(test_kinds\.Whole\).*its state_dict\(\)"
    ) as error:
        load_weights(tmp_path / "x.pth")
    one_sentence(error)
    (tmp_path / "y.pkl").write_bytes(pickle.dumps({"conv1": [1.0, 2.0]}))
    with pytest.raises(WeightsError, match="holds more than tensors"):
        load_weights(tmp_path / "y.pkl")
