"""What people and programs may set of an agent: the same rules for the form and the API, each fault said at its field."""

import json
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError
from pydantic_core import PydanticCustomError

from swarm_ui.agents.editing import SETTINGS
from swarm_ui.agents.models import TYPES, Agent
from swarm_ui.errors import Refused
from swarm_ui.jsontext import DEEPEST, clean_text, dump_bytes

M = TypeVar("M", bound=BaseModel)
LONGEST_NAME = 255
LONGEST_DESCRIPTION = 100_000
MOST_CAPABILITIES, LONGEST_CAPABILITY = 100, 200
LARGEST_PARAMETERS = 100_000
# A form of that many characters takes up to twelve bytes for each of them on its way.
LARGEST_FORM = 12 * (LONGEST_DESCRIPTION + LARGEST_PARAMETERS) + 100_000


def _no(said: str) -> NoReturn:
    raise PydanticCustomError("agent", "{said}", {"said": said})


def _line(value: Any, longest: int = LONGEST_NAME) -> Any:
    """A text in one line, without blanks at its ends, as the names in traces are."""
    if not isinstance(value, str):
        return value
    text = " ".join(clean_text(value, None).split())
    if len(text) > longest:
        _no(f"At most {longest} characters; these are {len(text):,}.")
    return text


def _name(value: Any) -> Any:
    text = _line(value)
    if isinstance(text, str) and not any(unicodedata.category(letter)[0] in "LNPS" for letter in text):
        _no("An agent needs a name that can be seen.")
    return text


def _or_none(value: Any) -> Any:
    return _line(value) or None if isinstance(value, str) else value


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = clean_text(value, None).replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > LONGEST_DESCRIPTION:
        _no(f"At most {LONGEST_DESCRIPTION:,} characters; these are {len(text):,}.")
    return text or None


