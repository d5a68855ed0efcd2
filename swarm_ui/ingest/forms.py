"""What may be sent to a task over REST: one model for each kind of thing, and clear words for what cannot be taken.

Text is mended as everywhere (NUL and lone surrogates become U+FFFD, NaN null); a wrong type, an unknown field or something too large is refused by
its name, and with it the whole request.
"""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from swarm_ui import clock
from swarm_ui.errors import Refused
from swarm_ui.ingest.models import KINDS
from swarm_ui.ingest.records import LATEST_US
from swarm_ui.jsontext import clean, clean_text, dumps, is_deep
from swarm_ui.tasks.models import EVENT_TYPES, LEVELS, MESSAGE_TYPES
from swarm_ui.tasks.models import STATUSES as TASK_STATUSES
from swarm_ui.web import RowId

S = TypeVar("S", bound="Sent")
# Characters: of one content as JSON, of metadata, of a log line, of a name.
LARGEST_CONTENT = 1_000_000
LARGEST_METADATA = 64_000
LONGEST_LINE = 100_000
LONGEST_NAME = 255
# Things a request.
MOST_TASKS = 200
MOST_ITEMS = 5_000
_LARGEST_COUNT = 2_000_000_000
SPAN_STATUSES = {"ok": 1, "completed": 1, "error": 2, "failed": 2, "unset": 0, "running": 0}


def _wrong(said: str) -> PydanticCustomError:
    return PydanticCustomError("sent", "{said}", {"said": said})


def _text(value: Any) -> Any:
    return clean_text(value, None) if isinstance(value, str) else value


def _name(value: Any) -> Any:
    """Blanks at its ends go: MySQL takes "a" and "a " for the same key."""
    return clean_text(value, None).strip() if isinstance(value, str) else value


