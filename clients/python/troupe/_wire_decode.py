"""The reading half of the codec: structure first (sizes that add up), then each kind's body, then what
values mean. Whatever is wrong with the bytes is one exception, Malformed; another major version of the
protocol is Unsupported. Nothing is allocated by a number that the bytes do not back."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from . import wire
from .errors import CODES, InvalidArgument, Malformed, TooLarge, TroupeError, Unsupported, error_of
from .tasks import Act, Action, Classify, Embedding, Encode, Hit, Hits, Outcome, Output, Recall, Scores
from .tasks import Timing, Work
from .traces import traceparent_of
from .vectors import Vector, vector_of_bytes


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise Malformed("a message's contents run past its end")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, layout: str) -> int:
        one = struct.Struct("<" + layout)
        value = one.unpack(self.take(one.size))[0]
        assert isinstance(value, int)
        return value

    def real(self) -> float:
        (value,) = struct.unpack("<f", self.take(4))
        if not math.isfinite(value):
            raise Malformed("a number is not finite")
        return float(value)

    def flag(self) -> bool:
        raw = self.number("B")
        if raw > 1:
            raise Malformed("a flag is neither 0 nor 1")
        return raw == 1

    def duration(self) -> int:
        ns = self.number("Q")
        if ns > wire.YEAR_NS:
            raise Malformed("a duration is over a year")
        return ns

    def raw16(self) -> bytes:
        return self.take(self.number("H"))

    def raw32(self) -> bytes:
        return self.take(self.number("I"))

    def name(self) -> str:
        name = _utf8(self.raw16())
        wire.check_name("a name", name)
        return name

    def agent_or_nobody(self) -> str:
        name = _utf8(self.raw16())
        return wire.check_agent(name) if name else ""

    def finish(self) -> None:
        if self.left:
            raise Malformed("a body or an extension does not have the length of its contents")


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a name is not UTF-8") from None


class _Parts:
    """One message, cut apart but not yet understood."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        if not frames:
            raise Malformed("a message has no frame")
        first = frames[0]
        if first[:4] != wire.MAGIC:
            raise Malformed("a frame does not begin with TRPE")
        if len(first) > 4 and first[4] != wire.VERSION:
            raise Unsupported(
                f"the peer speaks protocol version {first[4]}, this is {wire.VERSION}",
                "use a client of the cluster's release",
            )
        if len(first) < wire.HEADER_BYTES:
            raise Malformed("a frame is shorter than its header")
        (_, _, kind, flags, header_bytes, lane, dtype, rank, reserved, body_bytes, extension_bytes,
         high, low, ttl_us, trace_ids, floats, *more_dimensions) = wire.HEADER.unpack_from(first)  # fmt: skip
        if not wire.HEADER_BYTES <= header_bytes <= len(first):
            raise Malformed("a header's length does not fit its frame")
        if kind not in wire.KINDS:
            raise Malformed(f"no message has kind {kind}")
        if flags & ~(wire.FLAG_TTL | wire.FLAG_TENSOR_FRAMED) or any(reserved):
            raise Malformed("a header has unknown flags")
        if lane != wire.NO_LANE and lane >= len(wire.LANES):
            raise Malformed(f"no lane has number {lane}")
        has_ttl = bool(flags & wire.FLAG_TTL)
        if ttl_us > (wire.YEAR_US if has_ttl else 0):
            raise Malformed("a time to live is over a year, or was not announced")
        framed = bool(flags & wire.FLAG_TENSOR_FRAMED)
        if dtype:
            if dtype != wire.F32 or rank != 1 or floats == 0 or any(more_dimensions):
                raise Malformed("a tensor is not a vector of f32")
        elif rank or floats or framed or any(more_dimensions):
            raise Malformed("a header describes a tensor that it does not have")
        if len(frames) != (2 if framed else 1):
            raise Malformed(f"a message has {len(frames)} frames, not as many as its header says")
        if framed and len(frames[1]) != 4 * floats:
            raise Malformed("a tensor's frame does not have the size of its shape")
        inline = 0 if framed else 4 * floats
        if len(first) != header_bytes + body_bytes + inline + extension_bytes:
            raise Malformed("a frame's parts do not add up to its size")
        self.kind: int = kind
        self.lane: str | None = None if lane == wire.NO_LANE else wire.LANES[lane]
        self.ttl_us: int | None = ttl_us if has_ttl else None
        self.task: int = high << 64 | low
        self._trace_ids: bytes = trace_ids
        at = header_bytes
        self.body = _Reader(first[at : at + body_bytes])
        at += body_bytes
        self._tensor: bytes | None = frames[1] if framed else first[at : at + inline]
        self.floats: int = floats
        self.extensions = self._extensions(_Reader(first[at + inline :]))

    @staticmethod
    def _extensions(reader: _Reader) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while reader.left:
            tag, value = reader.number("H"), reader.raw32()
            if not wire.TAG_WORKFLOW <= tag <= wire.TAG_RECEIVED:
                continue  # of a later minor version
            if tag in found:
                raise Malformed("an extension stands there twice")
            found[tag] = value
        return found

    def extension(self, tag: int) -> _Reader | None:
        value = self.extensions.get(tag, b"")
        return _Reader(value) if value else None

    def name(self, tag: int) -> str:
        name = _utf8(self.extensions.get(tag, b""))
        wire.check_name("a name", name)
        return name

    def traceparent(self) -> str:
        flags = self.extensions.get(wire.TAG_TRACE_FLAGS, b"")
        if len(flags) > 1:
            raise Malformed("an extension of trace flags does not have its length")
        return traceparent_of(self._trace_ids, bool(flags and flags[0] & 1))

    def vector(self, count_max: int) -> Vector:
        raw, self._tensor = self._tensor, None
        if not raw:
            raise Malformed("a vector is missing")
        wire.check_size("a vector", self.floats, count_max, "numbers")
        return vector_of_bytes(raw)

    def finish(self) -> None:
        self.body.finish()
        if self._tensor:
            raise Malformed("a tensor where none belongs")


