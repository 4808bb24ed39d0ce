"""The sender's half of the delivery protocol (docs/wire.md, docs/guarantees.md): offers each task to a
node, offers it again, there or elsewhere, when that comes to nothing, and concludes it exactly once.

The same rules as delivery/sender.hpp has for a client, in Python's words. Sans-io: events and the time
come in, actions are appended to `out`. Not thread-safe: the link's thread has it.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

NEVER = float("inf")

ATTEMPTS_MAX = 5  # nodes that may be lost with a task before it is given up
REPEAT_AFTER_S, REPEAT_AFTER_MAX_S = 1.0, 8.0  # an offer without an answer is sent again
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.01, 1.0
REFUSAL_PATIENCE_S = 10.0  # for tasks without a deadline, and for the first node to come
PINNED_PATIENCE_S = 3.0  # for a pinned task's node to come (back)
DRAINING_PAUSE_S = 5.0
GRACE_S = 2.0  # after the deadline, for the holder's own answer
RETRYABLE = frozenset(("queue_full", "draining", "unreachable"))
_BUDGET_MAX, _BUDGET_PER_TASK, _BUDGET_PER_S = 100.0, 0.1, 10.0


@dataclass(frozen=True)
class Offer:
    node: str
    task: int
    attempt: int
    time_left: float | None


@dataclass(frozen=True)
class Withdraw:
    node: str
    task: int


@dataclass(frozen=True)
class Acknowledge:
    node: str
    task: int


@dataclass(frozen=True)
class Conclude:
    """`own` is the code where the sender itself decided; None: with what came with the event."""

    task: int
    own: str | None


Action: TypeAlias = Offer | Withdraw | Acknowledge | Conclude


@dataclass
class _Task:
    id: int
    first: str
    deadline: float
    pinned: bool
    submitted: float
    attempt: int
    fresh: bool = True  # not offered yet
    state: str = "waiting"  # "offered", "held"
    node: str | None = None  # stands in that node's set
    losses: int = 0
    refusals: int = 0
    repeats: int = 0
    retry_at: float = NEVER
    waits_until: float = NEVER
    given: list[tuple[str, int]] = field(default_factory=list)  # who may answer: node, epoch
    refused: str | None = None


@dataclass
class _Node:
    up: bool = False
    epoch: int = 0
    refuses_until: float = -NEVER
    tasks: set[int] = field(default_factory=set)


class Sender:
    def __init__(self, nodes: Iterable[str], *, resubmit: bool, seed: int | None = None) -> None:
        self._nodes = {name: _Node() for name in nodes}
        self._tasks: dict[int, _Task] = {}
        self._for_any: set[int] = set()  # waiting while no node is up
        self._resubmit = resubmit
        self._random = random.Random(seed)
        self._timers: list[tuple[float, int]] = []
        self._armed: dict[int, float] = {}
        self._budget, self._filled = _BUDGET_MAX, -NEVER

    def __contains__(self, task: int) -> bool:
        return task in self._tasks

    def next_wakeup(self) -> float:
        while self._timers and self._armed.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else NEVER

    def advance(self, now: float, out: list[Action]) -> None:
        while self.next_wakeup() <= now:
            _, task = heapq.heappop(self._timers)
            self._armed.pop(task, None)
            if task in self._tasks:
                self._look_at(now, self._tasks[task], out)

    def open(self, now: float) -> list[str]:
        return [name for name, node in self._nodes.items() if node.up and node.refuses_until <= now]

    # --- events -----------------------------------------------------------------------------------

    def submitted(
        self, now: float, id: int, first: str, deadline: float, pinned: bool, attempt: int,
        out: list[Action],
    ) -> None:  # fmt: skip
        """`attempt`: of the last offer under this id, by an earlier task; else 0."""
        self._budget = min(_BUDGET_MAX, self._budget + _BUDGET_PER_TASK)
        task = _Task(id, first, deadline, pinned, now, attempt)
        self._tasks[id] = task
        self._dispatch(now, task, out)

    def node_up(self, now: float, name: str, epoch: int, out: list[Action]) -> None:
        node = self._nodes[name]
        if node.up and node.epoch == epoch:
            return
        if node.up:
            self.node_down(now, name, out)
        node.up = True
        if node.epoch != epoch:
            node.refuses_until = -NEVER
        node.epoch = epoch
        for id in sorted(node.tasks | self._for_any):
            if id in self._tasks:
                self._dispatch(now, self._tasks[id], out)

    def node_down(self, now: float, name: str, out: list[Action]) -> None:
        node = self._nodes[name]
        if not node.up:
            return
        node.up = False
        for id in sorted(node.tasks):
            if id in self._tasks:
                self._lost(now, self._tasks[id], out)

    def accepted(self, node: str, epoch: int, id: int, attempt: int) -> None:
        task = self._tasks.get(id)
        if task is None or not self._current(node, epoch):
            return
        if task.state == "offered" and task.node == node and task.attempt == attempt:
            task.state, task.retry_at = "held", NEVER
            self._arm(task)

    def rejected(
        self, now: float, node: str, epoch: int, id: int, attempt: int, why: str, retry_after: float,
        out: list[Action],
    ) -> None:  # fmt: skip
        task = self._tasks.get(id)
        if task is None or not self._current(node, epoch):
            return
        if task.state == "waiting" or task.node != node or task.attempt != attempt:
            return
        # It does not have the task, so it can neither answer it nor be told to stop.
        task.given = [given for given in task.given if given[0] != node]
        if why not in RETRYABLE:
            return self._conclude(task, None, out)
        self._declined(now, node, task, why, retry_after, out)

    def result(
        self, now: float, node: str, epoch: int, id: int, error: str | None, out: list[Action]
    ) -> None:
        if not self._current(node, epoch):
            return
        task = self._tasks.get(id)
        if task is None:  # concluded already: the node need not know why
            out.append(Acknowledge(node, id))
            return
        if (node, epoch) not in task.given:
            return
        out.append(Acknowledge(node, id))
        task.given.remove((node, epoch))
        if error is None or error not in RETRYABLE:
            return self._conclude(task, None, out)
        self._declined(now, node, task, error, 0.0, out)

    def undelivered(
        self, now: float, node: str, id: int, attempt: int, why: str, out: list[Action]
    ) -> None:
        """An offer could not even be sent."""
        task = self._tasks.get(id)
        if task is None or task.state != "offered" or task.node != node or task.attempt != attempt:
            return
        if task.repeats == 0 and task.given:  # one that was sent before may have arrived
            task.given.pop()
        if why not in RETRYABLE:
            return self._conclude(task, None, out)
        self._declined(now, node, task, why, 0.0, out)

    def canceled(self, id: int, out: list[Action]) -> None:
        if id in self._tasks:
            self._conclude(self._tasks[id], "canceled", out)

    def attempt_of(self, id: int) -> int:
        return self._tasks[id].attempt if id in self._tasks else 0

    # --- time -------------------------------------------------------------------------------------

    def _look_at(self, now: float, task: _Task, out: list[Action]) -> None:
        if task.state == "waiting":
            if now >= task.deadline:
                return self._conclude(task, "expired", out)
            if now >= task.waits_until:
                return self._conclude(task, "unreachable", out)
            if now >= task.retry_at:
                return self._dispatch(now, task, out)
            return self._arm(task)
        if now >= task.deadline + GRACE_S:
            return self._conclude(task, "expired", out)
        if now >= task.retry_at:
            if now < task.deadline and self._take_budget(now):
                task.repeats += 1
                assert task.node is not None
                return self._offer(now, task, task.node, out)
            task.retry_at = now + REPEAT_AFTER_S if now < task.deadline else NEVER
        self._arm(task)

    # --- decisions --------------------------------------------------------------------------------

    def _dispatch(self, now: float, task: _Task, out: list[Action]) -> None:
        """Gives the task to a node now, or says when to try again."""
        if now >= task.deadline:
            return self._conclude(task, "expired", out)
        if task.pinned:
            home = self._nodes[task.first]
            if not home.up:
                return self._wait_for_home(now, task)
            # What it would have searched is gone with the process that was given it.
            if task.given and task.given[-1][1] != home.epoch:
                return self._conclude(task, "unreachable", out)
            opens_at = home.refuses_until
            if opens_at <= now:
                return self._begin(now, task, task.first, out)
        else:
            if nodes := self._candidates(now, task):
                fresh = task.fresh and task.first in nodes
                return self._begin(now, task, task.first if fresh else self._least_busy(nodes), out)
            up = [node.refuses_until for node in self._nodes.values() if node.up]
            if not up:
                return self._wait_for_any(now, task, out)
            opens_at = max(now, min(up))
        patience = self._patience_ends(task)
        if now >= patience:
            return self._conclude(task, task.refused or "queue_full", out)
        self._leave(task)
        task.state = "waiting"
        task.retry_at = min(opens_at + self._jittered(task.refusals), patience)
        self._arm(task)

    def _begin(self, now: float, task: _Task, node: str, out: list[Action]) -> None:
        task.fresh = False
        task.attempt += 1
        task.repeats = 0
        self._offer(now, task, node, out)

    def _offer(self, now: float, task: _Task, to: str, out: list[Action]) -> None:
        self._leave(task)
        node = self._nodes[to]
        task.state, task.node, task.waits_until = "offered", to, NEVER
        node.tasks.add(task.id)
        if (to, node.epoch) not in task.given:
            task.given.append((to, node.epoch))
        task.retry_at = now + min(REPEAT_AFTER_MAX_S, REPEAT_AFTER_S * 2 ** min(task.repeats, 10))
        left = None if task.deadline == NEVER else max(0.0, task.deadline - now)
        out.append(Offer(to, task.id, task.attempt, left))
        self._arm(task)

    def _declined(
        self, now: float, by: str, task: _Task, why: str, retry_after: float, out: list[Action]
    ) -> None:
        """A full node may do it later, and asking again adds to its load. One that ends, cannot be
        reached or has no device that works is left alone for a while: the task is lost to it."""
        full = why == "queue_full"
        node = self._nodes[by]
        pause = retry_after if full else max(retry_after, DRAINING_PAUSE_S)
        node.refuses_until = max(node.refuses_until, now + pause)
        if task.state == "waiting" or task.node != by:
            return  # it is elsewhere by now
        task.refused = why
        if not full:
            return self._lost(now, task, out, declined=True)
        task.refusals += 1
        self._leave(task)
        task.state = "waiting"
        patience = self._patience_ends(task)
        if now >= patience or not self._take_budget(now):
            return self._conclude(task, None, out)
        opens_at = max(now, self._nodes[task.first].refuses_until) if task.pinned else now
        task.retry_at = min(opens_at + self._jittered(task.refusals), patience)
        self._arm(task)

    def _lost(self, now: float, task: _Task, out: list[Action], *, declined: bool = False) -> None:
        """The node that had it, or should have had it, is gone."""
        if task.state == "waiting":
            return
        task.losses += 1
        task.state = "waiting"
        self._leave(task)
        # A node that declined never had the task, so that giving it to another is no resubmission.
        if task.losses >= ATTEMPTS_MAX or not (self._resubmit or declined):
            return self._conclude(task, "unreachable", out)
        self._dispatch(now, task, out)

    def _wait_for_home(self, now: float, task: _Task) -> None:
        self._leave(task)
        task.state, task.node = "waiting", task.first
        self._nodes[task.first].tasks.add(task.id)
        task.retry_at, task.waits_until = NEVER, now + PINNED_PATIENCE_S
        self._arm(task)

    def _wait_for_any(self, now: float, task: _Task, out: list[Action]) -> None:
        self._leave(task)
        if now >= self._patience_ends(task):
            return self._conclude(task, "unreachable", out)
        task.state = "waiting"
        self._for_any.add(task.id)
        task.retry_at, task.waits_until = NEVER, self._patience_ends(task)
        self._arm(task)

    def _conclude(self, task: _Task, own: str | None, out: list[Action]) -> None:
        self._leave(task)
        self._armed.pop(task.id, None)
        # A task that is withdrawn is never done again under its id. Of one that was given up, whoever
        # still has it may go on, so that it can be submitted again.
        for node, epoch in task.given if own != "unreachable" else ():
            if self._current(node, epoch):
                out.append(Withdraw(node, task.id))
        out.append(Conclude(task.id, own))
        del self._tasks[task.id]

    # --- helpers ----------------------------------------------------------------------------------

    def _leave(self, task: _Task) -> None:
        self._for_any.discard(task.id)
        if task.node is not None:
            self._nodes[task.node].tasks.discard(task.id)
            task.node = None

    def _arm(self, task: _Task) -> None:
        end = task.deadline if task.state == "waiting" else task.deadline + GRACE_S
        at = min(end, task.retry_at, task.waits_until)
        if self._armed.get(task.id) == at:
            return
        if at == NEVER:
            self._armed.pop(task.id, None)
            return
        self._armed[task.id] = at
        heapq.heappush(self._timers, (at, task.id))
        if len(self._timers) > 2 * len(self._armed) + 64:  # most are of tasks that are done
            self._timers = [(when, id) for id, when in self._armed.items()]
            heapq.heapify(self._timers)

    def _patience_ends(self, task: _Task) -> float:
        return min(task.deadline, task.submitted + REFUSAL_PATIENCE_S)

    def _current(self, name: str, epoch: int) -> bool:
        node = self._nodes.get(name)
        return node is not None and node.up and node.epoch == epoch

    def _candidates(self, now: float, task: _Task) -> list[str]:
        nodes = self.open(now)
        had = {given[0] for given in task.given}
        return [node for node in nodes if node not in had] or nodes

    def _least_busy(self, nodes: list[str]) -> str:
        least = min(len(self._nodes[node].tasks) for node in nodes)
        return self._random.choice([node for node in nodes if len(self._nodes[node].tasks) == least])

    def choose_first(self, now: float) -> str:
        return self._least_busy(self.open(now) or list(self._nodes))

    def _jittered(self, doublings: int) -> float:
        pause = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2.0 ** min(doublings, 20))
        return pause * (1 + self._random.random())

    def _take_budget(self, now: float) -> bool:
        if self._filled > -NEVER:
            self._budget = min(_BUDGET_MAX, self._budget + (now - self._filled) * _BUDGET_PER_S)
        self._filled = now
        if self._budget < 1:
            return False
        self._budget -= 1
        return True
