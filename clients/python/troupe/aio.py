"""The message API of a cluster over ZeroMQ for asyncio: client.py with `await`.

    async with troupe.AsyncClient("cluster.toml") as client:
        embedding = await client.encode("a calm text editor", model="minilm", time_limit=0.05)
        async for work, outcome in client.as_completed(works, model="minilm"):
            ...

The same thread of its own has the connections; what it hears comes to the caller's loop. Canceling
whoever awaits a task withdraws the task.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterable
from types import TracebackType
from typing import Any, TypeVar, Unpack

from . import wire
from ._session import Hosting, Session, not_connected
from .client import ANSWER_LIMIT_S, CONNECT_LIMIT_S, How, Task, check_pending_max, read_json, read_object
from .client import resubmit_to, session_of, submit_to
from .cluster_file import ClusterFile
from .errors import Malformed
from .tasks import Act, Action, Classify, Embedding, Encode, Hits, Letter, Outcome, Output, Recall
from .tasks import Scores, Work

T = TypeVar("T")


class AsyncTask:
    """A task on its way; `await task` gives its outcome."""

    def __init__(self, task: Task) -> None:
        self.id = task.id
        self.task = task
        self.future: asyncio.Future[Outcome] = asyncio.wrap_future(task.future)

    def __await__(self) -> Generator[Any, None, Outcome]:
        return self.future.__await__()

    def done(self) -> bool:
        return self.future.done()

    def cancel(self) -> None:
        """Its outcome is Canceled, unless it has one already."""
        self.task.cancel()


class AsyncTasks:
    """Tasks of every kind, as client.Client has them."""

    _session: Session
    _agent = ""  # on whose behalf
    traceparent = ""  # of tasks that have none of their own

    def submit(self, work: Work, **how: Unpack[How]) -> AsyncTask:
        """Returns at once; needs a running loop."""
        if self.traceparent:
            how.setdefault("traceparent", self.traceparent)
        return AsyncTask(submit_to(self._session, work, how, agent=self._agent))

    async def encode(self, text: str | bytes, **how: Unpack[How]) -> Embedding:
        output = await self._run(Encode(text), how)
        if not isinstance(output, Embedding):
            raise Malformed("an encode was answered with something else")
        return output

    async def recall(self, scope: str, query: Iterable[float], k: int = 10, **how: Unpack[How]) -> Hits:
        output = await self._run(Recall(scope, query, k), how)
        if not isinstance(output, Hits):
            raise Malformed("a recall was answered with something else")
        return output

    async def act(
        self, observation: Iterable[float], agent: str = "", step: int = 0, **how: Unpack[How]
    ) -> Action:
        output = await self._run(Act(observation, agent, step), how)
        if not isinstance(output, Action):
            raise Malformed("an act was answered with something else")
        return output

    async def classify(self, text: str | bytes, **how: Unpack[How]) -> Scores:
        output = await self._run(Classify(text), how)
        if not isinstance(output, Scores):
            raise Malformed("a classify was answered with something else")
        return output

    async def map(
        self, works: Iterable[Work], *, pending_max: int = 1024, **how: Unpack[How]
    ) -> AsyncIterator[Outcome]:
        """The outcomes in the order of the works. Close the iterator (contextlib.aclosing) if you stop
        early: that cancels the rest."""
        tasks: deque[AsyncTask] = deque()
        check_pending_max(pending_max)
        try:
            for work in works:
                if len(tasks) >= pending_max:
                    yield await tasks.popleft()
                tasks.append(self.submit(work, **how))
            while tasks:
                yield await tasks.popleft()
        finally:
            for task in tasks:
                task.cancel()

    async def as_completed(
        self, works: Iterable[Work], *, pending_max: int = 1024, **how: Unpack[How]
    ) -> AsyncIterator[tuple[Work, Outcome]]:
        """As map(), but each as it comes, with the work that it is of."""
        done: asyncio.Queue[AsyncTask] = asyncio.Queue()
        tasks: dict[str, AsyncTask] = {}
        check_pending_max(pending_max)

        async def next_one() -> tuple[Work, Outcome]:
            task = await done.get()
            del tasks[task.id]
            return task.task.work, await task

        try:
            for work in works:
                if len(tasks) >= pending_max:
                    yield await next_one()
                task = self.submit(work, **how)
                tasks[task.id] = task
                task.future.add_done_callback(lambda _, task=task: done.put_nowait(task))  # type: ignore[misc]
            while tasks:
                yield await next_one()
        finally:
            for task in tasks.values():
                task.cancel()

    async def _run(self, work: Work, how: How) -> Output:
        return (await self.submit(work, **how)).unwrap()


class AsyncClient(AsyncTasks):
    """As client.Client; each method there means the same here."""

    def __init__(
        self, cluster: str | os.PathLike[str] | ClusterFile, *, name: str = "client",
        resubmit: bool = True, tasks_max: int = 65536, hosting: Hosting | None = None,
    ) -> None:  # fmt: skip
        """`hosting` is host.AgentHost's."""
        self._session = session_of(cluster, name, tasks_max, resubmit, hosting)

    async def close(self) -> None:
        # It joins a thread that has a moment to send what is queued.
        await asyncio.to_thread(self._session.close)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def nodes(self) -> list[str]:
        return list(self._session.names)

    async def wait_connected(self, node: str | None = None, timeout: float = CONNECT_LIMIT_S) -> None:
        await self._wait(self._session.connected(node), node, timeout)

    def resubmit(self, task: AsyncTask) -> AsyncTask:
        return AsyncTask(resubmit_to(self._session, task.task))

    def unfinished(self) -> int:
        return self._session.unfinished()

    # --- agents and nodes -------------------------------------------------------------------------

    async def send(
        self, to: str, topic: str = "", body: str | bytes = b"", *, reply: int = 0,
        node: str | None = None, timeout: float = CONNECT_LIMIT_S, traceparent: str = "",
    ) -> None:  # fmt: skip
        raw = body.encode() if isinstance(body, str) else body
        message = wire.AgentMessage(to, "", reply, topic, raw, traceparent)
        await self._wait(self._session.write(message, node), node, timeout)

    async def receive(self, timeout: float | None = None) -> Letter | None:
        future = self._session.letter()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), timeout)
        except TimeoutError:
            return None if future.cancel() else future.result()
        except asyncio.CancelledError:
            if not future.cancel():
                self._session.put_back(future.result())
            raise

    async def control(
        self, node: str, verb: str, body: str | bytes = b"", timeout: float = ANSWER_LIMIT_S
    ) -> Any:
        raw = body.encode() if isinstance(body, str) else body
        return read_json(await self._wait(self._session.control(node, verb, raw), node, timeout))

    async def status(self, node: str, timeout: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        return read_object(await self.control(node, "status", timeout=timeout))

    async def explain(self, task: str, node: str, timeout: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        return read_object(await self.control(node, "explain", task, timeout))

    async def load_model(self, model: str, node: str, timeout: float = 600.0) -> dict[str, Any]:
        return read_object(await self.control(node, "load", model, timeout))

    async def unload_model(self, model: str, node: str, timeout: float = 600.0) -> dict[str, Any]:
        return read_object(await self.control(node, "unload", model, timeout))

    async def _wait(
        self, future: concurrent.futures.Future[T], node: str | None, timeout: float
    ) -> T:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), timeout)
        except TimeoutError:
            if future.cancel():
                raise not_connected(node) from None
            return future.result()
