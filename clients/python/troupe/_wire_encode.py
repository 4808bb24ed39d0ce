"""The writing half of the codec: a message to its one or two frames, checked before."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from . import traces, wire
from .errors import CODES, InvalidArgument, TroupeError
from .tasks import Action, Classify, Embedding, Encode, Hits, Outcome, Recall, Scores, Timing
from .vectors import bytes_of_vector


class _Draft:
    def __init__(self) -> None:
        self.body = bytearray()
        self.extensions = bytearray()
        self.tensor = b""
        self.task = 0
        self.lane = wire.NO_LANE
        self.ttl_us: int | None = None
        self.trace_ids = traces.NO_IDS

    def numbers(self, layout: str, *values: float) -> None:
        try:
            self.body += struct.pack("<" + layout, *values)
        except (struct.error, OverflowError) as wrong:
            raise InvalidArgument(f"a number does not fit the message: {wrong}") from None

    def text16(self, raw: bytes) -> None:
        self.numbers("H", len(raw))
        self.body += raw

    def text32(self, raw: bytes) -> None:
        self.numbers("I", len(raw))
        self.body += raw

    def extend(self, tag: int, value: bytes) -> None:
        self.extensions += struct.pack("<HI", tag, len(value)) + value

    def of_task(self, task: int) -> None:
        if not 0 < task < 1 << 128:
            raise InvalidArgument("a task has no id")
        self.task = task

    def in_lane(self, lane: str) -> None:
        if lane not in wire.LANES:
            raise InvalidArgument(f"{lane!r} is not a lane", "use urgent or ordinary")
        self.lane = wire.LANES.index(lane)

    def vector(self, what: str, values: Iterable[float], count_max: int) -> None:
        self.tensor = bytes_of_vector(values)
        if not self.tensor:
            raise InvalidArgument(f"{what} is empty")
        wire.check_size(what, len(self.tensor) // 4, count_max, "numbers")

    def error(self, why: TroupeError) -> None:
        self.numbers("H", CODES.index(why.code) + 1 if why.code in CODES else 17)
        for text in (why.message, why.next_step):
            raw = text.encode("utf-8", "replace")
            self.text16(raw[: wire.ERROR_TEXT_BYTES_MAX].decode("utf-8", "ignore").encode())

    def trace(self, traceparent: str) -> None:
        self.trace_ids, sampled = traces.ids_of(traceparent)
        if sampled:
            self.extend(wire.TAG_TRACE_FLAGS, b"\x01")

    def load(self, load: wire.Load | None) -> None:
        if load is not None:
            self.extend(wire.TAG_LOAD, struct.pack("<QQ", load.ordinary_ns, load.urgent_ns))


def _bytes(text: str | bytes, what: str, bytes_max: int) -> bytes:
    try:
        raw = text.encode("utf-8") if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError:
        raise InvalidArgument(f"{what} cannot be written in UTF-8") from None
    wire.check_size(what, len(raw), bytes_max)
    return raw


def _submit(draft: _Draft, message: wire.SubmitTask) -> None:
    draft.of_task(message.task)
    if message.lane is not None:
        draft.in_lane(message.lane)
    if message.ttl_us is not None:
        draft.ttl_us = min(max(message.ttl_us, 0), wire.YEAR_US)
    if not 0 < message.weight <= wire.WEIGHT_MAX:
        raise InvalidArgument("a task's weight is not above 0 and at most 1000000")
    work = message.work
    head = (wire.check_name("a model's name", message.model),
            wire.check_name("a tenant's name", message.tenant))  # fmt: skip
    kinds = {Encode: wire.WORK_ENCODE, Recall: wire.WORK_RECALL, Classify: wire.WORK_CLASSIFY}
    draft.numbers("B", kinds.get(type(work), wire.WORK_ACT))
    draft.text16(head[0])
    draft.text16(head[1])
    if isinstance(work, (Encode, Classify)):
        draft.text32(_bytes(work.text, "a text", wire.TEXT_BYTES_MAX))
    elif isinstance(work, Recall):
        draft.text16(wire.check_scope(work.scope).encode())
        if work.k < 1:
            raise InvalidArgument("a recall asks for no documents")
        wire.check_size("a recall", work.k, wire.HITS_MAX, "documents")
        draft.numbers("I", work.k)
        draft.vector("a query", work.query, wire.VECTOR_NUMBERS_MAX)
    else:
        draft.text16(wire.check_agent(work.agent).encode() if work.agent else b"")
        draft.numbers("Q", work.step)
        draft.vector("an observation", work.observation, wire.VECTOR_NUMBERS_MAX)
    if message.workflow:
        draft.extend(wire.TAG_WORKFLOW, wire.check_name("a workflow's name", message.workflow))
    if message.agent:
        draft.extend(wire.TAG_AGENT, wire.check_agent(message.agent).encode())
    if message.attempt:
        draft.extend(wire.TAG_ATTEMPT, struct.pack("<I", message.attempt))
    if message.weight != 1:
        draft.extend(wire.TAG_WEIGHT, struct.pack("<f", message.weight))
    draft.trace(message.traceparent)


def _ns(seconds: float) -> int:
    return min(max(round(seconds * 1e9), 0), wire.YEAR_NS)


def _result(draft: _Draft, outcome: Outcome, load: wire.Load | None) -> None:
    timing: Timing = outcome.timing
    output = outcome.output
    draft.of_task(int(outcome.id, 16))
    draft.in_lane(timing.lane)
    kinds = {Embedding: wire.OUTCOME_EMBEDDING, Hits: wire.OUTCOME_HITS,
             Action: wire.OUTCOME_ACTION, Scores: wire.OUTCOME_SCORES}  # fmt: skip
    draft.numbers("BQQQI", wire.OUTCOME_ERROR if output is None else kinds[type(output)],
                  _ns(timing.queue), _ns(timing.compute), _ns(timing.network),
                  timing.batch_tasks)  # fmt: skip
    said = (timing.batch_wait, timing.predicted, timing.entry, timing.reason)
    if said != (0.0, 0.0, "in_turn", "none"):
        why = struct.pack("<QQBB", _ns(timing.batch_wait), _ns(timing.predicted),
                          wire.ENTRIES.index(timing.entry), wire.REASONS.index(timing.reason))  # fmt: skip
        draft.extend(wire.TAG_TIMING, why)
    draft.load(load)
    if output is None:
        draft.error(outcome.error or TroupeError("no reason was given"))
    elif isinstance(output, Embedding):
        draft.numbers("IB", output.tokens, output.truncated)
        draft.vector("an embedding", output.vector, wire.VECTOR_NUMBERS_MAX)
    elif isinstance(output, Hits):
        wire.check_size("an answer", len(output.hits), wire.HITS_MAX, "documents")
        draft.numbers("I", len(output.hits))
        for hit in output.hits:
            draft.text16(wire.check_agent(hit.memory).encode())
            draft.numbers("Qf", hit.document, hit.score)
    elif isinstance(output, Action):
        draft.numbers("I", output.number)
    else:
        draft.numbers("IBI", output.tokens, output.truncated, len(output.labels))
        for label in output.labels:
            draft.text16(wire.check_name("a label", label))
        draft.vector("a text's scores", output.logits, wire.LABELS_MAX)


def _body(draft: _Draft, message: wire.Message) -> None:
    if isinstance(message, wire.Hello):
        draft.numbers("QQ", message.epoch, message.connection)
        draft.text16(wire.check_name("a node's name", message.node, may_be_empty=False))
        if message.delivery:
            draft.extend(wire.TAG_DELIVERY, b"\x01")
        if message.framing:
            draft.extend(wire.TAG_FRAMING, b"\x01")
    elif isinstance(message, wire.Heartbeat):
        draft.numbers("Q", message.epoch)
        if message.last:
            draft.extend(wire.TAG_LAST, b"\x01")
        if message.received is not None:
            draft.extend(wire.TAG_RECEIVED, struct.pack("<Q", message.received))
    elif isinstance(message, wire.AgentMessage):
        draft.numbers("Q", message.reply)
        draft.text16(wire.check_agent(message.to).encode())
        draft.text16(wire.check_agent(message.sender).encode() if message.sender else b"")
        draft.text16(wire.check_name("a topic", message.topic))
        draft.text32(_bytes(message.body, "a message", wire.BODY_BYTES_MAX))
        draft.trace(message.traceparent)
    elif isinstance(message, wire.SubmitTask):
        _submit(draft, message)
    elif isinstance(message, wire.TaskResult):
        _result(draft, message.outcome, message.load)
    elif isinstance(message, wire.ControlRequest):
        draft.numbers("Q", message.id)
        draft.text16(wire.check_name("a verb", message.verb, may_be_empty=False))
        draft.text32(_bytes(message.body, "a request", wire.BODY_BYTES_MAX))
    elif isinstance(message, wire.ControlReply):
        draft.numbers("QB", message.id, message.ok)
        draft.text32(_bytes(message.body, "a reply", wire.BODY_BYTES_MAX))
    else:
        draft.of_task(message.task)
        if isinstance(message, wire.TaskAccepted):
            draft.numbers("I", message.attempt)
            draft.load(message.load)
        elif isinstance(message, wire.TaskRejected):
            draft.numbers("IQ", message.attempt, message.retry_after_ns)
            draft.error(message.why)
            draft.load(message.load)


def encode(message: wire.Message) -> list[bytes]:
    """Raises InvalidArgument or TooLarge for what the other side would not take."""
    draft = _Draft()
    _body(draft, message)
    framed = len(draft.tensor) >= wire.TENSOR_FRAME_BYTES_MIN
    flags = (wire.FLAG_TTL if draft.ttl_us is not None else 0) | (
        wire.FLAG_TENSOR_FRAMED if framed else 0
    )
    header = wire.HEADER.pack(
        wire.MAGIC, wire.VERSION, wire.KIND_OF[type(message)], flags, wire.HEADER_BYTES, draft.lane,
        wire.F32 if draft.tensor else 0, 1 if draft.tensor else 0, bytes(3), len(draft.body),
        len(draft.extensions), draft.task >> 64, draft.task & (1 << 64) - 1, draft.ttl_us or 0,
        draft.trace_ids, len(draft.tensor) // 4, 0, 0, 0,
    )  # fmt: skip
    first = header + draft.body + (b"" if framed else draft.tensor) + draft.extensions
    return [first, draft.tensor] if framed else [first]
