"""tenancy.py by itself: whatever shape a statement has, it finds and changes the rows of one owner."""

import pytest
from sqlalchemy import delete, exists, func, insert, literal, select, union_all, update
from sqlalchemy.orm import aliased

from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.extensions import db
from swarm_ui.tasks.models import Message, Task, TaskAgent
from swarm_ui.tenancy import ForeignOwner, NoOwner, bind_owner, everyone, owner_of, release_owner


@pytest.fixture
def both(make, alice, bob):
    """The same rows for each; the session is Bob's."""
    for owner in (alice, bob):
        agent = make.agent(owner, name="same")
        make.alert(owner, title="same", related_agent_id=agent.id)
        make.task(owner, agents=[agent])
    bind_owner(db.session, bob.id)
    return alice, bob


def test_a_select_finds_the_owners_rows(both):
    _alice, bob = both
    assert [alert.user_id for alert in db.session.scalars(select(Alert))] == [bob.id]
    assert db.session.execute(select(Alert.user_id, Alert.title)).all() == [(bob.id, "same")]


@pytest.mark.parametrize(
    "count",
    [
        lambda: select(func.count()).select_from(Alert),
        lambda: select(func.count(Alert.id)),
        lambda: select(func.count()).select_from(select(Alert).subquery()),
        lambda: select(func.count()).select_from(select(Alert.title).distinct().cte()),
        lambda: select(func.count()).select_from(aliased(Alert)),
        lambda: select(func.sum(select(func.count(Alert.id)).scalar_subquery())),
        lambda: select(func.count()).select_from(
            union_all(select(Alert.id), select(Alert.id).where(literal(False))).subquery()
        ),
    ],
)
def test_counts_are_the_owners(both, count):
    assert db.session.scalar(count()) == 1


def test_joins_are_filtered_on_both_sides(both, make):
    alice, bob = both
    hers = (
        db.session.scalars(everyone(select(Agent).where(Agent.user_id == alice.id), "the test needs her id"))
        .one()
        .id
    )
    db.session.remove()
    make.alert(bob, title="crossed", related_agent_id=hers)
    bind_owner(db.session, bob.id)
    rows = db.session.execute(
        select(Alert.title, Agent.user_id).join(Agent, Agent.id == Alert.related_agent_id)
    ).all()
    assert rows == [("same", bob.id)]
    outer = db.session.execute(
        select(Alert.title, Agent.id).outerjoin(Agent, Agent.id == Alert.related_agent_id)
    ).all()
    assert ("crossed", None) in outer


def test_several_tables_at_once(both):
    rows = db.session.execute(
        select(Task.user_id, TaskAgent.user_id, Agent.user_id)
        .join(TaskAgent, TaskAgent.task_id == Task.id)
        .join(Agent, Agent.id == TaskAgent.agent_id)
    ).all()
    assert rows == [(both[1].id,) * 3]
    unjoined = select(Task.id, Alert.id).join(Alert, literal(True))
    assert len(db.session.execute(unjoined).all()) == 1


def test_aliases_are_filtered(both):
    first, second = aliased(Alert), aliased(Alert)
    rows = db.session.execute(
        select(first.user_id, second.user_id).join(second, second.title == first.title)
    ).all()
    assert rows == [(both[1].id, both[1].id)]


def test_subqueries_are_filtered(both):
    alice, bob = both
    named = select(Agent).where(Agent.id.in_(select(Alert.related_agent_id)))
    assert [agent.user_id for agent in db.session.scalars(named)] == [bob.id]
    her_alert = exists(select(Alert.id).where(Alert.user_id == alice.id))
    assert db.session.scalar(select(her_alert)) is False or db.session.scalar(select(her_alert)) == 0


def test_unions_are_filtered(both):
    statement = union_all(select(Alert.user_id), select(Agent.user_id))
    assert set(db.session.scalars(statement)) == {both[1].id}


def test_get_does_not_find_another_owners_row(both, make):
    alice, bob = both
    hers, his = make.alert(alice), make.alert(bob)
    assert db.session.get(Alert, hers.id) is None
    assert db.session.get(Alert, his.id).id == his.id


def test_get_finds_its_own_by_a_key_of_two_columns(both):
    pair = db.session.execute(
        everyone(select(TaskAgent.task_id, TaskAgent.agent_id, TaskAgent.user_id), "the test")
    ).all()
    found = {owner for task, agent, owner in pair if db.session.get(TaskAgent, (task, agent))}
    assert found == {both[1].id}


def test_refresh_and_expired_columns_stay_with_the_owner(both):
    alert = db.session.scalars(select(Alert)).one()
    db.session.expire(alert)
    assert alert.title == "same"
    db.session.refresh(alert)
    assert alert.user_id == both[1].id


def test_a_bulk_update_changes_the_owners_rows(both):
    alice, bob = both
    assert db.session.execute(update(Alert).values(title="changed")).rowcount == 1
    db.session.commit()
    rows = db.session.execute(everyone(select(Alert.user_id, Alert.title), "the test looks at both")).all()
    assert set(rows) == {(alice.id, "same"), (bob.id, "changed")}


