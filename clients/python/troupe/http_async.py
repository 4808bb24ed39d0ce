"""A node's HTTP door for asyncio: HTTP/1.1 on asyncio's streams, so that a caller that is canceled
closes its connection and the node withdraws the tasks.

    async with troupe.AsyncHttpClient("http://127.0.0.1:8080") as client:
        vectors = await client.encode(["a calm text editor"], model="minilm", time_limit=0.05)

For one event loop. Calls that run at once have connections of their own, which are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import os
import ssl
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from . import _v2
from ._v2 import Clock, Inference, JobStatus
from .cluster_file import ClusterFile, read_cluster_file
from .errors import Malformed, TooLarge, TroupeError, Unreachable
from .http_client import CONNECTIONS_KEPT_MAX, TIMEOUT_S
from .vectors import Matrix, Vector

HEAD_BYTES_MAX = 64 << 10


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def close(self) -> None:
        self.writer.close()


class AsyncHttpClient:
    """As http_client.HttpClient; each method there means the same here."""

    def __init__(
        self, url: str, *, key: str | None = None, timeout: float = TIMEOUT_S, retries: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._address = _v2.parse_url(url)
        self._headers = {"User-Agent": "troupe-python", **_v2.check_key(key)}
        self._timeout, self._retries = timeout, retries
        self._tls = tls or (ssl.create_default_context() if self._address.tls else None)
        self._idle: list[_Connection] = []
        self._closed = False

    @classmethod
    def of_cluster(
        cls, cluster: str | os.PathLike[str] | ClusterFile, node: str | None = None, **options: Any
    ) -> AsyncHttpClient:
        file = cluster if isinstance(cluster, ClusterFile) else read_cluster_file(cluster)
        return cls(file.http_url(node), **options)

    async def close(self) -> None:
        self._closed = True
        for connection in self._idle:
            connection.close()
            with contextlib.suppress(OSError):  # it may be gone already, which is what we want
                await connection.writer.wait_closed()
        self._idle.clear()

    async def __aenter__(self) -> AsyncHttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- texts to vectors -------------------------------------------------------------------------

    async def encode(
        self, texts: str | bytes | Iterable[str | bytes], model: str, *, lane: str | None = None,
        priority: int | None = None, time_limit: float | None = None, weight: float = 1.0,
        traceparent: str = "",
    ) -> Matrix:  # fmt: skip
        single = isinstance(texts, (str, bytes))
        many = [texts] if isinstance(texts, (str, bytes)) else texts
        found = await self.infer(many, model, lane=lane, priority=priority, time_limit=time_limit,
                                 weight=weight, traceparent=traceparent)  # fmt: skip
        first: Vector = found.vectors[0]
        return first if single else found.vectors

    async def infer(
        self, texts: Iterable[str | bytes], model: str, *, lane: str | None = None,
        priority: int | None = None, time_limit: float | None = None, weight: float = 1.0,
        traceparent: str = "",
    ) -> Inference:  # fmt: skip
        wishes = _v2.wishes_of(lane, priority, time_limit, weight, traceparent)
        path = _v2.model_path(model, "/infer")
        clock = Clock(time_limit, self._timeout)
        parts: list[Inference] = []
        for batch in _v2.batches_of(texts):
            for turn in range(self._retries + 1):
                body, headers = _v2.infer_request(batch, wishes, clock.left())
                try:
                    got, answer = await self._ask("POST", path, clock, body, headers)
                    break
                except TroupeError as error:
                    pause = _v2.pause_before_retry(error, clock.left() or clock.wait_left())
                    if pause is None or turn == self._retries:
                        raise
                    await asyncio.sleep(pause)
            parts.append(_v2.infer_answer(got, answer, len(batch)))
        return _v2.join_parts(parts)

    # --- long requests, that nobody waits for -----------------------------------------------------

    async def start_job(
        self, texts: Iterable[str | bytes], model: str, *, lane: str | None = None,
        priority: int | None = None, time_limit: float | None = None, weight: float = 1.0,
        traceparent: str = "",
    ) -> JobStatus:  # fmt: skip
        wishes = _v2.wishes_of(lane, priority, time_limit, weight, traceparent)
        body, headers = _v2.job_request(texts, wishes, time_limit)
        clock = Clock(None, self._timeout)
        _, answer = await self._ask("POST", _v2.model_path(model, "/infer"), clock, body, headers)
        return _v2.job_status(_v2.read_json(answer))

    async def job(self, id: str) -> JobStatus:
        return _v2.job_status(await self._json("GET", _v2.job_path(id)))

    async def wait_job(self, id: str, timeout: float = TIMEOUT_S) -> JobStatus:
        clock = Clock(None, timeout)
        for pause in _v2.job_pauses():
            status = await self.job(id)
            if status.ended:
                return status
            await asyncio.sleep(min(pause, clock.wait_left()))
        raise AssertionError("pauses do not end")

    async def job_result(self, id: str, timeout: float = TIMEOUT_S) -> Inference:
        status = await self.wait_job(id, timeout)
        clock = Clock(None, self._timeout)
        got, answer = await self._ask("GET", _v2.job_path(id, "/result"), clock)
        return _v2.infer_answer(got, answer, status.texts)

    async def delete_job(self, id: str) -> JobStatus:
        return _v2.job_status(await self._json("DELETE", _v2.job_path(id)))

    # --- questions --------------------------------------------------------------------------------

    async def live(self) -> bool:
        return await self._is("/v2/health/live")

    async def ready(self) -> bool:
        return await self._is("/v2/health/ready")

    async def model_ready(self, model: str) -> bool:
        return await self._is(_v2.model_path(model, "/ready"))

    async def metadata(self) -> dict[str, Any]:
        return await self._object("GET", "/v2")

    async def model_metadata(self, model: str) -> dict[str, Any]:
        return await self._object("GET", _v2.model_path(model))

    async def models(self) -> list[dict[str, Any]]:
        return _v2.list_of_objects(await self._json("POST", "/v2/repository/index"))

    async def statistics(self, model: str | None = None) -> list[dict[str, Any]]:
        path = "/v2/models/stats" if model is None else _v2.model_path(model, "/stats")
        return _v2.list_of_objects((await self._object("GET", path)).get("model_stats"))

    async def load_model(self, model: str, timeout: float = 600.0) -> None:
        await self._object("POST", _v2.repository_path(model, "/load"), timeout)

    async def unload_model(self, model: str, timeout: float = 600.0) -> None:
        await self._object("POST", _v2.repository_path(model, "/unload"), timeout)

    async def metrics(self) -> str:
        _, body = await self._ask("GET", "/metrics", Clock(None, self._timeout))
        return body.decode("utf-8", "replace")

    # --- below ------------------------------------------------------------------------------------

    async def _is(self, path: str) -> bool:
        try:
            await self._ask("GET", path, Clock(None, self._timeout))
        except Unreachable:
            return False
        except TroupeError as error:
            if error.status == 503:
                return False
            raise
        return True

    async def _json(self, method: str, path: str, timeout: float | None = None) -> Any:
        return _v2.read_json((await self._ask(method, path, Clock(None, timeout or self._timeout)))[1])

    async def _object(self, method: str, path: str, timeout: float | None = None) -> dict[str, Any]:
        return _v2.object_of(await self._json(method, path, timeout))

    async def _ask(
        self, method: str, path: str, clock: Clock, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> tuple[dict[str, str], bytes]:
        if self._closed:
            raise Unreachable("the client is closed")
        while True:
            fresh = not self._idle
            connection = None
            try:
                async with asyncio.timeout(clock.wait_left()):
                    connection = await self._connect() if fresh else self._idle.pop()
                    status, got, answer, keep = await self._exchange(connection, method, path, body, headers)
            except TimeoutError:
                self._drop(connection)
                raise clock.out_of_time() from None
            except ConnectionError as lost:
                self._drop(connection)
                if fresh:
                    raise Unreachable(f"{self._address.host_header} closed the connection: {lost}") from None
                continue
            except OSError as failed:
                self._drop(connection)
                raise Unreachable(
                    f"{self._address.host_header} does not answer: {failed}",
                    "is the node running, and does it serve HTTP?",
                ) from None
            except BaseException:
                self._drop(connection)
                raise
            if keep and not self._closed and len(self._idle) < CONNECTIONS_KEPT_MAX:
                self._idle.append(connection)
            else:
                connection.close()
            if status >= 300:
                _v2.raise_error(status, got, answer)
            return got, answer

    @staticmethod
    def _drop(connection: _Connection | None) -> None:
        if connection is not None:
            connection.close()

    async def _connect(self) -> _Connection:
        reader, writer = await asyncio.open_connection(
            self._address.host, self._address.port, ssl=self._tls, limit=HEAD_BYTES_MAX,
            server_hostname=self._address.host if self._tls else None,
        )  # fmt: skip
        return _Connection(reader, writer)

    async def _exchange(
        self, connection: _Connection, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes, bool]:
        said = {"Host": self._address.host_header, **self._headers, **headers}
        if method == "POST":
            said["Content-Length"] = str(len(body))
        lines = [f"{method} {self._address.prefix}{path} HTTP/1.1", *(f"{k}: {v}" for k, v in said.items())]
        connection.writer.write("\r\n".join((*lines, "", "")).encode("ascii") + body)
        await connection.writer.drain()
        status = 100
        while 100 <= status < 200:  # interim answers are nobody's
            status, version, got = await _read_head(connection.reader)
        data, framed = await _read_body(connection.reader, got)
        words = got.get("connection", "").lower()
        keep = framed and ("close" not in words) and (version == "HTTP/1.1" or "keep-alive" in words)
        return status, got, data, keep


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, str, dict[str, str]]:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as ended:
        if not ended.partial:
            raise ConnectionResetError("it ended before an answer") from None
        raise _v2.ended_early() from None
    except asyncio.LimitOverrunError:
        raise Malformed("an answer's header is too long") from None
    first, _, rest = raw.partition(b"\r\n")
    words = first.decode("latin-1").split(" ", 2)
    good = len(words) >= 2 and words[0] in ("HTTP/1.0", "HTTP/1.1") and len(words[1]) == 3
    if not good or not words[1].isascii() or not words[1].isdigit():
        raise Malformed("an answer does not begin as HTTP/1.1 does")
    try:
        fields = http.client.parse_headers(io.BytesIO(rest))
    except http.client.HTTPException as wrong:
        raise Malformed(f"an answer's header breaks HTTP: {wrong!r:.200}") from None
    lengths = set(fields.get_all("Content-Length", []))
    if len(lengths) > 1:
        raise Malformed("an answer has two lengths")
    return int(words[1]), words[0], {name.lower(): str(value) for name, value in fields.items()}


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """The body, and whether its end does not need the connection's."""
    try:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await _read_chunks(reader), True
        length = headers.get("content-length")
        if length is None:
            data = bytearray()
            while part := await reader.read(1 << 16):
                data += part
                _check_size(len(data))
            return bytes(data), False
        if not length.isascii() or not length.isdigit() or len(length) > 15:
            raise Malformed("an answer's length is no number")
        _check_size(int(length))
        return await reader.readexactly(int(length)), True
    except (asyncio.IncompleteReadError, ConnectionError):
        raise _v2.ended_early() from None


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    data = bytearray()
    try:
        while True:
            line = (await reader.readuntil(b"\r\n"))[:-2].split(b";", 1)[0].strip()
            if not 0 < len(line) <= 8 or not all(c in b"0123456789abcdefABCDEF" for c in line):
                raise Malformed("a chunk's length is no number")
            size = int(line, 16)
            _check_size(len(data) + size)
            if size == 0:
                for _ in range(100):  # trailers
                    if await reader.readuntil(b"\r\n") == b"\r\n":
                        return bytes(data)
                raise Malformed("an answer has too many trailers")
            data += await reader.readexactly(size)
            if await reader.readexactly(2) != b"\r\n":
                raise Malformed("a chunk does not end where it should")
    except asyncio.LimitOverrunError:
        raise Malformed("a chunk's length is too long") from None


def _check_size(size: int) -> None:
    if size > _v2.ANSWER_BYTES_MAX:
        raise TooLarge(f"an answer has {size} bytes or more, over {_v2.ANSWER_BYTES_MAX}")
