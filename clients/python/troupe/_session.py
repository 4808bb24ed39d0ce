"""What a client over ZeroMQ knows and does: the sender's half of the delivery protocol over a link,
with a concurrent.futures.Future for everything that somebody waits for.

All state belongs to the link's thread, but the counts under `_lock`. The two faces, client.py and
aio.py, wait for the futures each in its own way.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Protocol

from . import _delivery as delivery
from . import wire
from ._link import Address, Link
from ._wire_encode import encode
from .cluster_file import KeyPair
from .errors import (
    Canceled, InternalError, InvalidArgument, Malformed, NotFound, QueueFull, TroupeError, Unreachable,
    error_of,
)  # fmt: skip
from .placement import home_of
from .tasks import Letter, Outcome, Recall, Work

_log = logging.getLogger("troupe")
LETTERS_MAX = 100_000  # answers that nobody has received; more are dropped
_TTL_AT = 40  # in a frame's header
_OWN_WORDS = {
    "expired": ("no node had done the task in time", "allow more time"),
    "canceled": ("the task was canceled", ""),
    "unreachable": (
        "no node that could do the task can be reached, or those that could were lost",
        "submit it again when they are back; `troupe status` says which are up",
    ),
}


def not_connected(node: str | None) -> Unreachable:
    whom = f"node '{node}' does not answer" if node else "no node answers"
    return Unreachable(
        whom, "is it running (troupe status), and does its allow-list name this client's key?"
    )


@dataclass
class Pending:
    request: wire.SubmitTask
    template: list[bytes]  # the request as its first attempt
    future: Future[Outcome]
    time_limit: float | None
    node: str | None
    submitted: float = 0.0


class Hosting(Protocol):
    """Whoever answers for agents of its own; called on the link's thread, and must not wait."""

    def node_up(self, node: str) -> None: ...
    def node_down(self, node: str) -> None: ...
    def mail_came(self, node: str, mail: wire.AgentMessage) -> None: ...
    def link_ended(self, why: TroupeError) -> None: ...