def _hello(parts: _Parts) -> wire.Hello:
    epoch, connection = parts.body.number("Q"), parts.body.number("Q")
    node = parts.body.name()
    if not node:
        raise Malformed("a hello has no name")
    rules = parts.extensions.get(wire.TAG_DELIVERY, b"")
    if rules not in (b"", b"\x01"):
        raise Malformed("a hello announces rules of delivery that do not exist")
    framing = parts.extensions.get(wire.TAG_FRAMING, b"")
    if framing not in (b"", b"\x01"):
        raise Malformed("a hello announces a framing that does not exist")
    return wire.Hello(epoch, connection, node, bool(rules), bool(framing))


def _work(parts: _Parts, kind: int) -> Work:
    body = parts.body
    if kind in (wire.WORK_ENCODE, wire.WORK_CLASSIFY):
        text = body.raw32()
        wire.check_size("a text", len(text), wire.TEXT_BYTES_MAX)
        return Encode(text) if kind == wire.WORK_ENCODE else Classify(text)
    if kind == wire.WORK_ACT:
        agent, step = body.agent_or_nobody(), body.number("Q")
        return Act(parts.vector(wire.VECTOR_NUMBERS_MAX), agent, step)
    if kind != wire.WORK_RECALL:
        raise Malformed("a kind of work that does not exist")
    scope, k = wire.check_scope(_utf8(body.raw16())), body.number("I")
    if not 1 <= k <= wire.HITS_MAX:
        raise Malformed("a recall asks for no documents, or for too many")
    return Recall(scope, parts.vector(wire.VECTOR_NUMBERS_MAX), k)


def _submit(parts: _Parts) -> wire.SubmitTask:
    kind, model, tenant = parts.body.number("B"), parts.body.name(), parts.body.name()
    work = _work(parts, kind)
    workflow, agent = parts.name(wire.TAG_WORKFLOW), parts.name(wire.TAG_AGENT)
    if agent:
        wire.check_agent(agent)
    attempt, weight = 0, 1.0
    if reader := parts.extension(wire.TAG_ATTEMPT):
        attempt = reader.number("I")
        reader.finish()
        if not attempt:
            raise Malformed("an attempt is not a number from 1")
    if reader := parts.extension(wire.TAG_WEIGHT):
        weight = reader.real()
        reader.finish()
        if not 0 < weight <= wire.WEIGHT_MAX:
            raise Malformed("a task's weight is not above 0 and at most 1000000")
    return wire.SubmitTask(parts.task, work, model, tenant, workflow, agent, parts.lane, parts.ttl_us,
                           weight, attempt, parts.traceparent())  # fmt: skip


def _error(body: _Reader) -> TroupeError:
    number, what, next_step = body.number("H"), body.raw16(), body.raw16()
    if max(len(what), len(next_step)) > wire.ERROR_TEXT_BYTES_MAX:
        raise Malformed("an error's text is over the limit")
    code = CODES[number - 1] if 1 <= number <= len(CODES) else "internal"
    return error_of(code, what.decode("utf-8", "replace"), next_step.decode("utf-8", "replace"))


def _load(parts: _Parts) -> wire.Load | None:
    reader = parts.extension(wire.TAG_LOAD)
    if reader is None:
        return None
    load = wire.Load(reader.duration(), reader.duration())
    reader.finish()
    return load


def _timing(parts: _Parts, lane: str, queue: int, compute: int, network: int, tasks: int) -> Timing:
    batch_wait = predicted = 0
    entry, reason = wire.ENTRIES[0], wire.REASONS[0]
    if reader := parts.extension(wire.TAG_TIMING):
        batch_wait, predicted = reader.duration(), reader.duration()
        entry_number, reason_number = reader.number("B"), reader.number("B")
        reader.finish()
        # Numbers from the future are read as if nothing had been said.
        entry = wire.ENTRIES[entry_number] if entry_number < len(wire.ENTRIES) else entry
        reason = wire.REASONS[reason_number] if reason_number < len(wire.REASONS) else reason
    return Timing(lane, queue / 1e9, batch_wait / 1e9, compute / 1e9, predicted / 1e9, network / 1e9,
                  tasks, entry, reason)  # fmt: skip


