"""The message API of a cluster over ZeroMQ, blocking: tasks of every kind, agents, control.

    import troupe
    with troupe.connect("cluster.toml") as client:
        embedding = client.encode("a calm text editor", model="minilm", time_limit=0.05)
        task = client.submit(troupe.Encode("another text"), model="minilm")
        outcome = task.outcome()

Thread-safe. A thread of the client's own has the connections, so heartbeats go on while the caller
works; callbacks of futures run on it and must not wait. Close the client, or use it as a context.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import json
import os
import queue
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypedDict, TypeVar, Unpack

from . import wire
from ._link import Address
from ._session import Hosting, Session, not_connected
from .cluster_file import ClusterFile, KeyPair, read_cluster_file
from .errors import InvalidArgument, Malformed, TroupeError, Unreachable
from .tasks import Act, Action, Classify, Embedding, Encode, Hits, Letter, Outcome, Output, Recall
from .tasks import Scores, Work

T = TypeVar("T")
CONNECT_LIMIT_S = 5.0
ANSWER_LIMIT_S = 30.0


class How(TypedDict, total=False):
    """What may be said about each task, by keyword."""

    model: str  # its name in the cluster's file; of a policy for Act
    lane: str | None  # "urgent", "ordinary"; None: the scheduler decides
    time_limit: float | None  # seconds from now within which the answer is wanted
    tenant: str
    workflow: str  # the part of the tenant's work that shares fairly with the others
    weight: float  # what the answer is worth against others'
    traceparent: str  # the trace that it is done for (W3C); empty: none
    node: str | None  # that gets it first; None: the least busy, or where an agent's memory is


class Task:
    """A task on its way. `id` is also known to the nodes (`troupe explain ID`)."""

    def __init__(
        self, number: int, future: concurrent.futures.Future[Outcome], work: Work, how: How,
        session: Session,
    ) -> None:  # fmt: skip
        self.id = wire.task_name(number)
        self.future = future  # of the outcome; it never raises but when it was canceled itself
        self.work, self.how = work, how
        self._number, self._session = number, session

    def outcome(self, timeout: float | None = None) -> Outcome:
        """Waits for it; TimeoutError if that takes longer, which ends nothing."""
        return self.future.result(timeout)

    def result(self, timeout: float | None = None) -> Output:
        """The outcome's output, or its error raised."""
        return self.outcome(timeout).unwrap()

    def done(self) -> bool:
        return self.future.done()

    def cancel(self) -> None:
        """Its outcome is Canceled, unless it has one already."""
        self._session.cancel(self._number)


def submit_to(session: Session, work: Work, how: How, number: int = 0, agent: str = "") -> Task:
    """`agent`: on whose behalf, where a hosted agent asks."""
    request = wire.SubmitTask(
        number, work, how.get("model", ""), how.get("tenant", "default"), how.get("workflow", ""), agent,
        how.get("lane"), None, how.get("weight", 1.0), 0, how.get("traceparent", ""),
    )  # fmt: skip
    number, future = session.submit(request, how.get("time_limit"), how.get("node"))
    return Task(number, future, work, how, session)


def resubmit_to(session: Session, task: Task) -> Task:
    if not task.done() or not isinstance(task.outcome().error, Unreachable):
        raise InvalidArgument(
            "only a task that ended as unreachable is submitted again under its id",
            "submit its work anew",
        )
    return submit_to(session, task.work, task.how, wire.task_number(task.id))


def session_of(
    cluster: str | os.PathLike[str] | ClusterFile, name: str, tasks_max: int, resubmit: bool,
    hosting: Hosting | None = None,
) -> Session:  # fmt: skip
    file = cluster if isinstance(cluster, ClusterFile) else read_cluster_file(cluster)
    nodes = [
        Address(node.name, node.host, node.urgent_port, node.ordinary_port, file.public_keys(node.name))
        for node in file.nodes
    ]

    def fresh_keys(node: str) -> tuple[KeyPair, tuple[str, ...]] | None:
        try:
            return file.key_pair(name), file.public_keys(node)
        except TroupeError:
            return None  # what is being written just now is there the next time

    return Session(
        name, file.key_pair(name), nodes, file.heartbeat_interval, file.heartbeats_missed_max,
        tasks_max, resubmit, hosting, fresh_keys,
    )  # fmt: skip


