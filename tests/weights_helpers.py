"""Small networks and a site that serves one, for the tests of weights."""

import http.server
import threading
import time

import torch
from caffemodel import caffemodel

from inception_lib import googlenet
from inception_lib.architecture import Architecture, Conv, GlobalPool, Linear
from inception_lib.nn.network import Network
from inception_lib.weights import names

TINY = googlenet(width=0.05, classes=7)


def tiny(architecture=TINY, seed=0):
    return Network(architecture, generator=torch.Generator().manual_seed(seed)).eval()


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 500
    return text


def as_caffe(state):
    """A state dict of ours under Caffe's names."""
    layers = {}
    for theirs, ours in names.LAYERS_OF_CAFFE.items():
        if f"{ours}.weight" in state:
            layers[theirs] = [state[f"{ours}.{part}"].numpy() for part in ("weight", "bias")]
    return layers


#: A network of two layers, for what does not depend on which network it is.
SMALL = Architecture(
    name="small",
    input=(1, 9, 9),
    layers=(
        Conv(name="c", out_channels=4, kernel=(3, 1), groups=1),
        GlobalPool(name="g"),
        Linear(name="out", out_features=2),
    ),
)


class Site(http.server.BaseHTTPRequestHandler):
    """A site with a small caffemodel, which it may break off or deny."""

    content = caffemodel(as_caffe(tiny(googlenet(width=0.05, heads=False)).state_dict()), "old")
    asked: list[str] = []  # noqa: RUF012 (shared on purpose)

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/missing"):
            return self.send_error(404, "Not Found")
        self.send_response(200)
        if not self.path.startswith("/unsized"):
            self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        if self.path in ("/slow", "/hang"):
            time.sleep(1.5 if self.path == "/slow" else 20)
        half = "broken" in self.path
        self.wfile.write(self.content[: len(self.content) // 2] if half else self.content)

    def log_message(self, *args):
        pass


def serving(monkeypatch, tmp_path):
    """A fixture, by `site = pytest.fixture(serving)`: the address of the site, with empty caches."""
    monkeypatch.setenv("INCEPTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Site.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
