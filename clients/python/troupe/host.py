"""A process that hosts agents written in Python, for every node of a cluster.

    host = troupe.AgentHost("cluster.toml", {"librarian": Librarian})
    asyncio.run(host.run())

It is a client of the cluster, with a client's key. On each node it says which types of agents it
answers for; mail for `librarian/paris` then comes here from the node where that address hashes to,
whoever wrote it. Several processes may host one type: each agent lives in one of them. What happens
when hosts and nodes come and go: docs/guarantees.md.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from . import wire
from ._session import Session
from ._shell import Restarts, Shell, error_body
from .agents import ERROR, Agent, Mail
from .aio import AsyncClient
from .client import ANSWER_LIMIT_S, CONNECT_LIMIT_S
from .cluster_file import ClusterFile
from .errors import Draining, InvalidArgument, NotFound, QueueFull, TroupeError, Unreachable
from .placement import home_of

_log = logging.getLogger("troupe")


class AgentHost:
    """`agents`: by type, what makes an agent: its class, or a function without arguments.

    At most `agents_max` agents, `mailbox_max` mails that wait for one of them and `mails_max` for all;
    what is over is answered with queue_full. Plain `def` handlers share `threads`. `client` is of use to
    the rest of the program; it is there once the host has started.
    """

    client: AsyncClient

    def __init__(
        self, cluster: str | os.PathLike[str] | ClusterFile, agents: Mapping[str, Callable[[], Agent]], *,
        name: str = "client", agents_max: int = 100_000, mailbox_max: int = 1024,
        mails_max: int = 65536, restarts: Restarts = Restarts(), threads: int = 8,
        stop_limit: float = 5.0,
    ) -> None:  # fmt: skip
        if not agents:
            raise InvalidArgument("a host needs a type of agents", 'as in {"librarian": Librarian}')
        for kind in agents:
            if wire.check_agent(kind + "/x").startswith(wire.CLIENT):
                raise InvalidArgument(f"'{kind}' cannot be a type of agents", "choose another name")
        self._cluster, self._name, self._agents = cluster, name, dict(agents)
        self._agents_max, self._mailbox_max, self._mails_max = agents_max, mailbox_max, mails_max
        self._restarts, self._stop_limit, self._threads_max = restarts, stop_limit, threads
        self._shells: dict[str, Shell] = {}
        self._attaching: dict[str, asyncio.Task[None]] = {}
        self._attached: dict[str, asyncio.Event] = {}
        self._lock = threading.Lock()
        self._held = 0  # mails that came and are not answered for; guarded by _lock
        self.closing = False

    # --- for whoever runs it ----------------------------------------------------------------------

    async def run(self) -> None:
        """Until it is canceled (Ctrl-C in asyncio.run() does that) or SIGTERM comes; then stops cleanly.
        Raises what a node refused the types with."""
        async with self:
            await self.wait_ended()

    async def wait_ended(self) -> None:
        """Until stop(), or SIGTERM. Raises what keeps the host from going on."""
        try:
            self.loop.add_signal_handler(signal.SIGTERM, self._end)
        except (ValueError, NotImplementedError, RuntimeError):
            return await self._ended  # on no main thread, or no Unix: nothing to add it to
        try:
            await self._ended
        finally:
            self.loop.remove_signal_handler(signal.SIGTERM)

    async def __aenter__(self) -> AgentHost:
        self.loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self.loop.create_future()
        self.threads = concurrent.futures.ThreadPoolExecutor(self._threads_max, "troupe-agent")
        self.client = AsyncClient(self._cluster, name=self._name, hosting=self)
        self._attached = {node: asyncio.Event() for node in self.client.nodes}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait_attached(self, node: str | None = None, timeout: float = ANSWER_LIMIT_S) -> None:
        """Until that node, or every one if it is None, sends the mail for these types here. Raises
        Unreachable, and what a node refused them with."""
        for one in self._attached if node is None else [node]:
            await self._wait_attached(one, timeout)

    async def stop(self) -> None:
        """Takes no more mail, gives the handlers that run `stop_limit` seconds, tells the agents
        (on_stop), and refuses the mail that is left as draining."""
        if self.closing:
            return
        self.closing = True
        for attaching in self._attaching.values():
            attaching.cancel()
        await asyncio.gather(*(self._leave(node) for node in self._attached))
        for shell in list(self._shells.values()):
            shell.hurry()
        await self._await_runners()
        ends = [self.loop.create_task(shell.end()) for shell in list(self._shells.values())]
        if ends:
            _, late = await asyncio.wait(ends, timeout=self._stop_limit)
            for end in late:
                end.cancel()
        self.threads.shutdown(wait=False, cancel_futures=True)
        await self.client.close()
        if not self._ended.done():
            self._ended.set_result(None)
        self._ended.exception()  # told by run() and wait_attached(), where anybody asks them

    # --- for the agents ---------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        return self.client._session

    async def write(self, message: wire.AgentMessage, node: str | None) -> None:
        way = node or self.session.way_to(wire.check_agent(message.to))
        # It would refuse mail of agents that are not hosted there (yet).
        if not self.closing:
            await self._wait_attached(way, CONNECT_LIMIT_S)
        await self.client._wait(self.session.write(message, way), way, CONNECT_LIMIT_S)

    async def ask_home(self, agent: str, verb: str, body: str) -> None:
        way, home = self.session.way_to(agent), home_of(agent, self.client.nodes)
        try:
            await self._ask(way, verb, body)
        except NotFound:
            if way == home:
                raise
            await self._ask(home, verb, body)  # it is away, and the others take it to come back

    async def _ask(self, node: str, verb: str, body: str) -> None:
        if not self.closing:
            await self._wait_attached(node, CONNECT_LIMIT_S)
        await self.client.control(node, verb, body)

    def answered(self, id: str, mail: Mail, error: TroupeError | None) -> None:
        with self._lock:
            self._held -= 1
        if error is not None:
            self._refuse(wire.AgentMessage(id, mail.sender, mail.reply, mail.topic), mail.node, error)

    def left(self, shell: Shell) -> None:
        self._shells.pop(shell.id, None)

    # --- on the link's thread ---------------------------------------------------------------------

    def node_up(self, node: str) -> None:
        self._post(self._on_up, node)

    def node_down(self, node: str) -> None:
        self._post(self._on_down, node)

    def link_ended(self, why: TroupeError) -> None:
        self._post(self._fail, why)

    def mail_came(self, node: str, message: wire.AgentMessage) -> None:
        # Counted here, so that a loop that is held up by a handler holds no more than it may.
        with self._lock:
            full = self._held >= self._mails_max
            self._held += not full
        if full:
            why = QueueFull(f"the process that hosts the agent holds {self._mails_max} mails already")
            return self._refuse(message, node, why)
        if not self._post(self._take, node, message):
            with self._lock:
                self._held -= 1

    def _post(self, do: Callable[..., None], *what: Any) -> bool:
        try:
            self.loop.call_soon_threadsafe(do, *what)
        except RuntimeError:
            return False  # the loop has been closed, and with it whoever would have been told
        return True

    # --- on the event loop ------------------------------------------------------------------------

    def _take(self, node: str, message: wire.AgentMessage) -> None:
        mail = Mail(message.sender, message.topic, message.body, message.reply, node, message.traceparent)
        shell = self._shells.get(message.to)
        make = self._agents.get(message.to.partition("/")[0])
        why: TroupeError | None = None
        if self.closing:
            why = Draining("the process that hosts the agent stops", "write again when one hosts it")
        elif make is None:
            why = NotFound(f"no agents of this type live where mail for {message.to} was sent")
        elif shell is None and len(self._shells) >= self._agents_max:
            why = QueueFull(f"the process holds its limit of {self._agents_max} agents")
        elif shell is not None and shell.mails >= self._mailbox_max:
            why = QueueFull(f"{self._mailbox_max} mails wait for {message.to} already", "retry later")
        if why is not None or make is None:
            return self.answered(message.to, mail, why)
        if shell is None:
            shell = self._shells[message.to] = Shell(message.to, make, self, self._restarts)
        shell.put(mail)

    def _refuse(self, message: wire.AgentMessage, node: str, why: TroupeError) -> None:
        """From any thread."""
        if message.topic == ERROR or not message.sender:
            return
        answer = wire.AgentMessage(
            message.sender, message.to, message.reply, ERROR, error_body(why)
        )
        self.session.tell(answer, node if message.sender.startswith(wire.CLIENT) else None)

    def _on_up(self, node: str) -> None:
        self._on_down(node)
        if not self.closing:
            self._attaching[node] = self.loop.create_task(self._attach(node))

    def _on_down(self, node: str) -> None:
        self._attached[node].clear()
        if attaching := self._attaching.pop(node, None):
            attaching.cancel()

    async def _attach(self, node: str) -> None:
        for kind in self._agents:
            while True:
                try:
                    await self.client.control(node, "host", json.dumps({"type": kind}))
                    break
                except Unreachable as lost:
                    _log.warning("node %s did not answer a request to host '%s': %s", node, kind, lost)
                except TroupeError as refused:
                    return self._fail(refused)
        self._attached[node].set()
        _log.info("node %s sends mail for %s here", node, ", ".join(self._agents))

    async def _leave(self, node: str) -> None:
        if not self._attached[node].is_set():
            return
        try:
            for kind in self._agents:
                await self.client.control(node, "unhost", json.dumps({"type": kind}), timeout=1.0)
        except TroupeError as lost:
            _log.info("node %s was not told that the host stops: %s", node, lost)

    async def _await_runners(self) -> None:
        runners = [shell.runner for shell in self._shells.values() if shell.runner is not None]
        if not runners:
            return
        _, late = await asyncio.wait(runners, timeout=self._stop_limit)
        for runner in late:
            _log.warning("%s did not end in time", runner.get_name())
            runner.cancel()
        if late:
            await asyncio.wait(late, timeout=self._stop_limit)

    async def _wait_attached(self, node: str, timeout: float) -> None:
        if node not in self._attached:
            raise NotFound(f"there is no node '{node}' in this cluster")
        if self._attached[node].is_set():
            return
        attached = self.loop.create_task(self._attached[node].wait())
        try:
            either: set[asyncio.Future[Any]] = {attached, self._ended}
            await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            attached.cancel()
        if self._attached[node].is_set():
            return
        if self._ended.done():
            self._ended.result()
        raise Unreachable(
            f"node '{node}' does not send mail here (yet)",
            "is it running (troupe status), and does its allow-list name this process's key?",
        )

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _fail(self, why: TroupeError) -> None:
        if not self.closing and not self._ended.done():
            _log.error("the host cannot go on: %s", why)
            self._ended.set_exception(why)


__all__ = ["AgentHost", "Restarts"]
