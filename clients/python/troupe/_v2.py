"""The Open Inference Protocol (KServe V2) with binary tensors, as a node of troupe serves it
(docs/http.md): requests to bytes, answers to values or exceptions. No sockets here; http_client.py and
http_async.py carry the bytes."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from .errors import Expired, InvalidArgument, Malformed, TooLarge, TroupeError, Unreachable, error_of
from .traces import check_traceparent
from .vectors import Matrix, bytes_of_vector, join, matrix_of_bytes

TEXTS_MAX = 1024  # in one request
JOB_TEXTS_MAX = 8192  # in one that nobody waits for
TEXT_BYTES_MAX = 64 << 10
BODY_TEXT_BYTES_MAX = 4 << 20  # of one request's texts; below the default of body_bytes_max
WIDTH_MAX = 8192
ANSWER_BYTES_MAX = 64 << 20
TASK_GRACE_S = 2.0  # after a time limit, for the node's own answer
JOB_PAUSES_S = (0.02, 1.0)  # between two looks at a job: the first, and the longest
_RETRY_STATUS = (429, 503)
_CODE_OF_STATUS = {
    400: "invalid_argument", 401: "unauthorized", 404: "not_found", 405: "invalid_argument",
    408: "expired", 413: "too_large", 429: "queue_full", 431: "too_large", 499: "canceled",
    501: "unsupported", 502: "unreachable", 503: "unreachable", 504: "expired",
}  # fmt: skip


@dataclass(frozen=True)
class Address:
    tls: bool
    host: str
    port: int
    prefix: str  # before /v2

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, eq=False)
class Inference:
    """The vectors of some texts, and what the node says of the work."""

    vectors: Matrix
    tasks: list[str]  # the first task's id of each request (`troupe explain ID`)
    tokens: int
    truncated: int  # how many texts were longer than the model reads


@dataclass(frozen=True)
class Wishes:
    """What a request may say of its tasks; times in seconds."""

    priority: int = 0
    time_limit: float | None = None
    weight: float = 1.0
    traceparent: str = ""

    def headers(self) -> dict[str, str]:
        return {"traceparent": self.traceparent} if self.traceparent else {}

    def parameters(self, time_left: float | None) -> dict[str, Any]:
        found: dict[str, Any] = {"binary_data_output": True}
        if self.priority:
            found["priority"] = self.priority
        if time_left is not None:
            found["timeout"] = max(1, int(time_left * 1e6))  # 0 would mean none
        if self.weight != 1:
            found["weight"] = self.weight
        return found


def parse_url(url: str) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise InvalidArgument(f"{url!r} is no address of a node", "write it like http://127.0.0.1:8080")
    return Address(parts.scheme == "https", parts.hostname, port, parts.path.rstrip("/"))


def check_key(key: str | None) -> dict[str, str]:
    """The headers that show an API key; one that would break a header is refused."""
    if key is None:
        return {}
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidArgument("an API key is printable ASCII without spaces")
    return {"Authorization": "Bearer " + key}


def wishes_of(
    lane: str | None, priority: int | None, time_limit: float | None, weight: float,
    traceparent: str = "",
) -> Wishes:
    if lane not in (None, "urgent", "ordinary"):
        raise InvalidArgument(f"{lane!r} is not a lane", "use urgent or ordinary")
    if lane is not None and priority is not None:
        raise InvalidArgument("a lane and a priority say the same", "give one of them")
    if priority is None:
        priority = {None: 0, "urgent": 1, "ordinary": 2}[lane]
    if time_limit is not None and not 0 < time_limit < 365 * 24 * 3600:
        raise InvalidArgument("a time limit is a number of seconds above 0")
    if not 0 < weight <= 1e6:
        raise InvalidArgument("a task's weight is not above 0 and at most 1000000")
    return Wishes(priority, time_limit, weight, check_traceparent(traceparent))


def batches_of(texts: Iterable[str | bytes], most: int = TEXTS_MAX) -> Iterator[list[bytes]]:
    """Cut so that each fits a request; at least one text in all."""
    batch: list[bytes] = []
    bytes_of_batch = 0
    for text in texts:
        try:
            raw = text.encode("utf-8") if isinstance(text, str) else bytes(text)
        except UnicodeEncodeError:
            raise InvalidArgument("a text cannot be written in UTF-8") from None
        if len(raw) > TEXT_BYTES_MAX:
            raise TooLarge(f"a text of {len(raw)} bytes is over the limit of {TEXT_BYTES_MAX}")
        if batch and (len(batch) == most or bytes_of_batch + len(raw) > BODY_TEXT_BYTES_MAX):
            yield batch
            batch, bytes_of_batch = [], 0
        batch.append(raw)
        bytes_of_batch += len(raw)
    if batch:
        yield batch


def infer_request(
    texts: list[bytes], wishes: Wishes, time_left: float | None
) -> tuple[bytes, dict[str, str]]:
    binary = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    described = {
        "name": "text", "shape": [len(texts)], "datatype": "BYTES",
        "parameters": {"binary_data_size": len(binary)},
    }  # fmt: skip
    head = json.dumps({"inputs": [described], "parameters": wishes.parameters(time_left)}).encode()
    return head + binary, {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
        **wishes.headers(),
    }


def infer_answer(headers: Mapping[str, str], body: bytes, texts: int) -> Inference:
    """Raises Malformed for whatever is not the answer to a request with so many texts."""
    json_bytes = len(body)
    given = headers.get("inference-header-content-length")
    if given is not None:
        if not given.isascii() or not given.isdigit() or int(given[:12]) > len(body) or len(given) > 12:
            raise Malformed("an answer's Inference-Header-Content-Length is no length within it")
        json_bytes = int(given)
    answer = read_json(body[:json_bytes])
    binary = memoryview(body)[json_bytes:]
    try:
        (output,) = answer["outputs"]
        rows, width = output["shape"]
        parameters = answer.get("parameters", {})
        task, counts = parameters.get("task", ""), (parameters.get("tokens", 0), parameters.get("truncated", 0))
        named = output["name"] == "embedding" and output["datatype"] == "FP32"
        size = output.get("parameters", {}).get("binary_data_size")
        data = output.get("data") if size is None else None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Malformed("an answer is not in the form of the Open Inference Protocol") from None
    if not named or not all(_is_count(n) for n in (rows, width, *counts)) or not isinstance(task, str):
        raise Malformed("an answer is not in the form of the Open Inference Protocol")
    if rows != texts or not 1 <= width <= WIDTH_MAX:
        raise Malformed(f"an answer to {texts} texts has the shape [{rows}, {width}]")
    if size is not None:
        if not _is_count(size) or size != rows * width * 4 or size != len(binary):
            raise Malformed("an answer's binary tensor does not have the size of its shape")
        vectors = matrix_of_bytes(binary, rows, width)
    else:
        if not isinstance(data, list) or len(data) != rows * width or len(binary):
            raise Malformed("an answer's data does not have the size of its shape")
        try:
            vectors = matrix_of_bytes(bytes_of_vector(data), rows, width)
        except InvalidArgument as wrong:
            raise Malformed(wrong.message) from None
    return Inference(vectors, [task], *counts)


@dataclass(frozen=True)
class JobStatus:
    """How a request is that nobody waits for."""

    id: str
    state: str  # working, completed, failed or canceled
    texts: int
    done: int  # of the texts

    @property
    def ended(self) -> bool:
        return self.state != "working"


def job_request(
    texts: Iterable[str | bytes], wishes: Wishes, time_limit: float | None
) -> tuple[bytes, dict[str, str]]:
    batches = list(batches_of(texts, JOB_TEXTS_MAX))
    if not batches:
        raise InvalidArgument("there is no text to encode", "give at least one")
    if len(batches) > 1:
        raise TooLarge(
            f"a job has at most {JOB_TEXTS_MAX} texts and {BODY_TEXT_BYTES_MAX} bytes of them",
            "start several",
        )
    body, headers = infer_request(batches[0], wishes, time_limit)
    return body, {**headers, "Prefer": "respond-async"}


def job_path(id: str, more: str = "") -> str:
    if not id or not id.isascii() or not id.isalnum() or len(id) > 128:
        raise InvalidArgument(f"{id!r} is no job's id")
    return f"/v2/jobs/{id}{more}"


def job_status(answer: Any) -> JobStatus:
    told = object_of(answer)
    id, state, texts, done = (told.get(key) for key in ("id", "state", "texts", "done"))
    if not isinstance(id, str) or state not in ("working", "completed", "failed", "canceled"):
        raise Malformed("an answer does not tell of a job")
    if not isinstance(texts, int) or not isinstance(done, int) or not 0 <= done <= texts:
        raise Malformed("an answer does not tell how far a job is")
    return JobStatus(id, state, texts, done)


def job_pauses() -> Iterator[float]:
    """Between two looks at a job: ever longer."""
    pause, longest = JOB_PAUSES_S
    while True:
        yield pause
        pause = min(2 * pause, longest)


def ended_early() -> TroupeError:
    return Unreachable("an answer ended early", "the node may have been stopped; ask again")


def read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("an answer is no JSON") from None


def raise_error(status: int, headers: Mapping[str, str], body: bytes) -> NoReturn:
    raise error_in(status, headers, body)


def error_in(status: int, headers: Mapping[str, str], body: bytes) -> TroupeError:
    """What an answer that is no success says."""
    code = headers.get("troupe-error", "") or _CODE_OF_STATUS.get(
        status, "invalid_argument" if status < 500 else "internal"
    )
    try:
        told = json.loads(body)["error"]
        message = told["message"] if isinstance(told, dict) else told
    except (ValueError, KeyError, TypeError, RecursionError):
        message = body[:200].decode("utf-8", "replace")
    message = str(message)[:4096].removeprefix(code + ": ") or f"the answer was {status}"
    return error_of(code[:128], message, status=status, retry_after=_retry_after(headers))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    # A date, as proxies may send, is read as if nothing had been said.
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def pause_before_retry(error: TroupeError, left: float | None) -> float | None:
    """How long to wait before asking again makes sense and is safe; None: never.

    A time limit that cannot be met is not met later either, since it only grows shorter.
    """
    if error.status not in _RETRY_STATUS or error.code == "infeasible" or error.retry_after is None:
        return None
    return error.retry_after if left is None or error.retry_after < left else None


class Clock:
    """How much is left of a time limit, and of the patience for an answer to it."""

    def __init__(self, time_limit: float | None, timeout: float) -> None:
        now = time.monotonic()
        self.deadline = None if time_limit is None else now + time_limit
        patience = timeout if time_limit is None else min(timeout, time_limit + TASK_GRACE_S)
        self.ends = now + patience

    def left(self) -> float | None:
        """Of the time limit; raises Expired when nothing is."""
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Expired("the time limit passed before the work was done")
        return left

    def wait_left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise self.out_of_time()
        return left

    def out_of_time(self) -> TroupeError:
        return Expired("no answer came in time", "allow more time, or look at what the node does")


def model_path(model: str, verb: str = "") -> str:
    if not model or len(model.encode()) > 128:
        raise InvalidArgument("a model's name has 1 to 128 bytes")
    return f"/v2/models/{quote(model, safe='')}{verb}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def join_parts(parts: list[Inference]) -> Inference:
    if not parts:
        raise InvalidArgument("there is no text to encode", "give at least one")
    return Inference(
        join([part.vectors for part in parts]),
        [task for part in parts for task in part.tasks],
        sum(part.tokens for part in parts),
        sum(part.truncated for part in parts),
    )


def repository_path(model: str, verb: str) -> str:
    return "/v2/repository/models/" + model_path(model, verb).removeprefix("/v2/models/")


def object_of(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("an answer is JSON, but no object")
    return value


def list_of_objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Malformed("an answer is no list of objects")
    return value