def _moment(value: Any) -> int:
    """µs of an ISO 8601 text (UTC where it names no zone) or of seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _wrong("Give a time as ISO 8601 text or as seconds since 1970")
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise _wrong("Not a time: give ISO 8601, such as 2026-11-17T03:12:40.5Z") from None
        try:
            found = clock.to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except OverflowError:
            found = -1
    else:
        found = round(value * 1_000_000) if math.isfinite(value) and abs(value) < 1e12 else -1
    if not 0 < found < LATEST_US:
        raise _wrong("Not a time between 1970 and 2200")
    return found


def _content(value: Any) -> Any:
    value = clean(value)
    if len(value if isinstance(value, str) else dumps(value)) > LARGEST_CONTENT:
        raise _wrong(f"Larger than {LARGEST_CONTENT:,} characters")
    return value


def _metadata(value: Any) -> Any:
    if not isinstance(value, dict):
        raise _wrong("Must be an object")
    value = clean(value)
    if is_deep(value, 2):
        raise _wrong("Nested too deeply")
    if len(dumps(value)) > LARGEST_METADATA:
        raise _wrong(f"Larger than {LARGEST_METADATA:,} characters")
    return value


# A client's own id: what a URL can hold without being escaped.
ClientId = Annotated[
    str, Field(strict=True, min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._~:@+-]*$")
]
SpanKey = Annotated[str, Field(strict=True, min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Name = Annotated[str, BeforeValidator(_name), Field(strict=True, min_length=1, max_length=LONGEST_NAME)]
Label = Annotated[str, BeforeValidator(_name), Field(strict=True, max_length=LONGEST_NAME)]
Words = Annotated[str, BeforeValidator(_text), Field(strict=True, max_length=8_000)]
Line = Annotated[str, BeforeValidator(_text), Field(strict=True, min_length=1, max_length=LONGEST_LINE)]
Moment = Annotated[int, BeforeValidator(_moment)]
Content = Annotated[Any, AfterValidator(_content)]
Metadata = Annotated[dict[str, Any], BeforeValidator(_metadata)]
Count = Annotated[int, Field(strict=True, ge=0, le=_LARGEST_COUNT)]
Money = Annotated[float, Field(strict=True, ge=0, lt=10_000_000, allow_inf_nan=False)]
Priority = Annotated[int, Field(strict=True, ge=1, le=10)]
Status = Literal[(*TASK_STATUSES, "cancelled")]  # type: ignore[valid-type]


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """What was named, as it is stored."""
        return self.model_dump(exclude_unset=True)


class TaskChange(Sent):
    """`null` takes back what was said before."""

    name: Name = ""
    workflow: Label | None = None
    workflowId: RowId | None = None
    sessionId: Label | None = None
    service: Label | None = None
    input: Content = None
    status: Status | None = None
    result: Content = None
    startedAt: Moment | None = None
    completedAt: Moment | None = None
    deadlineAt: Moment | None = None
    priority: Priority | None = None
    errorType: Label | None = None
    errorMessage: Words | None = None

    @model_validator(mode="after")
    def _agree(self) -> "TaskChange":
        if self.workflow and self.workflowId:
            raise _wrong("Give workflow or workflowId, not both")
        if self.startedAt and self.completedAt and self.completedAt < self.startedAt:
            raise _wrong("completedAt lies before startedAt")
        if self.startedAt and self.deadlineAt and self.deadlineAt < self.startedAt:
            raise _wrong("deadlineAt lies before startedAt")
        return self


class NewTask(TaskChange):
    id: ClientId | None = None
    name: Name

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in super().given().items() if value is not None}


class NewMessage(Sent):
    id: ClientId | None = None
    sender: Name | None = None
    senderId: RowId | None = None
    recipient: Name | None = None
    recipientId: RowId | None = None
    messageType: Literal[MESSAGE_TYPES]  # type: ignore[valid-type]
    content: Content
    metadata: Metadata | None = None
    at: Moment | None = None
    spanId: SpanKey | None = None

    @model_validator(mode="after")
    def _agree(self) -> "NewMessage":
        if bool(self.sender) == bool(self.senderId):
            raise _wrong("Give sender or senderId")
        if self.recipient and self.recipientId:
            raise _wrong("Give recipient or recipientId, not both")
        return self


class NewLog(Sent):
    id: ClientId | None = None
    agent: Name | None = None
    agentId: RowId | None = None
    eventType: Literal[EVENT_TYPES] | None = None  # type: ignore[valid-type]
    level: Literal[LEVELS] | None = None  # type: ignore[valid-type]
    message: Line
    metadata: Metadata | None = None
    at: Moment | None = None
    spanId: SpanKey | None = None


class NewMetric(Sent):
    id: ClientId | None = None
    agent: Name | None = None
    agentId: RowId | None = None
    executionTime: Count | None = None
    tokenUsage: Count | None = None
    inputTokens: Count | None = None
    outputTokens: Count | None = None
    cachedTokens: Count | None = None
    estimatedCost: Money | None = None
    successFlag: Annotated[bool, Field(strict=True)] | None = None
    provider: Label | None = None
    model: Label | None = None
    errorType: Label | None = None
    at: Moment | None = None
    spanId: SpanKey | None = None

    @model_validator(mode="after")
    def _agree(self) -> "NewMetric":
        measured = (
            self.executionTime,
            self.tokenUsage,
            self.inputTokens,
            self.outputTokens,
            self.estimatedCost,
            self.successFlag,
        )
        if all(value is None for value in measured):
            raise _wrong("Nothing is measured: give executionTime, tokens, estimatedCost or successFlag")
        return self


class NewSpan(Sent):
    spanId: SpanKey | None = None
    parentSpanId: SpanKey | None = None
    kind: Literal[KINDS] | None = None  # type: ignore[valid-type]
    name: Name
    agent: Name | None = None
    startedAt: Moment | None = None
    endedAt: Moment | None = None
    status: Literal[tuple(SPAN_STATUSES)] | None = None  # type: ignore[valid-type]
    provider: Label | None = None
    model: Label | None = None
    inputTokens: Count | None = None
    outputTokens: Count | None = None
    cachedTokens: Count | None = None
    tokenUsage: Count | None = None
    cost: Money | None = None
    finishReason: Label | None = None
    errorType: Label | None = None
    errorMessage: Words | None = None
    input: Content = None
    output: Content = None
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _agree(self) -> "NewSpan":
        if self.parentSpanId and self.parentSpanId == self.spanId:
            raise _wrong("A span cannot be its own parent")
        if self.startedAt and self.endedAt and self.endedAt < self.startedAt:
            raise _wrong("endedAt lies before startedAt")
        return self


def read(model: type[S], body: Any, most: int) -> tuple[list[S], bool]:
    """(the things of this body, whether it was an array). One that is wrong refuses all, with field and index: `items[3].messageType: …`."""
    several = isinstance(body, list)
    if not several and not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object, or an array of them.")
    items = body if several else [body]
    if not 0 < len(items) <= most:
        raise Refused(
            422,
            f"items: an array holds 1 to {most:,} objects, not {len(items):,}",
            fields={"items": f"1 to {most:,}"},
        )
    found, wrong = [], {}
    for index, item in enumerate(items):
        place = f"items[{index}]" if several else ""
        if not isinstance(item, dict):
            wrong[place] = "must be an object"
        else:
            try:
                found.append(model.model_validate(item))
            except ValidationError as error:
                wrong |= _said(error, place)
        if len(wrong) > 50:
            break
    if wrong:
        refuse(wrong)
    return found, several


def _said(error: ValidationError, place: str) -> dict[str, str]:
    said = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        field = ".".join(str(part) for part in item["loc"] if not str(part).startswith("function-"))
        said[".".join(part for part in (place, clean_text(field, 100)) if part) or "body"] = clean_text(
            item["msg"], 300
        )
    return said


def refuse(wrong: dict[str, str], status: int = 422) -> None:
    """Raises Refused, with the first of these in its sentence."""
    field, said = next(iter(wrong.items()))
    raise Refused(status, f"{field}: {said}", fields=wrong)