def _listed(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    found: dict[str, None] = {}
    for place, item in enumerate(value, 1):
        if not isinstance(item, str):
            _no(f"Entry {place} is no text.")
        text = " ".join(clean_text(item, None).split())
        if len(text) > LONGEST_CAPABILITY:
            _no(f"Entry {place} has {len(text):,} characters; at most {LONGEST_CAPABILITY} are kept.")
        if "," in text:
            _no(f"Entry {place} holds a comma; make two entries of it.")
        if text:
            found[text] = None
    if len(found) > MOST_CAPABILITIES:
        _no(f"At most {MOST_CAPABILITIES} entries; these are {len(found):,}.")
    return list(found)


def _split(value: Any) -> Any:
    """One a line, or several with commas. None at all: as traces say."""
    if not isinstance(value, str):
        return value
    return [part for part in re.split(r"[\n\r,]", value) if part.strip()] or None


def _parameters(value: Any) -> Any:
    if isinstance(value, dict):
        if fault := _fault(value):
            _no(fault)
        if len(dump_bytes(value)) > LARGEST_PARAMETERS:
            _no(f"Larger than {LARGEST_PARAMETERS // 1000} KB.")
    return value


def _fault(value: Any, at: tuple[str, ...] = ()) -> str | None:
    """What in it a JSON column cannot hold, and where: "limits.max: …"."""
    where = ".".join(at)[:200]
    if isinstance(value, float) and not math.isfinite(value):
        return f"{where}: JSON knows no number like this."
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return f"{where}: this number needs more than 64 bits; write it as a text."
    if isinstance(value, str) and clean_text(value, None) != value:
        return f"{where}: this text holds a character that cannot be stored."
    if not isinstance(value, (dict, list)):
        return None
    if len(at) >= DEEPEST:
        return f"{where}: nested deeper than {DEEPEST} levels."
    pairs: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        if isinstance(key, str) and clean_text(key, None) != key:
            return f"{where or 'The object'}: a key holds a character that cannot be stored."
        if fault := _fault(item, (*at, str(key))):
            return fault
    return None


def _read_json(value: Any) -> Any:
    """The text of the form. Says where it is wrong."""
    if not isinstance(value, str):
        return value
    if len(value) > LARGEST_PARAMETERS:
        _no(f"Larger than {LARGEST_PARAMETERS // 1000} KB.")
    if not value.strip():
        return None
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice.append(next(name for name in found if names.count(name) > 1))
        return found

    constants = [
        match
        for match in re.finditer(r'"(?:[^"\\]|\\.)*"?|-?Infinity|NaN', value)
        if not match[0].startswith('"')
    ]
    if constants:
        before = value[: constants[0].start()]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        _no(f"Line {line}, column {column}: {constants[0][0]} is not JSON; write a number or null.")
    try:
        found = json.loads(value, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        _no(f"Line {error.lineno}, column {error.colno}: {_said_json(error.msg)}")
    except RecursionError:
        _no(f"Nested deeper than {DEEPEST} levels.")
    except ValueError:  # an integer of thousands of digits
        _no("A number is too long.")
    if not isinstance(found, dict):
        _no('Write an object, such as {"temperature": 0.2}.')
    if twice:
        _no(f"The key {twice[0][:100]} is there twice.")
    return found


def _said_json(message: str) -> str:
    said = {
        "Expecting property name enclosed in double quotes": "a key in double quotes is expected here.",
        "Expecting value": "a value is expected here.",
        "Expecting ',' delimiter": "a comma or the end of the list or object is expected here.",
        "Expecting ':' delimiter": "a colon is expected here.",
        "Extra data": "the object ended before this.",
        "Unterminated string starting at": "the text that begins here does not end.",
    }
    return said.get(message, f"{message}.")


Kind = Literal[TYPES]  # type: ignore[valid-type]
Name = Annotated[str, BeforeValidator(_name)]
Service = Annotated[str, BeforeValidator(_line)]
Model = Annotated[str | None, BeforeValidator(_or_none)]
Description = Annotated[str | None, BeforeValidator(_text)]
Capabilities = Annotated[list[str] | None, BeforeValidator(_listed)]
Parameters = Annotated[dict[str, Any] | None, BeforeValidator(_parameters)]


def _seconds(value: Any) -> Any:
    """Seconds, or with a unit: 90, "90s", "5m", "2h", "1d"."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        _no("Seconds, or a number with s, m, h or d, such as 5m.")
    found = re.fullmatch(r"(\d{1,9})\s*([smhd]?)", str(value).strip().lower())
    if isinstance(value, str) and not value.strip():
        return None
    if found is None:
        _no("Seconds, or a number with s, m, h or d, such as 5m.")
    seconds = int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]
    if not 1 <= seconds <= LONGEST_PERIOD:
        _no("From one second to 30 days.")
    return seconds


def _grace(value: Any) -> Any:
    return 0 if str(value).strip() == "0" else _seconds(value)


LONGEST_PERIOD = 30 * 86_400
Period = Annotated[int | None, BeforeValidator(_seconds)]
Grace = Annotated[int | None, BeforeValidator(_grace)]


class AgentForm(BaseModel):
    """As a browser sends it; `revision` is the one that the form was filled with."""

    name: Name
    serviceName: Service = ""
    type: Annotated[Kind | None, BeforeValidator(lambda value: value or None)] = None
    capabilities: Annotated[Capabilities, BeforeValidator(_split)] = None
    description: Description = None
    llmModel: Model = None
    parameters: Annotated[Parameters, BeforeValidator(_read_json)] = None
    heartbeatPeriod: Period = None
    heartbeatGrace: Grace = None
    revision: Annotated[int, Field(ge=0, le=2**31)] = 0

    def settings(self) -> dict[str, Any]:
        return {column: getattr(self, column) for column in SETTINGS}


class AgentNew(BaseModel):
    """As a program sends it."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    serviceName: Service = ""
    type: Kind | None = None
    capabilities: Capabilities = None
    description: Description = None
    llmModel: Model = None
    parameters: Parameters = None
    heartbeatPeriod: Period = None
    heartbeatGrace: Grace = None

    def settings(self) -> dict[str, Any]:
        return {column: getattr(self, column) for column in SETTINGS}


class AgentChange(AgentNew):
    """What is named is set, the rest stays. None: as traces say, or nothing. `revision` is the one that the program has seen."""

    name: Name = ""
    switchedOff: StrictBool = False
    revision: Annotated[int, Field(ge=0, strict=True)] = 0

    def settings(self) -> dict[str, Any]:
        return {column: getattr(self, column) for column in SETTINGS if column in self.model_fields_set}


def read(model: type[M], values: Any) -> M:
    """`values` as `model`; raises Refused (422) with one sentence a field."""
    if not isinstance(values, dict):
        raise Refused(400, "The body must be a JSON object.")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fields: dict[str, str] = {}
        for item in error.errors():
            name = str(item["loc"][0]) if item["loc"] else "body"
            fields.setdefault(name[:100], _said(model, name, item))
        first = next(iter(fields.items()))
        raise Refused(422, f"{first[0]}: {first[1]}", fields=fields) from error


_COLUMNS = {column.key for column in Agent.__mapper__.columns}
_SAID = {
    "missing": "This is needed.",
    "literal_error": f"Choose one of {', '.join(TYPES)}.",
    "string_type": "This must be a text.",
    "list_type": "This must be a list of texts.",
    "dict_type": "This must be an object.",
    "bool_type": "This must be true or false.",
}


def _said(model: type[BaseModel], name: str, item: Any) -> str:
    if item["type"] == "agent":
        return item["msg"]
    if item["type"] == "extra_forbidden":
        if name in _COLUMNS:
            return "This follows from runs and cannot be set."
        return f"There is no such field; there are {', '.join(model.model_fields)}."
    return _SAID.get(item["type"], item["msg"] + ".")


def filled(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the form's fields show them."""
    parameters = settings["parameters"]
    return settings | {
        "capabilities": "\n".join(settings["capabilities"] or ()),
        "parameters": "" if parameters is None else json.dumps(parameters, indent=2, ensure_ascii=False),
        "heartbeatPeriod": _spelt(settings["heartbeatPeriod"]),
        "heartbeatGrace": _spelt(settings["heartbeatGrace"]),
    }


def _spelt(seconds: int | None) -> str:
    """In the largest unit that it is a whole number of: 5m."""
    if seconds is None:
        return ""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s" if seconds else "0"
