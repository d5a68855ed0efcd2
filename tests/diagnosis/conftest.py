from tests.ingest.conftest import key, sender  # noqa: F401
