"""Stores of the S3 kind on this machine, for tests."""

import contextlib
import http.server
import threading
import time

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@contextlib.contextmanager
def pointed_to(address, **settings):
    """Let fsspec use the store at an address: in this process, and in those that it starts."""
    fsspec = pytest.importorskip("fsspec", reason='fsspec is missing: pip install "keras-seg[scale]"')
    pytest.importorskip("s3fs", reason='s3fs is missing: pip install "keras-seg[scale]"')
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "FSSPEC_S3_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        patch.setitem(fsspec.config.conf, "s3", {"endpoint_url": address, **settings})
        yield


@contextlib.contextmanager
def moto_store():
    """A bucket named "bucket" in a server of moto; yields its file system."""
    server = pytest.importorskip("moto.server", reason="moto is missing: pip install 'moto[server,s3]'")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    try:
        with pointed_to(f"http://{host}:{port}"):
            import fsspec

            files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
            files.mkdir("bucket")
            yield files
            # The servers of a process share what they hold.
            files.rm("bucket", recursive=True)
    finally:
        running.stop()


@contextlib.contextmanager
def answering(status, seconds=0.0):
    """The address of a server that gives every request this status after some time."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            time.sleep(seconds)
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *arguments):
            pass

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
