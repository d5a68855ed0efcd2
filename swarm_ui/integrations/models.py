"""Frameworks that send data, and providers of models."""

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.crypto import Secret
from swarm_ui.extensions import db
from swarm_ui.orm import Id, Json, LongText, Timed, Words, table
from swarm_ui.tenancy import Owned


class Integration(Timed, Owned, db.Model):
    """A framework as it names itself in the instrumentation scope of its spans."""

    __tablename__ = "integrations"
    __table_args__ = table(UniqueConstraint("userId", "framework", "version"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    framework: Mapped[str] = mapped_column(String(255))
    version: Mapped[str] = mapped_column(String(64), default="")
    active: Mapped[bool] = mapped_column(default=True)
    configuration: Mapped[dict | None] = mapped_column(Json)
    last_seen_at: Mapped[datetime | None] = mapped_column("lastSeenAt")


class LlmProvider(Timed, Owned, db.Model):
    __tablename__ = "llm_providers"
    __table_args__ = table(Index("ix_llm_providers_userId_provider", "userId", "provider"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    provider: Mapped[str] = mapped_column(Words("openai", "anthropic", "ollama", "custom"))
    model: Mapped[str | None] = mapped_column(String(255))
    # Sealed: see crypto.seal and crypto.unseal.
    api_key: Mapped[str | None] = mapped_column("apiKey", Secret)
    base_url: Mapped[str | None] = mapped_column("baseUrl", LongText)
    active: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column("isDefault", default=False)
    configuration: Mapped[dict | None] = mapped_column(Json)
