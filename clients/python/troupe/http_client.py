"""A node's HTTP door (docs/http.md), blocking, with the standard library alone.

    with troupe.HttpClient("http://127.0.0.1:8080") as client:
        vectors = client.encode(["a calm text editor", "a drawing program"], model="minilm")

Thread-safe: calls that run at once have connections of their own, which are kept for later ones.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, cast

from . import _v2
from ._v2 import Clock, Inference, JobStatus
from .cluster_file import ClusterFile, read_cluster_file
from .errors import Malformed, TooLarge, TroupeError, Unreachable
from .vectors import Matrix, Vector, join

CONNECTIONS_KEPT_MAX = 8
TIMEOUT_S = 60.0


class _Timed:
    """A socket for http.client whose every step ends with the request's clock: a server that sends a
    byte now and then must not hold the caller for ever. As with sockets, who reads an answer may do so
    after close()."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.clock = Clock(None, 0)
        self._readers, self._closed = 0, False

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(self.clock.wait_left())
        self.sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Raw(self), 1 << 16)

    def close(self) -> None:
        self._closed = True
        self.let_go(0)

    def let_go(self, readers: int) -> None:
        self._readers -= readers
        if self._closed and self._readers == 0:
            self.sock.close()


class _Raw(io.RawIOBase):
    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._timed.sock.settimeout(self._timed.clock.wait_left())
        return self._timed.sock.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._timed.let_go(1)
        super().close()