def _count(body: _Reader, count_max: int, bytes_each_min: int) -> int:
    count = body.number("I")
    if count > count_max or count > body.left // bytes_each_min:
        raise Malformed("an answer counts more than it holds")
    return count


def _output(parts: _Parts, kind: int) -> Output:
    body = parts.body
    if kind == wire.OUTCOME_EMBEDDING:
        tokens, truncated = body.number("I"), body.flag()
        return Embedding(parts.vector(wire.VECTOR_NUMBERS_MAX), tokens, truncated)
    if kind == wire.OUTCOME_HITS:
        return Hits([
            Hit(wire.check_agent(_utf8(body.raw16())), body.number("Q"), body.real())
            for _ in range(_count(body, wire.HITS_MAX, 14))
        ])  # fmt: skip
    if kind == wire.OUTCOME_ACTION:
        return Action(body.number("I"))
    if kind != wire.OUTCOME_SCORES:
        raise Malformed("a kind of result that does not exist")
    tokens, truncated = body.number("I"), body.flag()
    labels = [body.name() for _ in range(_count(body, wire.LABELS_MAX, 2))]
    if len(labels) != parts.floats:
        raise Malformed("scores and labels are not as many")
    return Scores(parts.vector(wire.LABELS_MAX), labels, tokens, truncated)


def _result(parts: _Parts) -> wire.TaskResult:
    body = parts.body
    if parts.lane is None:
        raise Malformed("a result has no lane")
    kind = body.number("B")
    times = body.duration(), body.duration(), body.duration()
    tasks = body.number("I")
    wire.check_size("a batch", tasks, wire.BATCH_TASKS_MAX, "tasks")
    timing = _timing(parts, parts.lane, *times, tasks)
    name = wire.task_name(parts.task)
    if kind == wire.OUTCOME_ERROR:
        return wire.TaskResult(Outcome(name, None, _error(body), timing), _load(parts))
    return wire.TaskResult(Outcome(name, _output(parts, kind), None, timing), _load(parts))


def _understand(parts: _Parts) -> wire.Message:
    body, kind = parts.body, wire.KINDS[parts.kind]
    if kind is wire.Hello:
        return _hello(parts)
    if kind is wire.Heartbeat:
        last = parts.extensions.get(wire.TAG_LAST, b"")
        if last not in (b"", b"\x01"):
            raise Malformed("a heartbeat is the last in a way that does not exist")
        received = parts.extension(wire.TAG_RECEIVED)
        total = received.number("Q") if received else None
        if received:
            received.finish()
        return wire.Heartbeat(body.number("Q"), bool(last), total)
    if kind is wire.AgentMessage:
        reply, to, sender = body.number("Q"), wire.check_agent(_utf8(body.raw16())), body.agent_or_nobody()
        topic, text = body.name(), body.raw32()
        wire.check_size("a message", len(text), wire.BODY_BYTES_MAX)
        return wire.AgentMessage(to, sender, reply, topic, text, parts.traceparent())
    if kind is wire.SubmitTask:
        return _submit(parts)
    if kind is wire.TaskResult:
        return _result(parts)
    if kind is wire.TaskAccepted:
        return wire.TaskAccepted(parts.task, body.number("I"), _load(parts))
    if kind is wire.TaskRejected:
        return wire.TaskRejected(parts.task, body.number("I"), body.duration(), _error(body), _load(parts))
    if kind is wire.CancelTask:
        return wire.CancelTask(parts.task)
    if kind is wire.ResultAck:
        return wire.ResultAck(parts.task)
    if kind is wire.ControlRequest:
        number, verb, text = body.number("Q"), body.name(), body.raw32()
        if not verb:
            raise Malformed("a control request has no verb")
        wire.check_size("a request", len(text), wire.BODY_BYTES_MAX)
        return wire.ControlRequest(number, verb, text)
    reply, ok, text = body.number("Q"), body.flag(), body.raw32()
    wire.check_size("a reply", len(text), wire.BODY_BYTES_MAX)
    return wire.ControlReply(reply, ok, text)


_OF_TASKS = (wire.SubmitTask, wire.CancelTask, wire.TaskResult, wire.TaskAccepted, wire.TaskRejected,
             wire.ResultAck)  # fmt: skip


def decode(frames: Sequence[bytes]) -> wire.Message:
    try:
        parts = _Parts(frames)
        kind = wire.KINDS[parts.kind]
        if (parts.task != 0) != (kind in _OF_TASKS):
            raise Malformed("a task id where none belongs, or none where one does")
        if parts.lane is not None and kind not in (wire.SubmitTask, wire.TaskResult):
            raise Malformed("a lane where none belongs")
        if parts.ttl_us is not None and kind is not wire.SubmitTask:
            raise Malformed("a time to live where none belongs")
        message = _understand(parts)
        parts.finish()
    except (InvalidArgument, TooLarge) as wrong:
        raise Malformed(wrong.message) from None
    return message
