"""How much a space holds."""

from swarm_ui.extensions import db
from swarm_ui.space import sizes
from swarm_ui.tenancy import bind_owner
from tests.space.conftest import left_of


def test_rows_and_bytes_by_table(filled, bob, page):
    shown = page("/settings/data")
    measured = sizes.storage_of(filled.id)
    assert {share.name: share.rows for share in measured.shares} == left_of(filled)
    assert all(share.size > 0 for share in measured.shares)
    assert measured.files.rows == 1
    assert measured.files.size > 100_000
    assert measured.whole
    for share in measured.shares:
        assert share.name in shown.text
    assert "files of large payloads" in shown.text
    assert sizes.storage_of(bob.id).rows == 0


def test_it_takes_two_statements_however_many_rows(filled, client, statements):
    with statements() as sent:
        client.get("/settings/data")
    assert len(sent) <= 6


def test_counting_stops_somewhere_and_says_so(filled, monkeypatch, page):
    monkeypatch.setattr(sizes, "MOST_ROWS", 3)
    measured = sizes.storage_of(filled.id)
    assert not measured.whole
    assert max(share.rows for share in measured.shares) == 3
    assert "more than" in page("/settings/data").text
    assert "over 3" in page("/settings/data").text


def test_a_figure_for_each_owner(filled, bob):
    assert sizes.size_of(bob.id) == 0
    assert sizes.size_of(filled.id) > 1_000
    db.session.rollback()


def test_storage_that_is_away_is_said(filled, monkeypatch, page):
    from swarm_ui.ingest import large
    from swarm_ui.storage import StorageError

    def away(*_):
        raise StorageError("away")

    monkeypatch.setattr(large, "size_of", away)
    assert "cannot be reached" in page("/settings/data").text
    bind_owner(db.session, filled.id)


def test_an_empty_space(page, client_of, bob):
    assert "Nothing is stored yet" in page("/settings/data", client=client_of(bob)).text
