"""What somebody writes who writes an agent in Python: a class with handlers.

    class Librarian(troupe.Agent):
        async def on_message(self, mail: troupe.Mail) -> None:
            question = await self.context.encode(mail.body, model="minilm", lane="urgent")
            hits = await self.context.recall(self.context.id, question.vector, k=3)
            await self.context.reply(mail, "answer", json.dumps([hit.document for hit in hits.hits]))

An agent has an address `type/key`, exists from its first message on, and lives in a process that hosts
its type (host.AgentHost). Its handlers run one at a time. An `async def` handler runs on the host's
event loop and must not block; a plain `def` one runs on a thread of the host's and may, and has
`context.wait(...)` for what it would await.

A handler that raises ends this object: the message that did it is answered with an "error", the mailbox
is kept, and after a back-off a new object of the same agent goes on with the next message. After too
many of these within a window the agent stays down and answers everything with an error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from . import wire
from ._session import Session, error_of_body
from .aio import AsyncTasks
from .errors import InvalidArgument, TroupeError
from .vectors import bytes_of_vector, vector_of_bytes

T = TypeVar("T")
ERROR = "error"  # the topic of failures; an error is never answered with another
_log = logging.getLogger("troupe")


@dataclass(frozen=True)
class Mail:
    """`sender` is an agent's address, or a client's connection (`client/...`); either can be answered."""

    sender: str
    topic: str
    body: bytes
    reply: int = 0  # the client's own number for the conversation
    node: str = ""  # that passed it on
    traceparent: str = ""  # the trace that it was written for

    @property
    def from_client(self) -> bool:
        return self.sender.startswith(wire.CLIENT)

    def error(self) -> TroupeError:
        """What a mail of the topic "error" tells."""
        return error_of_body(self.body)


class Agent:
    """Each handler may be `async def` or plain `def`. `context` is there from on_start() on."""

    context: Context

    def on_start(self) -> Awaitable[None] | None:
        """Before the first message."""
        return None

    def on_message(self, mail: Mail) -> Awaitable[None] | None:
        raise NotImplementedError(f"{type(self).__name__} has no on_message")

    def on_error(self, mail: Mail) -> Awaitable[None] | None:
        """Something that this agent wrote was refused, or failed where it arrived."""
        _log.warning("%s was told of a failure by %s: %s", self.context.id, mail.sender, mail.error())
        return None

    def on_timer(self, timer: int) -> Awaitable[None] | None:
        return None

    def on_stop(self) -> Awaitable[None] | None:
        """The host stops, or stop() was called; not after a failure."""
        return None


class Around(Protocol):
    """What an agent's context needs of what is around it."""

    @property
    def session(self) -> Session: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    async def write(self, message: wire.AgentMessage, node: str | None) -> None: ...
    async def ask_home(self, agent: str, verb: str, body: str) -> None: ...


class Context(AsyncTasks):
    """An agent's view of the world. It has encode(), recall(), act(), classify(), submit(), map() and
    as_completed() as AsyncClient has them; the nodes know whose tasks they are. While mail of a trace is
    handled, `traceparent` is that trace's, and what goes out belongs to it."""

    def __init__(self, id: str, around: Around) -> None:
        self.id = self._agent = id
        self.type, _, self.key = id.partition("/")
        self._around = around
        self._session = around.session
        self._thread = threading.get_ident()
        self._timers: list[tuple[int, float]] = []
        self._last_timer = 0
        self.stopping = False

    @property
    def nodes(self) -> list[str]:
        """Of the cluster."""
        return list(self._session.names)

    async def send(self, to: str, topic: str = "", body: str | bytes = b"") -> None:
        """To an agent, on whatever node. Returns when it is on its way; what refuses it is told to
        on_error(). Raises Unreachable when the node where it lives is not up within five seconds."""
        await self._write(to, topic, body, 0, None)

    async def reply(self, mail: Mail, topic: str = "", body: str | bytes = b"") -> None:
        """To whoever wrote the mail, now or later, once or more often. An answer to a client that has
        gone is dropped."""
        node = mail.node if mail.from_client else None
        await self._write(mail.sender, topic, body, mail.reply, node)

    async def remember(self, document: int, vector: Iterable[float]) -> None:
        """In this agent's own memory, which recall() searches and which stays when the agent or its host
        goes. Remembering a document again replaces its vector."""
        numbers = [float(number) for number in vector_of_bytes(bytes_of_vector(vector))]
        await self._ask("remember", {"document": document, "vector": numbers})

    async def forget(self, document: int | None = None) -> None:
        """That document, or everything."""
        await self._ask("forget", {} if document is None else {"document": document})

    def after(self, delay: float) -> int:
        """One on_timer() with this number, not before so many seconds have passed since the handler
        ended; none if this object fails or stops before."""
        if not delay >= 0:
            raise InvalidArgument("a delay is a number of seconds, not below 0")
        self._last_timer += 1
        self._timers.append((self._last_timer, delay))
        return self._last_timer

    def stop(self) -> None:
        """Ends the agent after this handler. Its next message makes a new one."""
        self.stopping = True

    def wait(self, what: Coroutine[Any, Any, T]) -> T:
        """For plain `def` handlers, which run on a thread: `self.context.wait(self.context.reply(...))`."""
        if threading.get_ident() == self._thread:
            what.close()
            raise InvalidArgument("wait() would stop the event loop", "await it instead")
        return asyncio.run_coroutine_threadsafe(what, self._around.loop).result()

    def take_timers(self) -> list[tuple[int, float]]:
        timers, self._timers = self._timers, []
        return timers

    async def _write(
        self, to: str, topic: str, body: str | bytes, reply: int, node: str | None
    ) -> None:
        raw = body.encode() if isinstance(body, str) else body
        await self._around.write(wire.AgentMessage(to, self.id, reply, topic, raw, self.traceparent), node)

    async def _ask(self, verb: str, body: dict[str, Any]) -> None:
        await self._around.ask_home(self.id, verb, json.dumps({"agent": self.id, **body}))


__all__ = ["Agent", "Context", "Mail"]
