"""What a process gives back once it is quiet."""

from sqlalchemy import create_engine

from swarm_ui.memory import QUIET_US, WORTH, Spare


def test_connections_go_once_it_has_been_quiet_after_a_busy_time(tmp_path, time):
    engine = create_engine(f"sqlite:///{tmp_path / 'some.db'}")
    spare = Spare(engine)

    def held() -> int:
        engine.connect().close()
        return engine.pool.checkedin()

    def quiet(done: int) -> int:
        held()
        spare.look(done)
        time.forward(seconds=QUIET_US // 1_000_000)
        spare.look(done)
        return engine.pool.checkedin()

    assert quiet(WORTH - 1) == 1, "too little was done to be worth it"
    assert quiet(WORTH) == 0
    assert quiet(WORTH) == 1, "nothing was done since"
    with engine.connect() as used:
        assert quiet(2 * WORTH) == 0
        assert used.exec_driver_sql("SELECT 1").scalar() == 1, "one that is in use stays"

    held()
    for done in range(3 * WORTH, 4 * WORTH, 10):
        time.forward(seconds=3)
        spare.look(done)
    assert engine.pool.checkedin() == 1, "it was never quiet"