class HttpClient:
    """`url` is a node's; `key` an API key. `timeout` seconds bound every call, retries included, and
    so does a task's time limit. `retries` is how often a refusal that says when to come again (429 or
    503 with Retry-After) is obeyed; 0: never."""

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = TIMEOUT_S, retries: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._address = _v2.parse_url(url)
        self._headers = {"User-Agent": "troupe-python", **_v2.check_key(key)}
        self._timeout, self._retries = timeout, retries
        self._tls = tls or (ssl.create_default_context() if self._address.tls else None)
        self._idle: list[http.client.HTTPConnection] = []  # appended and popped: atomic both
        self._closed = False

    @classmethod
    def of_cluster(
        cls, cluster: str | os.PathLike[str] | ClusterFile, node: str | None = None, **options: Any
    ) -> HttpClient:
        """Of a node that the cluster's file names, or the first that serves HTTP."""
        file = cluster if isinstance(cluster, ClusterFile) else read_cluster_file(cluster)
        return cls(file.http_url(node), **options)

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- texts to vectors -------------------------------------------------------------------------

    def encode(
        self, texts: str | bytes | Iterable[str | bytes], model: str, *, lane: str | None = None,
        priority: int | None = None, time_limit: float | None = None, weight: float = 1.0,
        traceparent: str = "",
    ) -> Matrix:  # fmt: skip
        """One row for each text; of a single text its one vector. Each text is a task of its own; more
        than a request may have are sent as several, one after the other, within the one time limit."""
        if isinstance(texts, (str, bytes)):
            one: Vector = self.infer([texts], model, lane=lane, priority=priority, time_limit=time_limit,
                                     weight=weight, traceparent=traceparent).vectors[0]  # fmt: skip
            return one
        return self.infer(texts, model, lane=lane, priority=priority, time_limit=time_limit,
                          weight=weight, traceparent=traceparent).vectors  # fmt: skip

    def infer(
        self, texts: Iterable[str | bytes], model: str, *, lane: str | None = None,
        priority: int | None = None, time_limit: float | None = None, weight: float = 1.0,
        traceparent: str = "",
    ) -> Inference:  # fmt: skip
        """As encode(), with what the node says of the work. `traceparent` (W3C) is the trace that it is
        done for."""
        wishes = _v2.wishes_of(lane, priority, time_limit, weight, traceparent)
        path = _v2.model_path(model, "/infer")
        clock = Clock(time_limit, self._timeout)
        parts: list[Inference] = []
        for batch in _v2.batches_of(texts):
            for turn in range(self._retries + 1):
                body, headers = _v2.infer_request(batch, wishes, clock.left())
                try:
                    _, got, answer = self._ask("POST", path, clock, body, headers)
                    break
                except TroupeError as error:
                    pause = _v2.pause_before_retry(error, clock.left() or clock.wait_left())
                    if pause is None or turn == self._retries:
                        raise
                    time.sleep(pause)
            parts.append(_v2.infer_answer(got, answer, len(batch)))
        return _v2.join_parts(parts)

    # --- long requests, that nobody waits for -----------------------------------------------------

    def start_job(
        self, texts: Iterable[str | bytes], model: str, *, lane: str | None = None,
        priority: int | None = None, time_limit: float | None = None, weight: float = 1.0,
        traceparent: str = "",
    ) -> JobStatus:  # fmt: skip
        """As infer(), but returns as soon as the node has the texts. The job goes on without this
        client; any other that has its id and the same key may ask for it, until the node forgets it
        (`job_kept`) or is started again. The time limit is each text's, from when its turn comes."""
        wishes = _v2.wishes_of(lane, priority, time_limit, weight, traceparent)
        body, headers = _v2.job_request(texts, wishes, time_limit)
        clock = Clock(None, self._timeout)
        answer = self._ask("POST", _v2.model_path(model, "/infer"), clock, body, headers)[2]
        return _v2.job_status(_v2.read_json(answer))

    def job(self, id: str) -> JobStatus:
        """How it is now; raises NotFound for one that the node does not know, or not as yours."""
        return _v2.job_status(self._json("GET", _v2.job_path(id)))

    def wait_job(self, id: str, timeout: float = TIMEOUT_S) -> JobStatus:
        """Until it has ended, or for `timeout` seconds; then Expired is raised, and it goes on."""
        clock = Clock(None, timeout)
        for pause in _v2.job_pauses():
            status = self.job(id)
            if status.ended:
                return status
            time.sleep(min(pause, clock.wait_left()))
        raise AssertionError("pauses do not end")

    def job_result(self, id: str, timeout: float = TIMEOUT_S) -> Inference:
        """Its vectors, once it has ended; raises what kept it from them."""
        status = self.wait_job(id, timeout)
        _, got, answer = self._ask("GET", _v2.job_path(id, "/result"), Clock(None, self._timeout))
        return _v2.infer_answer(got, answer, status.texts)

    def delete_job(self, id: str) -> JobStatus:
        """Ends one that works as canceled, and lets the node forget one that has ended."""
        return _v2.job_status(self._json("DELETE", _v2.job_path(id)))

    # --- questions --------------------------------------------------------------------------------

    def live(self) -> bool:
        return self._is("/v2/health/live")

    def ready(self) -> bool:
        """Whether a device works and the node is not going away; False where nothing answers."""
        return self._is("/v2/health/ready")

    def model_ready(self, model: str) -> bool:
        return self._is(_v2.model_path(model, "/ready"))

    def metadata(self) -> dict[str, Any]:
        return self._object("GET", "/v2")

    def model_metadata(self, model: str) -> dict[str, Any]:
        return self._object("GET", _v2.model_path(model))

    def models(self) -> list[dict[str, Any]]:
        """Name and state of each."""
        return _v2.list_of_objects(self._json("POST", "/v2/repository/index"))

    def statistics(self, model: str | None = None) -> list[dict[str, Any]]:
        path = "/v2/models/stats" if model is None else _v2.model_path(model, "/stats")
        return _v2.list_of_objects(self._object("GET", path).get("model_stats"))

    def load_model(self, model: str, timeout: float = 600.0) -> None:
        """Returns once it can work. The cluster's file must allow it."""
        self._object("POST", _v2.repository_path(model, "/load"), timeout)

    def unload_model(self, model: str, timeout: float = 600.0) -> None:
        """Returns once it is gone, when the tasks that have it are done."""
        self._object("POST", _v2.repository_path(model, "/unload"), timeout)

    def metrics(self) -> str:
        """In Prometheus' text format."""
        return self._ask("GET", "/metrics", Clock(None, self._timeout))[2].decode("utf-8", "replace")

    # --- below ------------------------------------------------------------------------------------

    def _is(self, path: str) -> bool:
        try:
            self._ask("GET", path, Clock(None, self._timeout))
        except Unreachable:
            return False
        except TroupeError as error:
            if error.status == 503:
                return False
            raise
        return True

    def _json(self, method: str, path: str, timeout: float | None = None) -> Any:
        return _v2.read_json(self._ask(method, path, Clock(None, timeout or self._timeout))[2])

    def _object(self, method: str, path: str, timeout: float | None = None) -> dict[str, Any]:
        return _v2.object_of(self._json(method, path, timeout))

    def _ask(
        self, method: str, path: str, clock: Clock, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> tuple[int, dict[str, str], bytes]:
        """A successful answer; raises what any other says. All that a node serves may be asked twice,
        so a kept connection that turns out to be closed is replaced once."""
        if self._closed:
            raise Unreachable("the client is closed")
        while True:
            try:
                connection, fresh = self._idle.pop(), False
            except IndexError:
                connection, fresh = self._connect(clock), True
            try:
                status, got, answer = self._exchange(connection, method, path, clock, body, headers)
            except (http.client.RemoteDisconnected, ConnectionError) as lost:
                connection.close()
                if fresh:
                    raise Unreachable(f"{self._address.host_header} closed the connection: {lost}") from None
            except BaseException:
                connection.close()
                raise
            else:
                if status >= 300:
                    _v2.raise_error(status, got, answer)
                return status, got, answer

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, clock: Clock, body: bytes,
        headers: Mapping[str, str],
    ) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
        cast(_Timed, connection.sock).clock = clock
        try:
            # One write, so that a small request is one packet.
            connection.request(
                method, self._address.prefix + path, body if method == "POST" else None,
                {"Host": self._address.host_header, **self._headers, **headers},
            )  # fmt: skip
            answer = connection.getresponse()
            length = answer.length
            if length is not None and length > _v2.ANSWER_BYTES_MAX:
                raise TooLarge(f"an answer claims {length} bytes")
            data = answer.read(_v2.ANSWER_BYTES_MAX + 1)
        except (http.client.RemoteDisconnected, ConnectionError):
            raise
        except TimeoutError:
            raise clock.out_of_time() from None
        except http.client.IncompleteRead:
            raise _v2.ended_early() from None
        except (http.client.HTTPException, ValueError) as wrong:
            raise Malformed(f"an answer breaks HTTP: {wrong!r:.200}") from None
        except OSError as failed:
            raise Unreachable(f"{self._address.host_header} was lost: {failed}") from None
        if length is not None and len(data) != length:
            raise _v2.ended_early()
        if len(data) > _v2.ANSWER_BYTES_MAX:
            raise TooLarge(f"an answer has more than {_v2.ANSWER_BYTES_MAX} bytes")
        got = {name.lower(): value for name, value in answer.getheaders()}
        if answer.will_close or self._closed or len(self._idle) >= CONNECTIONS_KEPT_MAX:
            connection.close()
        else:
            self._idle.append(connection)
        return answer.status, got, data

    def _connect(self, clock: Clock) -> http.client.HTTPConnection:
        address = self._address
        try:
            sock = socket.create_connection((address.host, address.port), clock.wait_left())
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock.settimeout(clock.wait_left())
                sock = self._tls.wrap_socket(sock, server_hostname=address.host)
        except TimeoutError:
            raise clock.out_of_time() from None
        except OSError as refused:
            raise Unreachable(
                f"{address.host_header} does not answer: {refused}", "is the node running, and does it serve HTTP?"
            ) from None
        connection = http.client.HTTPConnection(address.host, address.port)
        connection.auto_open = 0
        connection.sock = cast(socket.socket, _Timed(sock))
        return connection
