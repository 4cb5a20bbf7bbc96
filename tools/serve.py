"""Serve the built book on this machine only, and say where.

usage: python tools/serve.py FOLDER [PORT]

Text is sent compressed, as hosts of static pages do.
"""

import contextlib
import functools
import gzip
import http.server
import io
import sys
from pathlib import Path

COMPRESSED = (".html", ".css", ".js", ".json", ".svg")


@functools.lru_cache(maxsize=256)
def compressed(path: Path, changed: float) -> bytes:
    """A file of the book, compressed; `changed` is when it was."""
    return gzip.compress(path.read_bytes(), 6)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def copyfile(self, source, outputfile):
        with contextlib.suppress(ConnectionError):  # the reader has gone on to another page
            super().copyfile(source, outputfile)

    def send_head(self):
        path = Path(self.translate_path(self.path))
        takes = "gzip" in self.headers.get("Accept-Encoding", "")
        if not takes or path.suffix not in COMPRESSED or not path.is_file():
            return super().send_head()
        body = compressed(path, path.stat().st_mtime)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)


def serve(folder: str, port: int) -> http.server.ThreadingHTTPServer:
    """A server on 127.0.0.1 at `port`, or at any free one where that is taken (or 0)."""
    handler = functools.partial(Handler, directory=folder)
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)


if __name__ == "__main__":
    server = serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8000)
    print(f"The book is at http://127.0.0.1:{server.server_port}/ until you press Ctrl-C", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