def test_a_bulk_update_cannot_give_rows_away(both):
    alice, _bob = both
    with pytest.raises(ForeignOwner):
        db.session.execute(update(Alert).values(user_id=alice.id))


def test_a_bulk_update_by_keys_is_refused(both, make):
    hers = make.alert(both[0], title="hers")
    with pytest.raises(ForeignOwner):
        db.session.execute(update(Alert), [{"id": hers.id, "title": "taken"}])


def test_a_bulk_delete_removes_the_owners_rows(both):
    assert db.session.execute(delete(Alert)).rowcount == 1
    db.session.commit()
    left = db.session.scalars(everyone(select(Alert.user_id), "the test looks at both")).all()
    assert left == [both[0].id]


def message(**fields) -> dict:
    return {"id": "m" * 20, "message_type": "request"} | fields


def test_an_insert_that_cannot_be_stamped_is_refused(both):
    with pytest.raises(NoOwner):
        db.session.execute(insert(Message).values([message()]))
    with pytest.raises(ForeignOwner):
        db.session.execute(
            insert(Message).from_select(["id", "messageType"], select(Message.id, Message.message_type))
        )


def test_a_bulk_insert_is_stamped(both):
    db.session.execute(insert(Message), [message(), message(id="n" * 20)])
    db.session.commit()
    assert db.session.scalars(select(Message.user_id)).all() == [both[1].id] * 2


def test_an_insert_with_values_is_stamped(both):
    db.session.execute(insert(Message).values(**message()))
    db.session.commit()
    assert db.session.scalars(select(Message.user_id)).all() == [both[1].id]


@pytest.mark.parametrize(
    "run",
    [
        lambda rows: db.session.execute(insert(Message), rows),
        lambda rows: db.session.execute(insert(Message), rows[0]),
        lambda rows: db.session.execute(insert(Message).values(**rows[0])),
        lambda rows: db.session.execute(insert(Message).values(rows)),
    ],
)
def test_an_insert_of_another_owners_row_is_refused(both, run):
    with pytest.raises(ForeignOwner):
        run([message(user_id=both[0].id)])
    db.session.rollback()
    assert db.session.scalars(everyone(select(Message.id), "the test looks at both")).all() == []


def test_a_new_row_is_stamped_and_a_foreign_one_refused(both):
    alice, bob = both
    db.session.add(Message(**message()))
    db.session.commit()
    assert db.session.scalars(select(Message.user_id)).all() == [bob.id]
    db.session.add(Message(**message(id="f" * 20, user_id=alice.id)))
    with pytest.raises(ForeignOwner):
        db.session.flush()


def test_a_row_cannot_be_given_away(both):
    alert = db.session.scalars(select(Alert)).one()
    alert.user_id = both[0].id
    with pytest.raises(ForeignOwner):
        db.session.commit()


@pytest.mark.parametrize(
    "statement",
    [
        lambda: select(Alert),
        lambda: select(func.count(Alert.id)),
        lambda: update(Alert).values(title="x"),
        lambda: delete(Alert),
        lambda: insert(Alert).values(id="x"),
        lambda: select(aliased(Alert)),
    ],
)
def test_without_an_owner_it_raises(both, statement):
    release_owner(db.session)
    with pytest.raises(NoOwner):
        db.session.execute(statement())
    with pytest.raises(NoOwner):
        owner_of(db.session)


@pytest.mark.parametrize(
    "statement",
    [
        lambda: select(exists(select(Alert.id))),
        lambda: select(func.count()).select_from(Alert),
        lambda: select(func.count()).select_from(select(Alert.id).subquery()),
        lambda: select(select(func.count(Alert.id)).scalar_subquery()),
        lambda: union_all(select(Alert.id), select(Agent.id)),
    ],
)
def test_without_an_owner_nothing_is_found_however_it_is_hidden(both, statement):
    release_owner(db.session)
    try:
        found = db.session.scalars(statement()).all()
    except NoOwner:
        return
    assert found in ([], [0], [False])


def test_without_an_owner_nothing_is_written(both):
    release_owner(db.session)
    db.session.add(Message(**message()))
    with pytest.raises(NoOwner):
        db.session.flush()


def test_a_session_keeps_its_owner(both):
    alice, bob = both
    bind_owner(db.session, bob.id)
    with pytest.raises(ForeignOwner):
        bind_owner(db.session, alice.id)
    assert owner_of(db.session) == bob.id


def test_releasing_forgets_owner_and_rows(both):
    alice, _bob = both
    alert = db.session.scalars(select(Alert)).one()
    release_owner(db.session)
    assert alert not in db.session
    bind_owner(db.session, alice.id)
    assert [row.user_id for row in db.session.scalars(select(Alert))] == [alice.id]


def test_everyone_opens_one_statement(both):
    opened = everyone(select(Alert.user_id).order_by(Alert.user_id), "the test")
    assert db.session.scalars(opened).all() == sorted(person.id for person in both)
    assert db.session.scalars(select(Alert.user_id)).all() == [both[1].id]
