"""Downloads from a server on this machine that fails in every way: one clear line, nothing left behind, the next call succeeds."""

import errno
import http.server
import os
import pathlib
import socket
import struct
import sys
import threading

import made_sets
import pytest

from shared import datasets

TRAIN, DEV, TEST = made_sets.CONTENTS
KEPT = {path: content for path, content in made_sets.CONTENTS.items() if path != DEV}


class Server(http.server.ThreadingHTTPServer):
    """Answers from CONTENTS; DEV as `answer(handler)` says, as long as there is one."""

    daemon_threads = True
    answer = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.asked = []
        self.over = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path[1:]
        self.server.asked.append(path)
        if path == DEV and self.server.answer:
            self.server.answer(self)
        else:
            send(self, made_sets.CONTENTS[path])

    def log_message(self, *arguments):
        """Nothing on stderr."""


def send(handler, content, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def wrong(handler):
    send(handler, made_sets.CONTENTS[DEV].upper())


def page(handler):
    send(handler, b"<html>Log in first</html>" * 9)


def cut(handler):
    send(handler, made_sets.CONTENTS[DEV][:7], length=len(made_sets.CONTENTS[DEV]))


def missing(handler):
    handler.send_error(404)


def silent(handler):
    handler.server.over.wait(20)


def stuck(handler):
    send(handler, made_sets.CONTENTS[DEV][:7], length=len(made_sets.CONTENTS[DEV]))
    handler.server.over.wait(20)


def gone(handler):
    handler.close_connection = True


def reset(handler):
    """Half of it, and then the connection is torn."""
    send(handler, made_sets.CONTENTS[DEV][:7], length=len(made_sets.CONTENTS[DEV]))
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.server.over.is_set():
            handler.wfile.write(b"x" * 10_000)
    except OSError:
        pass                                # the client has seen enough


def babble(handler):
    handler.wfile.write(b"SSH-2.0-server\r\n")
    handler.close_connection = True


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(server, monkeypatch, tmp_path):
    """An empty cache; its set is to be had at the server."""
    monkeypatch.setenv("no_proxy", "*")
    return made_sets.install(monkeypatch, tmp_path, server.address)


def failure(capsys):
    """Download as `make data` does, fail, and return the one line that says why."""
    assert datasets.main(["wnut17"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("answer, said", [
    (wrong, "is not the expected file: expected sha256"),
    (page, "is not the expected file: expected sha256"),
    (cut, "7 "),                                                            # of how many bytes, in Python's words or ours
    (missing, "404"),
    (silent, "timed out"),
    (stuck, "timed out"),
    (gone, "closed connection without response"),
    (reset, ""),                                                            # each system has its own words
    (endless, "is not the expected file: expected sha256"),
    (babble, "SSH-2.0-server"),
], ids=lambda value: getattr(value, "__name__", None))
def test_a_fault_of_the_server(answer, said, server, cache, capsys, monkeypatch):
    if said == "timed out":
        monkeypatch.setattr(datasets, "TIMEOUT", 1)
    server.answer = answer
    line = failure(capsys)
    assert f"{DEV} from {server.address}/{DEV}" in line and said in line
    assert made_sets.lying_in(cache) == {TRAIN: made_sets.CONTENTS[TRAIN]}           # what came before the fault
    server.answer = None
    assert datasets.main(["wnut17"]) == 0
    assert made_sets.lying_in(cache) == made_sets.CONTENTS
    assert server.asked == [TRAIN, DEV, DEV, TEST]                          # nothing was asked for twice but the broken one
    assert datasets.load("wnut17")["dev"] == made_sets.LOADED["dev"]


@pytest.mark.parametrize("before", [{}, KEPT, KEPT | {DEV: b"damaged"}], ids=["nothing", "the others", "a damaged one"])
@pytest.mark.parametrize("answer", [wrong, cut, missing])
def test_what_lies_there_survives_a_fault(answer, before, server, cache, capsys):
    for path, content in before.items():
        made_sets.place(cache, path)
        (cache / path).write_bytes(content)
    server.answer = answer
    failure(capsys)
    assert made_sets.lying_in(cache) == before | {TRAIN: made_sets.CONTENTS[TRAIN]}


def test_nobody_listens(cache, monkeypatch, tmp_path, capsys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))                       # bound, and nobody listens
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        made_sets.install(monkeypatch, tmp_path, address)
        assert f"{TRAIN} from {address}/{TRAIN}: " in failure(capsys)
    assert not cache.exists()


def disk_full(path, content):
    """As `Path.write_bytes` does where the disk is full: half of it is written."""
    with open(path, "wb") as file:
        file.write(content[:len(content) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_no_space_left(server, cache, capsys, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(pathlib.Path, "write_bytes", disk_full)
        line = failure(capsys)
    assert f"{TRAIN} from {server.address}/{TRAIN} cannot be written: " in line and os.strerror(errno.ENOSPC) in line
    assert made_sets.lying_in(cache) == {}
    assert datasets.main([]) == 0
    assert made_sets.lying_in(cache) == made_sets.CONTENTS


def test_a_file_where_the_folder_should_be(cache, capsys):
    cache.write_text("in the way")
    assert f"{TRAIN} from " in failure(capsys)
    assert cache.read_text() == "in the way"


def test_an_interrupted_download_leaves_nothing(cache, monkeypatch):
    def interrupt(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.download("wnut17")
    assert made_sets.lying_in(cache) == {}


def test_one_line_a_file_and_a_second_time_all_are_kept(server, cache, capsys):
    assert datasets.main([]) == datasets.main(["wnut17"]) == 0
    printed = capsys.readouterr()
    lines = [f"  {TRAIN}: 8.7 kB", f"  {DEV}: 0.0 kB", f"  {TEST}: 0.0 kB"]
    title = "wnut17: Made; licence: free"
    assert printed.out.splitlines() == [title, *(f"{line} downloaded" for line in lines),
                                        title, *(f"{line} here already" for line in lines)]
    assert (printed.err, server.asked) == ("", [TRAIN, DEV, TEST])


def test_another_folder(server, cache, tmp_path):
    datasets.download("wnut17", to=str(tmp_path / "a folder"))
    assert made_sets.lying_in(tmp_path / "a folder") == made_sets.CONTENTS
    assert not cache.exists()


def test_a_terminal_sees_the_percentage(cache, capsys, monkeypatch):
    monkeypatch.setattr(datasets, "BLOCK", 3000)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    datasets.download("wnut17")
    shown = capsys.readouterr().out
    assert all(f"  {TRAIN}: {percent} %\r" in shown for percent in (34, 68, 100))


def test_an_unknown_set_and_a_good_one(cache, capsys):
    assert datasets.main(["imagenet", "wnut17"]) == 1
    assert capsys.readouterr().err == "name must be one of wnut17, got 'imagenet'\n"
    assert made_sets.lying_in(cache) == made_sets.CONTENTS
