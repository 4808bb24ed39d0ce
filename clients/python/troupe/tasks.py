"""A task in the words of whoever sends one: what to compute, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .errors import TroupeError
from .vectors import Vector

URGENT = "urgent"
ORDINARY = "ordinary"


@dataclass(frozen=True)
class Encode:
    """Turn a text into one vector of the model's width."""

    text: str | bytes


@dataclass(frozen=True, eq=False)
class Recall:
    """The `k` documents nearest to `query` in one agent's memory ("librarian/017"), or in those of
    all agents of a type ("librarian/*") on the node that is asked."""

    scope: str
    query: Iterable[float]
    k: int = 10


@dataclass(frozen=True, eq=False)
class Act:
    """The action that a policy takes on what `agent` observes at its `step`."""

    observation: Iterable[float]
    agent: str = ""
    step: int = 0


@dataclass(frozen=True)
class Classify:
    """How a classifier scores each of its labels on a text."""

    text: str | bytes


Work: TypeAlias = Encode | Recall | Act | Classify


@dataclass(frozen=True, eq=False)
class Embedding:
    vector: Vector
    tokens: int  # computed, special ones included
    truncated: bool  # the text was longer than the model reads


@dataclass(frozen=True)
class Hit:
    memory: str
    document: int
    score: float


@dataclass(frozen=True)
class Hits:
    hits: list[Hit]  # best first


@dataclass(frozen=True)
class Action:
    number: int


@dataclass(frozen=True, eq=False)
class Scores:
    logits: Vector
    labels: list[str]
    tokens: int
    truncated: bool

    def best(self) -> str:
        return self.labels[max(range(len(self.labels)), key=lambda i: float(self.logits[i]))]


Output: TypeAlias = Embedding | Hits | Action | Scores


@dataclass(frozen=True)
class Timing:
    """Where the time went, in seconds; measured on the node, but `network`."""

    lane: str = ORDINARY
    queue: float = 0.0
    batch_wait: float = 0.0
    compute: float = 0.0
    predicted: float = 0.0
    network: float = 0.0
    batch_tasks: int = 0
    entry: str = "in_turn"
    reason: str = "none"


@dataclass(frozen=True)
class Outcome:
    """The one outcome of a task: its output, or the error that says why there is none."""

    id: str
    output: Output | None
    error: TroupeError | None
    timing: Timing = field(default_factory=Timing)

    @property
    def ok(self) -> bool:
        return self.error is None

    def unwrap(self) -> Output:
        if self.error is not None:
            raise self.error
        assert self.output is not None
        return self.output


@dataclass(frozen=True)
class Letter:
    """An answer from an agent; `reply` is the number that send() gave the conversation."""

    sender: str
    reply: int
    topic: str
    body: bytes
    traceparent: str = ""  # the trace that the agent wrote it for
