"""What is around an agent: its mailbox, the one task that runs its handlers, and its restarts, by the
rules of actors/agent_shell.hpp. Everything happens on the host's event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from .agents import ERROR, Agent, Around, Context, Mail
from .errors import Draining, HandlerFailed, TroupeError

_log = logging.getLogger("troupe")
_ERROR_TEXT_CHARS_MAX = 2000
_OF_BASE = frozenset(
    (Agent.on_start, Agent.on_message, Agent.on_error, Agent.on_timer, Agent.on_stop)
)


@dataclass(frozen=True)
class Restarts:
    """How often an agent may fail within `window` seconds before it stays down, and how long it waits
    after each time: `backoff_min`, then twice as long with each one more, up to `backoff_max`."""

    restarts_max: int = 5
    window: float = 60.0
    backoff_min: float = 0.01
    backoff_max: float = 5.0


class RestartBudget:
    """actors/restart_budget.hpp in Python's words: a function of the times of the failures."""

    def __init__(self, restarts: Restarts) -> None:
        self._restarts = restarts
        self._crashes: deque[float] = deque()

    def crashed(self, now: float) -> float | None:
        """How long to wait before the next start, or None to give up."""
        of = self._restarts
        while self._crashes and now - self._crashes[0] >= of.window:
            self._crashes.popleft()
        if len(self._crashes) >= of.restarts_max:
            return None
        wait = of.backoff_min * 2.0 ** min(len(self._crashes), 64)
        self._crashes.append(now)
        return min(wait, of.backoff_max)


class House(Around, Protocol):
    """What a shell needs of its host."""

    @property
    def closing(self) -> bool: ...
    @property
    def threads(self) -> Executor: ...
    def answered(self, id: str, mail: Mail, error: TroupeError | None) -> None: ...
    def left(self, shell: Shell) -> None: ...


@dataclass(frozen=True)
class _Timer:
    incarnation: int
    number: int


def error_body(error: TroupeError) -> bytes:
    """As actors/error_mail.hpp writes it."""
    told = {"code": error.code, "what": error.message, "next_step": error.next_step}
    return json.dumps({"error": told}).encode("utf-8", "replace")


def _draining() -> TroupeError:
    return Draining("the process that hosts the agent stops", "write again when one hosts it")


def _words(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {failure}"[:_ERROR_TEXT_CHARS_MAX]


class Shell:
    def __init__(self, id: str, make: Callable[[], Agent], house: House, restarts: Restarts) -> None:
        self.id = id
        self.mails = 0  # in the mailbox
        self.runner: asyncio.Task[None] | None = None
        self._make, self._house = make, house
        self._budget = RestartBudget(restarts)
        self._mailbox: deque[Mail | _Timer] = deque()
        self._agent: Agent | None = None
        self._incarnation = 0
        self._down = False
        self._stopped = False  # by its own stop(), and not begun again
        self._backing_off = False

    def put(self, item: Mail | _Timer) -> None:
        self._mailbox.append(item)
        self.mails += isinstance(item, Mail)
        if self.runner is None:
            self.runner = self._house.loop.create_task(self._run(), name=f"agent {self.id}")

    def hurry(self) -> None:
        """The host stops: nobody waits for a back-off to end."""
        if self._backing_off and self.runner is not None:
            self.runner.cancel()

    async def end(self) -> None:
        """After the runner: what is left is refused, and the agent told."""
        for item in self._mailbox:
            if isinstance(item, Mail):
                self._house.answered(self.id, item, _draining())
        self._mailbox.clear()
        self.mails = 0
        await self._stop_agent()

    async def _run(self) -> None:
        try:
            while self._mailbox and not self._house.closing:
                if self._agent is None and not self._down and not await self._begin():
                    continue
                item = self._mailbox.popleft()
                if isinstance(item, Mail):
                    self.mails -= 1
                    await self._take(item)
                elif item.incarnation == self._incarnation and self._agent is not None:
                    await self._settle(await self._handle(self._agent.on_timer, item.number))
                await asyncio.sleep(0)  # one agent's full mailbox is not the others' wait
        finally:
            self.runner = None
        if self._stopped and not self._mailbox:
            self._house.left(self)

    async def _begin(self) -> bool:
        """A new object, or a failure and its back-off."""
        self._incarnation += 1
        self._stopped = False
        try:
            self._agent = self._make()
            self._agent.context = Context(self.id, self._house)
        except Exception as failure:
            await self._crashed(failure)
            return False
        # stop() in on_start() is obeyed after the first message: else that would begin the next agent.
        raised = await self._handle(self._agent.on_start)
        if raised is not None:
            await self._crashed(raised)
        return raised is None

    async def _take(self, mail: Mail) -> None:
        if self._agent is None:
            why = HandlerFailed(f"{self.id} failed too often and stays down",
                                "look for its failures in the log of the process that hosts it")  # fmt: skip
            return self._house.answered(self.id, mail, why)
        handler = self._agent.on_error if mail.topic == ERROR else self._agent.on_message
        answer: TroupeError | None = _draining()  # where the wait for it is given up
        self._agent.context.traceparent = mail.traceparent
        try:
            failure = await self._handle(handler, mail)
            answer = None
            if failure is not None:
                answer = HandlerFailed(f"{self.id} failed: {_words(failure)}",
                                       "the message was dropped; fix the handler or the message")  # fmt: skip
        finally:
            self._agent.context.traceparent = ""
            self._house.answered(self.id, mail, answer)
        await self._settle(failure)

    async def _handle(self, handler: Callable[..., Any], *what: Any) -> BaseException | None:
        """What the handler raised."""
        try:
            await self._call(handler, *what)
        except asyncio.CancelledError as canceled:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # it is us who are canceled, and not what the handler waited for
            return canceled
        except Exception as failure:
            return failure
        assert self._agent is not None
        for number, delay in self._agent.context.take_timers():
            self._house.loop.call_later(delay, self._fire, _Timer(self._incarnation, number))
        return None

    async def _settle(self, failure: BaseException | None) -> None:
        if failure is not None:
            await self._crashed(failure)
        elif self._agent is not None and self._agent.context.stopping:
            self._stopped = True
            await self._stop_agent()

    async def _call(self, handler: Callable[..., Any], *what: Any) -> None:
        if getattr(handler, "__func__", None) in _OF_BASE:
            handler(*what)
        elif inspect.iscoroutinefunction(handler):
            await handler(*what)
        else:
            result = await self._house.loop.run_in_executor(self._house.threads, lambda: handler(*what))
            if inspect.isawaitable(result):
                await result

    def _fire(self, timer: _Timer) -> None:
        if timer.incarnation == self._incarnation and self._agent is not None and not self._house.closing:
            self.put(timer)

    async def _crashed(self, failure: BaseException) -> None:
        self._agent = None
        wait = self._budget.crashed(time.monotonic())
        if wait is None:
            self._down = True
            _log.error("%s failed too often and stays down", self.id, exc_info=failure)
            return
        _log.warning("%s failed and will be restarted in %.3g s", self.id, wait, exc_info=failure)
        self._backing_off = True
        try:
            await asyncio.sleep(wait)
        finally:
            self._backing_off = False

    async def _stop_agent(self) -> None:
        agent, self._agent = self._agent, None
        if agent is None:
            return
        try:
            await self._call(agent.on_stop)
        except Exception:
            _log.warning("%s failed while it was stopped", self.id, exc_info=True)
