"""One failure, the shape that the path speaks."""

import json

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from tests.pages import Page


@pytest.fixture
def fail(app, monkeypatch):
    """Makes a view raise."""

    def with_(error: Exception, endpoint: str = "accounts.login") -> None:
        def view(**_values):
            raise error

        view.public = True
        monkeypatch.setitem(app.view_functions, endpoint, view)

    return with_


@pytest.fixture
def visitor(app):
    return app.test_client()


def test_a_page(client):
    response = client.get("/nothing/here")
    assert response.status_code == 404
    page = Page(response, "/nothing/here")
    assert page.find("h1").get_text() == "Not Found"
    assert "not yours to see" in page.text


def test_a_toast_for_htmx(client):
    response = client.get("/nothing/here", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert response.headers["HX-Retarget"] == "#toasts"
    assert response.headers["HX-Reswap"] == "beforeend"
    toast = Page(response, "/nothing/here", fragment=True)
    assert "not yours to see" in toast.text
    assert "<html" not in toast.html


def test_a_history_restore_gets_the_page(client):
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    response = client.get("/nothing/here", headers=headers)
    assert "<html" in response.get_data(as_text=True)
    assert "HX-Retarget" not in response.headers


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/api/v1/nothing", 404, "Not Found"),
        ("/api/v1/tasks/nothing", 404, "Not Found"),
        ("/api/v1/tasks?limit=501", 422, "Unprocessable Entity"),
        ("/-/nothing", 404, "Not Found"),
    ],
)
def test_problem_json(client, path, status, title):
    response = client.get(path)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    body = response.json
    assert (body["type"], body["title"], body["status"]) == ("about:blank", title, status)
    assert isinstance(body["detail"], str)
    assert set(body) == {"type", "title", "status", "detail"} | ({"errors"} if status == 422 else set())


def test_field_errors_are_named(client):
    errors = client.get("/api/v1/tasks?limit=x&status=sleeping&colour=red").json["errors"]
    assert set(errors) == {"limit", "status", "colour"}
    assert all(isinstance(said, str) and said for said in errors.values())


def test_a_method_that_is_not_there(client):
    response = client.delete("/api/v1/tasks")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[true]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"{}", "application/json", 422),
        (b'{"resolved": "yes"}', "application/json", 422),
        (b'{"resolved": true, "title": "x"}', "application/json", 422),
        (b"resolved=true", "application/x-www-form-urlencoded", 415),
    ],
)
def test_bodies_that_cannot_be_used(client, make, alice, body, content_type, status):
    alert = make.alert(alice)
    response = client.patch(f"/api/v1/alerts/{alert.id}", data=body, content_type=content_type)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"


def test_rpc_status_as_json(visitor):
    response = visitor.post("/v1/traces", data=b"{}", content_type="application/json")
    assert response.status_code == 401
    assert response.content_type == "application/json"
    assert response.json["code"] == 16
    assert "API key" in response.json["message"]
    assert set(response.json) == {"code", "message"}


def rpc_status():
    """google.rpc.Status, as its .proto file says: code = 1, message = 2."""
    file = descriptor_pb2.FileDescriptorProto(name="status_of_test.proto", package="test", syntax="proto3")
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=5, label=1)
    status.field.add(name="message", number=2, type=9, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.Status"))()


@pytest.mark.parametrize("content_type", ["application/x-protobuf", "text/plain", None])
def test_rpc_status_as_protobuf(visitor, content_type):
    response = visitor.post("/v1/traces", data=b"\x00", content_type=content_type)
    assert response.status_code == 401
    assert response.content_type == "application/x-protobuf"
    status = rpc_status()
    status.ParseFromString(response.data)
    assert status.code == 16
    assert "API key" in status.message


def test_a_long_message_survives_protobuf(visitor, fail):
    fail(Refused(413, "é" * 5000), "ingest.traces")
    status = rpc_status()
    status.ParseFromString(visitor.post("/v1/traces", content_type="application/x-protobuf").data)
    assert (status.code, status.message) == (3, "é" * 5000)


def test_what_nobody_expected_is_logged_and_not_told(visitor, fail, caplog):
    fail(ZeroDivisionError("the secret of the house"))
    response = visitor.get("/login")
    assert response.status_code == 500
    assert "It has been logged" in Page(response, "/login").text
    assert "secret of the house" not in response.get_data(as_text=True)
    assert any(record.levelname == "ERROR" and record.exc_info for record in caplog.records)


def test_a_refusal_says_when_to_come_back(visitor, fail):
    fail(Refused(429, "Too many at once.", retry_after=7))
    response = visitor.get("/login")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


def test_a_busy_database_is_503(visitor, fail):
    fail(OperationalError("SELECT 1", {}, Exception("database is locked")))
    response = visitor.get("/login")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert "locked" not in response.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/", "/tasks", "/settings", "/api/v1/tasks", "/nothing"])
def test_the_error_page_needs_no_database(client, path):
    def gone(*_arguments):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    event.listen(db.engine, "before_cursor_execute", gone)
    try:
        response = client.get(path)
    finally:
        event.remove(db.engine, "before_cursor_execute", gone)
    assert response.status_code == (404 if path == "/nothing" else 503)
    if path.startswith("/api/"):
        assert json.loads(response.data)["status"] == 503
    else:
        Page(response, path)


def test_hostile_paths_are_text(client):
    response = client.get("/%3Cscript%3Ealert(1)%3C/script%3E")
    assert response.status_code == 404
    assert "<script>alert" not in response.get_data(as_text=True)
