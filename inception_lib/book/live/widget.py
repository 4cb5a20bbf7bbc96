"""What widgets that run a network have in common: in a notebook, the kernel sends it."""

from __future__ import annotations

import base64
from typing import Any

import traitlets as t

from inception_lib.book.live import parts
from inception_lib.errors import InceptionError


class Living(t.HasTraits):
    """Add this to a widget whose script imports `parts` and `Live` from "../live/client.js".

    On a built page the script finds everything in `_static/live.js`, and none of it is in the widget's state.
    In a notebook it sets `live_wanted` to the name of a bundled network, upon which the other two are sent.
    """

    live_wanted = t.Unicode("").tag(sync=True)
    live_parts = t.Dict().tag(sync=True)
    live_weights = t.Bytes(b"").tag(sync=True)

    @t.observe("live_wanted")
    def _send_network(self, change: dict[str, Any]) -> None:
        if not change["new"]:
            return
        try:
            about, data = parts.bundled_network(change["new"])
            wasm = parts.module()
        except InceptionError as error:
            self.live_parts = {"error": str(error)}
            return
        self.live_weights = data
        self.live_parts = {
            "source": parts.source(),
            "wasm": base64.b64encode(wasm).decode(),
            "known": parts.known(),
            "networks": {change["new"]: about},
        }
