"""The client and servers that refuse, hang or are something else: the program never notices, and what can be kept is kept."""

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.installation import until
from tests.sending.test_client import swarm  # noqa: F401


class Stub:
    """A server that answers as told, and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, object]] = []
        self.answer = lambda _method, _path, _body: (201, "application/json", {})
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                import gzip

                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                document = json.loads(body)
                stub.got.append((self.command, self.path, document))
                status, kind, said = stub.answer(self.command, self.path, document)
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                if status in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PATCH = do_GET = handle_any

            def log_message(self, *_given) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def items(self, part: str) -> list[dict]:
        found = []
        for _method, path, document in self.got:
            if path.endswith(part):
                found += document if isinstance(document, list) else [document]
        return found


@pytest.fixture
def stub():
    server = Stub()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def client(swarm, stub, tmp_path):  # noqa: F811
    return swarm.configure(stub.url, "key", spool=str(tmp_path / "spool"), longest_pause=0.05, timeout=2)


def test_it_sends_in_batches(client, stub):
    task = client.task("x")
    for number in range(500):
        task.log(str(number))
    assert client.flush(10)
    assert [item["message"] for item in stub.items("/logs")] == [str(number) for number in range(500)]
    assert len(stub.got) < 20
    times = [item["at"] for item in stub.items("/logs")]
    assert times == sorted(set(times))


def test_telling_costs_little_while_the_server_hangs(client, stub):
    hang = threading.Event()
    stub.answer = lambda *_: (hang.wait(1.5), (201, "application/json", {}))[1]
    began = time.perf_counter()
    with client.task("x") as task:
        for _ in range(2_000):
            task.message("a", "b", "x" * 200)
    assert time.perf_counter() - began < 1
    hang.set()


@pytest.mark.parametrize(
    "bad",
    [
        (500, "application/json"),
        (401, "application/json"),
        (429, "application/json"),
        (302, "text/html"),
        (200, "text/html"),
        (404, "text/html"),
    ],
    ids=str,
)
def test_what_is_no_answer_is_kept_until_there_is_one(client, stub, bad, tmp_path):
    stub.answer = lambda *_: (*bad, {})
    with client.task("x") as task:
        task.log("kept")
    until(lambda: client.flush(1) and list((tmp_path / "spool").glob("*.jsonl")), "the disk")
    seen = len(stub.got)
    assert not any(method == "GET" for method, _path, _body in stub.got)
    stub.answer = lambda *_: (201, "application/json", {})
    until(lambda: not list((tmp_path / "spool").glob("*.jsonl")), "an empty disk")
    sent = stub.got[seen:]
    assert [path.rpartition("/")[2] for _method, path, _body in sent][-3:-1] == ["tasks", "logs"]
    assert sent[-1][0] == "PATCH"
    assert client.dropped == 0


def test_one_that_is_refused_takes_no_other_with_it(client, stub, caplog):
    def answer(_method, path, document):
        items = document if isinstance(document, list) else [document]
        wrong = path.endswith("/logs") and any(item["message"] == "bad" for item in items)
        return (
            (422, "application/json", {"detail": "message: bad"}) if wrong else (201, "application/json", {})
        )

    stub.answer = answer
    task = client.task("x")
    with caplog.at_level(logging.WARNING, "swarm"):
        for word in ("good", "bad", "better"):
            task.log(word)
        client.flush()
    singles = [
        body["message"]
        for _method, path, body in stub.got
        if path.endswith("/logs") and isinstance(body, dict)
    ]
    assert singles == ["good", "bad", "better"]
    assert client.dropped == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_the_buffer_is_bounded(swarm, caplog):  # noqa: F811
    client = swarm.Client("http://127.0.0.1:9", "key", spool="", most_waiting=50, longest_pause=60)
    task = client.task("x")
    with caplog.at_level(logging.WARNING, "swarm"):
        for _ in range(300):
            task.log("x")
    assert client.dropped >= 200
    assert sum("drops" in record.message for record in caplog.records) == 1


def test_the_disk_is_bounded(swarm, tmp_path):  # noqa: F811
    client = swarm.Client(
        "http://127.0.0.1:9", "key", spool=str(tmp_path), most_spooled_bytes=20_000, longest_pause=60
    )
    task = client.task("x")
    for _ in range(10):
        task.log("x" * 5_000)
        client.flush()
    assert 0 < sum(path.stat().st_size for path in tmp_path.glob("*.jsonl")) <= 20_000
    assert client.dropped > 0


def test_a_spool_that_cannot_be_written_or_read_is_no_trouble(swarm, stub, tmp_path):  # noqa: F811
    (tmp_path / "file").write_text("not a folder")
    lost = swarm.Client("http://127.0.0.1:9", "key", spool=str(tmp_path / "file"))
    lost.task("x").complete()
    lost.flush(5)
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "00000000000000000001-1-1.jsonl").write_bytes(
        b'\xff\xfe\n["POST", "/tasks"]\n[1]\n{"a"\n["POST","/tasks","","{\\"name\\":\\"old\\"}"]\n'
    )
    client = swarm.Client(stub.url, "key", spool=str(spool))
    client.task("new").complete()
    until(lambda: not list(spool.glob("*.jsonl")), "an empty spool")
    assert [item["name"] for item in stub.items("/tasks")] == ["old", "new"]


def test_odd_things_may_be_told(client, stub):
    class Rude:
        def __repr__(self):
            raise RuntimeError("no")

        __str__ = __repr__

    loop: list = []
    loop.append(loop)
    task = client.task("x" * 1_000, input={1: {2, 3}, "d": time, "nan": float("nan")})
    task.message("a", None, loop)
    task.message("a", "b", "x" * 3_000_000)
    task.message(None, "b", None)  # type: ignore[arg-type]
    task.log(Rude())  # type: ignore[arg-type]
    task.log("\ud800")
    task.message("a", "b", Rude())
    task.metric(cost="free")  # type: ignore[arg-type]
    with task.span(Rude(), metadata={"big": "y" * 100_000}):  # type: ignore[arg-type]
        pass
    task.fail(Rude())
    assert client.flush(10)
    assert len(stub.items("/tasks")[0]["name"]) == 255
    assert (
        max(len(item["content"]) for item in stub.items("/messages") if isinstance(item["content"], str))
        <= 950_000
    )


def test_without_an_address_nothing_is_sent_and_all_works(swarm):  # noqa: F811
    with swarm.task("x") as task:
        task.log("y")
        with task.span("z"):
            pass
    assert swarm.flush()
    assert swarm.dropped() == 0


def test_two_processes_take_turns_with_one_spool(swarm, stub, tmp_path):  # noqa: F811
    stub.answer = lambda *_: (503, "application/json", {})
    both = [swarm.Client(stub.url, "key", spool=str(tmp_path), longest_pause=0.05) for _ in range(2)]
    for number, one in enumerate(both):
        one.task(f"t{number}").complete()
        one.flush()
    until(lambda: len(list(tmp_path.glob("*.jsonl"))) >= 2, "segments of both")
    stub.got.clear()
    stub.answer = lambda *_: (201, "application/json", {})
    until(lambda: not list(tmp_path.glob("*.jsonl")), "an empty spool")
    assert sorted(item["name"] for item in stub.items("/tasks")) == ["t0", "t1"]