class Client:
    """`cluster` is the path of the cluster's file, or what read_cluster_file() made of it.

    `name` is the client's key file there. With `resubmit`, tasks whose node is lost are given to
    another node, or to the same one when it is back, under the same id, and a node that still has them
    does not do them twice (docs/guarantees.md); without, they end as Unreachable at once, and
    resubmit() does the same on demand.
    """

    def __init__(
        self, cluster: str | os.PathLike[str] | ClusterFile, *, name: str = "client",
        resubmit: bool = True, tasks_max: int = 65536,
    ) -> None:  # fmt: skip
        self._session = session_of(cluster, name, tasks_max, resubmit)
        atexit.register(self.close)

    def close(self) -> None:
        """What has no outcome yet is stopped where it runs and ends as Canceled."""
        atexit.unregister(self.close)
        self._session.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def nodes(self) -> list[str]:
        return list(self._session.names)

    def wait_connected(self, node: str | None = None, timeout: float = CONNECT_LIMIT_S) -> None:
        """Until that node, or any, is connected. Not needed before submit(), which waits up to ten
        seconds for a node. Raises Unreachable with the likely reasons."""
        self._wait(self._session.connected(node), node, timeout)

    # --- tasks ------------------------------------------------------------------------------------

    def submit(self, work: Work, **how: Unpack[How]) -> Task:
        """Returns at once. Raises InvalidArgument or TooLarge for what is no task, and QueueFull while
        `tasks_max` of this client's tasks have no outcome."""
        return submit_to(self._session, work, how)

    def resubmit(self, task: Task) -> Task:
        """The same task again, under the same id: if a node still has it, or its result, it does not
        run twice there. For tasks whose outcome was Unreachable, and no others."""
        return resubmit_to(self._session, task)

    def encode(self, text: str | bytes, **how: Unpack[How]) -> Embedding:
        output = self._run(Encode(text), how)
        if not isinstance(output, Embedding):
            raise Malformed("an encode was answered with something else")
        return output

    def recall(self, scope: str, query: Iterable[float], k: int = 10, **how: Unpack[How]) -> Hits:
        output = self._run(Recall(scope, query, k), how)
        if not isinstance(output, Hits):
            raise Malformed("a recall was answered with something else")
        return output

    def act(
        self, observation: Iterable[float], agent: str = "", step: int = 0, **how: Unpack[How]
    ) -> Action:
        output = self._run(Act(observation, agent, step), how)
        if not isinstance(output, Action):
            raise Malformed("an act was answered with something else")
        return output

    def classify(self, text: str | bytes, **how: Unpack[How]) -> Scores:
        output = self._run(Classify(text), how)
        if not isinstance(output, Scores):
            raise Malformed("a classify was answered with something else")
        return output

    def map(
        self, works: Iterable[Work], *, pending_max: int = 1024, **how: Unpack[How]
    ) -> Iterator[Outcome]:
        """The outcomes in the order of the works, of which at most `pending_max` are under way or wait
        to be read. Stopping to read cancels the rest."""
        tasks: deque[Task] = deque()
        check_pending_max(pending_max)
        try:
            for work in works:
                if len(tasks) >= pending_max:
                    yield tasks.popleft().outcome()
                tasks.append(self.submit(work, **how))
            while tasks:
                yield tasks.popleft().outcome()
        finally:
            for task in tasks:
                task.cancel()

    def as_completed(
        self, works: Iterable[Work], *, pending_max: int = 1024, **how: Unpack[How]
    ) -> Iterator[tuple[Work, Outcome]]:
        """As map(), but each as it comes, with the work that it is of."""
        done: queue.SimpleQueue[Task] = queue.SimpleQueue()
        tasks: dict[str, Task] = {}
        check_pending_max(pending_max)

        def next_one() -> tuple[Work, Outcome]:
            task = done.get()
            del tasks[task.id]
            return task.work, task.outcome()

        try:
            for work in works:
                if len(tasks) >= pending_max:
                    yield next_one()
                task = self.submit(work, **how)
                tasks[task.id] = task
                task.future.add_done_callback(lambda _, task=task: done.put(task))  # type: ignore[misc]
            while tasks:
                yield next_one()
        finally:
            for task in tasks.values():
                task.cancel()

    def unfinished(self) -> int:
        """Tasks without an outcome."""
        return self._session.unfinished()

    def _run(self, work: Work, how: How) -> Output:
        task = submit_to(self._session, work, how)
        try:
            return task.result()
        finally:
            task.cancel()  # of use only where the wait was interrupted

    # --- agents and nodes -------------------------------------------------------------------------

    def send(
        self, to: str, topic: str = "", body: str | bytes = b"", *, reply: int = 0,
        node: str | None = None, timeout: float = CONNECT_LIMIT_S, traceparent: str = "",
    ) -> None:  # fmt: skip
        """Writes to an agent, at most once. Answers come to receive(), with the same `reply`. Without a
        `node` it goes to where the agent lives; `timeout` is for that node to be connected. What the
        agent does for it belongs to the trace of `traceparent`."""
        raw = body.encode() if isinstance(body, str) else body
        message = wire.AgentMessage(to, "", reply, topic, raw, traceparent)
        self._wait(self._session.write(message, node), node, timeout)

    def receive(self, timeout: float | None = None) -> Letter | None:
        """The next answer of any agent, or None within the time."""
        future = self._session.letter()
        try:
            return future.result(timeout)
        except TimeoutError:
            return None if future.cancel() else future.result()
        except BaseException:
            if not future.cancel():
                self._session.put_back(future.result())
            raise

    def control(
        self, node: str, verb: str, body: str | bytes = b"", timeout: float = ANSWER_LIMIT_S
    ) -> Any:
        """A question to the node itself: the JSON that it answers with, read."""
        raw = body.encode() if isinstance(body, str) else body
        return read_json(self._wait(self._session.control(node, verb, raw), node, timeout))

    def status(self, node: str, timeout: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        return read_object(self.control(node, "status", timeout=timeout))

    def explain(self, task: str, node: str, timeout: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        """Where a task's time went; the node is the one that did it."""
        return read_object(self.control(node, "explain", task, timeout))

    def load_model(self, model: str, node: str, timeout: float = 600.0) -> dict[str, Any]:
        return read_object(self.control(node, "load", model, timeout))

    def unload_model(self, model: str, node: str, timeout: float = 600.0) -> dict[str, Any]:
        return read_object(self.control(node, "unload", model, timeout))

    def _wait(self, future: concurrent.futures.Future[T], node: str | None, timeout: float) -> T:
        try:
            return future.result(timeout)
        except TimeoutError:
            if future.cancel():
                raise not_connected(node) from None
            return future.result()
        except BaseException:
            future.cancel()
            raise


def connect(
    cluster: str | os.PathLike[str] | ClusterFile, *, name: str = "client", resubmit: bool = True
) -> Client:
    """A client of the cluster that the file describes. Returns at once and keeps trying to connect."""
    return Client(cluster, name=name, resubmit=resubmit)


def check_pending_max(pending_max: int) -> None:
    if pending_max < 1:
        raise InvalidArgument("at least one task must be allowed to be under way")


def read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("a node answered with no JSON") from None


def read_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("a node answered with JSON that is no object")
    return value


__all__ = ["Address", "Client", "How", "KeyPair", "Task", "connect"]