class Session:
    """`nodes` are all of the cluster: where an agent lives depends on them."""

    def __init__(
        self, name: str, keys: KeyPair, nodes: list[Address], heartbeat_interval: float,
        heartbeats_missed_max: int, tasks_max: int, resubmit: bool, hosting: Hosting | None = None,
        fresh_keys: Callable[[str], tuple[KeyPair, tuple[str, ...]] | None] = lambda node: None,
    ) -> None:  # fmt: skip
        if not nodes or len({node.name for node in nodes}) != len(nodes):
            raise InvalidArgument("a client needs the nodes of a cluster, each of them once")
        self.names = sorted(node.name for node in nodes)
        self._tasks_max = tasks_max
        self._hosting = hosting
        self._ids = itertools.count(1)
        self._ids_high = (int.from_bytes(os.urandom(8), "little") | 1) << 64
        self._lock = threading.Lock()
        self._unfinished: dict[int, Future[Outcome]] = {}  # under the lock, as the next two
        self._waited_for: set[Future[Any]] = set()  # whatever is no task
        self._closed = False

        self._sender = delivery.Sender(self.names, resubmit=resubmit)
        self._pending: dict[int, Pending] = {}
        self._attempts: dict[int, int] = {}  # of tasks that ended as unreachable, the latest
        self._up: dict[str, tuple[int, bool]] = {}  # node: epoch, delivery
        self._questions: dict[int, Future[bytes]] = {}
        self._later: list[tuple[str | None, Future[Any], Callable[[], None]]] = []  # once it is up
        self._letters: deque[Letter] = deque()
        self._readers: deque[Future[Letter]] = deque()
        self._link = Link(name, keys, nodes, heartbeat_interval, heartbeats_missed_max, self, fresh_keys)
        self._link.start()

    # --- from any thread --------------------------------------------------------------------------

    def check_node(self, node: str | None) -> None:
        if node is not None and node not in self.names:
            raise NotFound(
                f"there is no node '{node}' in this cluster", "choose one of: " + ", ".join(self.names)
            )

    def submit(
        self, request: wire.SubmitTask, time_limit: float | None, node: str | None
    ) -> tuple[int, Future[Outcome]]:
        """`request.task` 0: it gets a new id. Raises what makes the request none."""
        self.check_node(node)
        if time_limit is not None and not time_limit >= 0:
            raise InvalidArgument("a time limit is a number of seconds, not below 0")
        work = request.work
        if isinstance(work, Recall):
            if node is None and work.scope.endswith("/*") and len(self.names) > 1:
                raise InvalidArgument(
                    "a recall from all agents of a type searches one node and none was named",
                    "submit one to each node and take the best of their hits",
                )
            node = node or home_of(wire.check_scope(work.scope), self.names)
        task = request.task or self._ids_high | next(self._ids)
        ttl_us = None if time_limit is None else int(min(time_limit, wire.YEAR_S) * 1e6)
        request = replace(request, task=task, ttl_us=ttl_us, attempt=1)
        template = encode(request)
        future: Future[Outcome] = Future()
        with self._lock:
            if self._closed:
                raise Canceled("the client is closed")
            if task in self._unfinished:
                raise InvalidArgument("this task is on its way already", "give it another id, or none")
            if len(self._unfinished) >= self._tasks_max:
                raise QueueFull(f"{self._tasks_max} tasks of this client have no outcome yet")
            self._unfinished[task] = future
        pending = Pending(request, template, future, time_limit, node, time.monotonic())
        # Whoever cancels the future itself (asyncio does) does not want the task any more.
        future.add_done_callback(lambda done: self.cancel(task) if done.cancelled() else None)
        self._link.post(lambda: self._begin(task, pending))
        return task, future

    def cancel(self, task: int) -> None:
        self._link.post(lambda: self._act(lambda out: self._sender.canceled(task, out)))

    def unfinished(self) -> int:
        with self._lock:
            return len(self._unfinished)

    def connected(self, node: str | None) -> Future[None]:
        """Done when that node, or any if it is None, is connected."""
        self.check_node(node)
        future: Future[None] = Future()
        self._when_up(node, future, lambda: _done(future))
        return future

    def control(self, node: str, verb: str, body: bytes) -> Future[bytes]:
        """A question to the node itself, asked once it is connected."""
        self.check_node(node)
        number = next(self._ids)
        frames = encode(wire.ControlRequest(number, verb, body))
        future: Future[bytes] = Future()

        def ask() -> None:
            if future.done():
                return
            if code := self._link.send(node, "urgent", frames):
                return _fail(future, error_of(code, f"the question to '{node}' was not sent"))
            self._questions[number] = future

        future.add_done_callback(lambda _: self._link.post(lambda: self._drop_question(number)))
        self._when_up(node, future, ask)
        return future

    def write(self, message: wire.AgentMessage, node: str | None) -> Future[None]:
        """Done when it is queued; without a node to where the agent lives."""
        self.check_node(node)
        frames = encode(message)
        future: Future[None] = Future()

        def put() -> None:
            way = node or self.way_to(message.to)
            code = None if future.done() else self._link.send(way, "ordinary", frames)
            if code:
                return _fail(future, error_of(code, f"the letter to '{message.to}' was not sent"))
            _done(future)

        self._when_up(node, future, put)
        return future

    def way_to(self, agent: str) -> str:
        """Where it lives, of the nodes that are up: they pass letters on, while its home is away too."""
        return home_of(agent, list(self._up) or self.names)

    def tell(self, message: wire.AgentMessage, node: str | None) -> None:
        """As write(), but now or never: for answers that nobody waits to see sent."""
        frames = encode(message)
        self._link.post(lambda: self._tell(node, message, frames))

    def _tell(self, node: str | None, message: wire.AgentMessage, frames: list[bytes]) -> None:
        if code := self._link.send(node or self.way_to(message.to), "ordinary", frames):
            _log.debug("mail to %s was dropped: %s", message.to, code)

    def letter(self) -> Future[Letter]:
        future: Future[Letter] = Future()

        def read() -> None:
            if self._letters:
                letter = self._letters.popleft()
                if not _settle(future, letter):
                    self._letters.appendleft(letter)
            else:
                self._readers.append(future)

        self._post_for(future, read)
        return future

    def put_back(self, letter: Letter) -> None:
        """One that was received by somebody who had just stopped to wait."""
        self._link.post(lambda: self._letters.appendleft(letter))

    def close(self) -> None:
        """What has no outcome yet is stopped where it runs and ends as `canceled`."""
        with self._lock:
            self._closed = True
        self._link.post(self._cancel_all)
        self._link.stop()

    # --- on the link's thread: what it hears ------------------------------------------------------

    def up(self, node: str, epoch: int, delivery: bool) -> None:
        self._up[node] = (epoch, delivery)
        self._act(lambda out: self._sender.node_up(time.monotonic(), node, epoch, out))
        if self._hosting is not None:
            self._hosting.node_up(node)
        waiting, self._later = self._later, []
        for wanted, future, do in waiting:
            if wanted in (None, node):
                do()
            else:
                self._later.append((wanted, future, do))

    def down(self, node: str, why: TroupeError) -> None:
        if self._up.pop(node, None) is not None and self._hosting is not None:
            self._hosting.node_down(node)
        self._act(lambda out: self._sender.node_down(time.monotonic(), node, out))

    def heard(self, node: str, message: wire.Message) -> None:
        now, (epoch, _) = time.monotonic(), self._up[node]
        if isinstance(message, wire.TaskResult):
            outcome, task = message.outcome, message.task
            # Of a task that was given up the node keeps the result until it is acknowledged, and that
            # answers whoever submits it again. Afterwards it would not do it a second time.
            if task in self._attempts and task not in self._sender:
                return
            code = outcome.error.code if outcome.error else None
            self._act(lambda out: self._sender.result(now, node, epoch, task, code, out), outcome)
        elif isinstance(message, wire.TaskAccepted):
            self._sender.accepted(node, epoch, message.task, message.attempt)
        elif isinstance(message, wire.TaskRejected):
            why, retry_after = message.why, message.retry_after_ns / 1e9
            why.retry_after = retry_after
            task, attempt = message.task, message.attempt
            self._act(
                lambda out: self._sender.rejected(
                    now, node, epoch, task, attempt, why.code, retry_after, out
                ),
                error=why,
            )
        elif isinstance(message, wire.AgentMessage):
            if self._hosting is not None and not message.to.startswith(wire.CLIENT):
                return self._hosting.mail_came(node, message)
            self._deliver(Letter(message.sender, message.reply, message.topic, message.body, message.traceparent))
        elif isinstance(message, wire.ControlReply):
            future = self._questions.pop(message.id, None)
            if future is None:
                return
            if message.ok:
                _settle(future, message.body)
            else:
                _fail(future, error_of_body(message.body))

    def _drop_question(self, number: int) -> None:
        self._questions.pop(number, None)

    def next_wakeup(self) -> float:
        return self._sender.next_wakeup()

    def advance(self, now: float) -> None:
        if self._sender.next_wakeup() <= now:
            self._act(lambda out: self._sender.advance(now, out))

    # --- on the link's thread: what it does -------------------------------------------------------

    def _begin(self, task: int, pending: Pending) -> None:
        self._pending[task] = pending
        now = time.monotonic()
        limit = pending.time_limit
        deadline = delivery.NEVER if limit is None else pending.submitted + limit
        pinned = isinstance(pending.request.work, Recall)
        first = pending.node or self._sender.choose_first(now)
        earlier = self._attempts.pop(task, 0)
        self._act(
            lambda out: self._sender.submitted(now, task, first, deadline, pinned, earlier, out)
        )
        if pending.future.cancelled():
            self._act(lambda out: self._sender.canceled(task, out))

    def _act(
        self,
        decide: Callable[[list[delivery.Action]], None],
        outcome: Outcome | None = None,
        error: TroupeError | None = None,
    ) -> None:
        """Lets the protocol decide, and carries out what it decided and what comes of that."""
        actions: list[delivery.Action] = []
        decide(actions)
        for action in actions:  # which may grow meanwhile
            if isinstance(action, delivery.Offer):
                self._offer(action, actions)
            elif isinstance(action, delivery.Withdraw):
                self._link.send(action.node, "urgent", encode(wire.CancelTask(action.task)))
            elif isinstance(action, delivery.Acknowledge):
                if self._up.get(action.node, (0, False))[1]:
                    self._link.send(action.node, "urgent", encode(wire.ResultAck(action.task)))
            else:
                self._conclude(action, outcome, error)

    def _offer(self, offer: delivery.Offer, actions: list[delivery.Action]) -> None:
        pending = self._pending[offer.task]
        epoch, speaks_delivery = self._up.get(offer.node, (0, False))
        ttl_us = None if offer.time_left is None else int(min(offer.time_left, wire.YEAR_S) * 1e6)
        if offer.attempt == 1 and speaks_delivery:
            frames = list(pending.template)
            if ttl_us is not None:
                head = bytearray(frames[0])
                struct.pack_into("<Q", head, _TTL_AT, ttl_us)
                frames[0] = bytes(head)
        else:
            attempt = offer.attempt if speaks_delivery else 0
            frames = encode(replace(pending.request, ttl_us=ttl_us, attempt=attempt))
        if code := self._link.send(offer.node, pending.request.lane or "ordinary", frames):
            now = time.monotonic()
            self._sender.undelivered(now, offer.node, offer.task, offer.attempt, code, actions)
        elif not speaks_delivery:  # an older node says nothing until it is done
            self._sender.accepted(offer.node, epoch, offer.task, offer.attempt)
        self._attempts[offer.task] = offer.attempt

    def _conclude(
        self, action: delivery.Conclude, outcome: Outcome | None, error: TroupeError | None
    ) -> None:
        pending = self._pending.pop(action.task)
        name = wire.task_name(action.task)
        if action.own is not None:
            words = _OWN_WORDS.get(action.own, ("no node takes the task at the moment", "retry later"))
            end = Outcome(name, None, error_of(action.own, *words))
        elif outcome is not None and outcome.id == name:
            timing = outcome.timing
            there = timing.queue + timing.batch_wait + timing.compute
            network = max(0.0, time.monotonic() - pending.submitted - there)
            end = replace(outcome, timing=replace(timing, network=network))
        else:
            end = Outcome(name, None, error or InternalError("a refusal had no reason"))
        if end.error is None or end.error.code != "unreachable":
            self._attempts.pop(action.task, None)
        while len(self._attempts) > self._tasks_max + len(self._pending):
            self._attempts.pop(next(iter(self._attempts)))
        with self._lock:
            self._unfinished.pop(action.task, None)
        _settle(pending.future, end)

    def _deliver(self, letter: Letter) -> None:
        while self._readers:
            if _settle(self._readers.popleft(), letter):
                return
        if len(self._letters) < LETTERS_MAX:
            self._letters.append(letter)

    def _when_up(self, node: str | None, future: Future[Any], do: Callable[[], None]) -> None:
        def look() -> None:
            if (self._up and node is None) or node in self._up:
                return do()
            self._later = [one for one in self._later if not one[1].done()]
            self._later.append((node, future, do))

        self._post_for(future, look)

    # --- the end ----------------------------------------------------------------------------------

    def _post_for(self, future: Future[Any], do: Callable[[], None]) -> None:
        """Posts what will settle the future; should the thread end first, it fails."""
        with self._lock:
            if self._closed:
                raise Canceled("the client is closed")
            self._waited_for.add(future)
        future.add_done_callback(self._forget)
        self._link.post(do)

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._waited_for.discard(future)

    def _cancel_all(self) -> None:
        for task in list(self._pending):
            self._act(lambda out, task=task: self._sender.canceled(task, out))  # type: ignore[misc]

    def ended(self) -> None:
        """The last thing that the link's thread does, by close() or by a bug: nobody waits for ever."""
        with self._lock:
            self._closed = True
            tasks, others = dict(self._unfinished), list(self._waited_for)
            self._unfinished.clear()
        why: TroupeError = Canceled("the client was closed")
        if self._link.failure is not None:
            why = InternalError(f"the client's thread has failed: {self._link.failure!r}")
        for task, future in tasks.items():
            _settle(future, Outcome(wire.task_name(task), None, why))
        for waited_for in others:
            _fail(waited_for, why)
        if self._hosting is not None:
            self._hosting.link_ended(why)


def _settle(future: Future[Any], value: Any) -> bool:
    """False: it is canceled. Called on one thread at a time, so that it cannot be done in between."""
    if future.done() or not future.set_running_or_notify_cancel():
        return False
    future.set_result(value)
    return True


def _done(future: Future[None]) -> None:
    _settle(future, None)


def _fail(future: Future[Any], why: TroupeError) -> None:
    if not future.done() and future.set_running_or_notify_cancel():
        future.set_exception(why)


def error_of_body(body: bytes) -> TroupeError:
    try:
        told = json.loads(body)["error"]
        return error_of(str(told["code"]), str(told["what"]), str(told.get("next_step", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Malformed("a node refused in a form that is none")
