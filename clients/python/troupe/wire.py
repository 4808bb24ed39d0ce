"""The messages of docs/wire.md, version 1.7, and what both halves of the codec know of them.

`encode` and `decode` know every kind, though a client only ever sends some and hears others: a codec
that knows all of them can be held to tests/data/wire-goldens.txt, and tests can play a node with it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TypeAlias

from .errors import InvalidArgument, TooLarge, TroupeError
from .tasks import Outcome, Work

MAGIC = b"TRPE"
VERSION = 1
HEADER = struct.Struct("<4sBBHHBBB3sIIQQQ24s4I")
HEADER_BYTES = 88
FLAG_TTL, FLAG_TENSOR_FRAMED = 1, 2
NO_LANE = 255
F32 = 1
TENSOR_FRAME_BYTES_MIN = 6144
FRAME_BYTES_MAX = 1 << 20
FRAMES_MAX = 2

LANES = ("urgent", "ordinary")
ENTRIES = ("in_turn", "inside")
REASONS = ("none", "full", "pressing", "enough", "urgent", "ride", "unbatched")
WORK_ENCODE, WORK_RECALL, WORK_ACT, WORK_CLASSIFY = 1, 2, 3, 4
OUTCOME_ERROR, OUTCOME_EMBEDDING, OUTCOME_HITS, OUTCOME_ACTION, OUTCOME_SCORES = 1, 2, 3, 4, 5
(TAG_WORKFLOW, TAG_AGENT, TAG_TIMING, TAG_DELIVERY, TAG_ATTEMPT, TAG_LOAD, TAG_WEIGHT,
 TAG_LAST, TAG_TRACE_FLAGS, TAG_FRAMING, TAG_RECEIVED) = range(1, 12)

TEXT_BYTES_MAX = 64 << 10
BODY_BYTES_MAX = 256 << 10
NAME_BYTES_MAX = 128
VECTOR_NUMBERS_MAX = 8192
HITS_MAX = 1000
LABELS_MAX = 1024
BATCH_TASKS_MAX = 1024
ERROR_TEXT_BYTES_MAX = 4096
WEIGHT_MAX = 1e6
CLIENT = "client/"  # begins the address of a client's connection, and of no agent
YEAR_S = 365 * 24 * 3600
YEAR_NS = YEAR_S * 10**9
YEAR_US = YEAR_S * 10**6


@dataclass(frozen=True)
class Load:
    """How long a task that came now would wait, by lane, in nanoseconds; a year: nothing runs there."""

    ordinary_ns: int
    urgent_ns: int


@dataclass(frozen=True)
class Hello:
    epoch: int
    connection: int
    node: str
    delivery: bool = False
    framing: bool = False  # it reads shared frames and parts; this client does not


@dataclass(frozen=True)
class Heartbeat:
    epoch: int
    last: bool = False  # its sender stops: nothing comes behind this on the lane
    received: int | None = None  # bytes of the ordinary lane, told by those who read shared frames


@dataclass(frozen=True)
class AgentMessage:
    to: str
    sender: str = ""
    reply: int = 0
    topic: str = ""
    body: bytes = b""
    traceparent: str = ""  # what it was written for (traces.py)


@dataclass(frozen=True, eq=False)
class SubmitTask:
    task: int
    work: Work
    model: str = ""
    tenant: str = "default"
    workflow: str = ""
    agent: str = ""
    lane: str | None = None
    ttl_us: int | None = None
    weight: float = 1.0
    attempt: int = 0  # 0 where delivery is not spoken
    traceparent: str = ""


@dataclass(frozen=True)
class CancelTask:
    task: int


@dataclass(frozen=True, eq=False)
class TaskResult:
    outcome: Outcome
    load: Load | None = None

    @property
    def task(self) -> int:
        return int(self.outcome.id, 16)


@dataclass(frozen=True)
class ControlRequest:
    id: int
    verb: str
    body: bytes = b""


@dataclass(frozen=True)
class ControlReply:
    id: int
    ok: bool
    body: bytes = b""


@dataclass(frozen=True)
class TaskAccepted:
    task: int
    attempt: int
    load: Load | None = None


@dataclass(frozen=True, eq=False)
class TaskRejected:
    task: int
    attempt: int
    retry_after_ns: int
    why: TroupeError = field(default_factory=lambda: TroupeError(""))
    load: Load | None = None


@dataclass(frozen=True)
class ResultAck:
    task: int


Message: TypeAlias = (
    Hello | Heartbeat | AgentMessage | SubmitTask | CancelTask | TaskResult | ControlRequest
    | ControlReply | TaskAccepted | TaskRejected | ResultAck
)  # fmt: skip

KINDS: dict[int, type[Message]] = {
    1: Hello, 2: Heartbeat, 3: AgentMessage, 4: SubmitTask, 5: CancelTask, 6: TaskResult,
    7: ControlRequest, 8: ControlReply, 9: TaskAccepted, 10: TaskRejected, 11: ResultAck,
}  # fmt: skip
KIND_OF: dict[type[Message], int] = {kind: number for number, kind in KINDS.items()}


def task_name(task: int) -> str:
    """The id as troupe prints it."""
    return f"{task:032x}"


def task_number(name: str) -> int:
    try:
        number = int(name, 16)
    except ValueError:
        number = 0
    if len(name) != 32 or not 0 < number < 1 << 128:
        raise InvalidArgument(f"{name!r} is not a task's id", "it has 32 hexadecimal digits, not all 0")
    return number


# --- what values may be, whichever way they go ----------------------------------------------------

_AGENT_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@")


def check_name(what: str, name: str, *, may_be_empty: bool = True) -> bytes:
    try:
        raw = name.encode("utf-8")
    except (UnicodeEncodeError, AttributeError):
        raise InvalidArgument(f"{what} is not text in UTF-8") from None
    if not raw and not may_be_empty:
        raise InvalidArgument(f"{what} is empty")
    if len(raw) > NAME_BYTES_MAX:
        raise TooLarge(f"{what} of {len(raw)} bytes is over the limit of {NAME_BYTES_MAX}")
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        raise InvalidArgument(f"{what} holds control characters")
    return raw


def check_agent(name: str) -> str:
    kind, slash, key = name.partition("/")
    if not slash or not all(
        0 < len(part) <= NAME_BYTES_MAX and _AGENT_CHARS.issuperset(part) for part in (kind, key)
    ):
        raise InvalidArgument(
            f"{name[:256]!r} is not an agent id",
            "write type/key with letters, digits and -_.:@, like librarian/017",
        )
    return name


def check_scope(scope: str) -> str:
    check_agent(scope[:-1] + "-" if scope.endswith("/*") else scope)
    return scope


def check_size(what: str, size: int, size_max: int, unit: str = "bytes") -> None:
    if size > size_max:
        raise TooLarge(f"{what} of {size} {unit} is over the limit of {size_max}")
