#!/usr/bin/env python3
"""An independent reading of docs/wire.md, to keep the C++ codec and the document honest.

Builds every golden message from plain values with nothing but struct, compares the bytes with
tests/data/wire-goldens.txt, and reads the bytes back into the same values.

    check_wire.py GOLDENS            check (exit 0 or 1)
    check_wire.py --write GOLDENS    write the file anew; only when the protocol's version changes
"""

import struct
import sys

MAGIC, VERSION, HEADER_BYTES = b"TRPE", 1, 88
HEADER = struct.Struct("<4sBBHHBBB3sIIQQQ24s4I")
FLAG_TTL, FLAG_TENSOR_FRAMED = 1, 2
NO_LANE, URGENT, ORDINARY = 255, 0, 1
F32 = 1
TENSOR_FRAME_BYTES_MIN = 6144
(HELLO, HEARTBEAT, AGENT, SUBMIT, CANCEL, RESULT, REQUEST, REPLY, ACCEPTED, REJECTED,
 ACK) = range(1, 12)

assert HEADER.size == HEADER_BYTES


# --- writing -------------------------------------------------------------------------------------

def text16(text):
    return struct.pack("<H", len(text)) + text


def text32(text):
    return struct.pack("<I", len(text)) + text


def timing(t):
    return struct.pack("<QQQI", t["queue_ns"], t["compute_ns"], t["network_ns"], t["batch_tasks"])


def why(batch_wait_ns, predicted_ns, entry, reason):
    return struct.pack("<QQBB", batch_wait_ns, predicted_ns, entry, reason)


def body_of(m):
    kind = m["kind"]
    if kind == HELLO:
        return struct.pack("<QQ", m["epoch"], m["connection"]) + text16(m["node"])
    if kind == HEARTBEAT:
        return struct.pack("<Q", m["epoch"])
    if kind == AGENT:
        return (struct.pack("<Q", m["reply"]) + text16(m["to"]) + text16(m["from"])
                + text16(m["topic"]) + text32(m["body"]))
    if kind == SUBMIT:
        head = struct.pack("<B", m["work"]) + text16(m["model"]) + text16(m["tenant"])
        if m["work"] in (1, 4):
            return head + text32(m["text"])
        if m["work"] == 3:
            return head + text16(m["agent"]) + struct.pack("<Q", m["step"])
        return head + text16(m["scope"]) + struct.pack("<I", m["k"])
    if kind in (CANCEL, ACK):
        return b""
    if kind == ACCEPTED:
        return struct.pack("<I", m["attempt"])
    if kind == REJECTED:
        return (struct.pack("<IQH", m["attempt"], m["retry_after_ns"], m["code"])
                + text16(m["what"]) + text16(m["next_step"]))
    if kind == RESULT:
        head = struct.pack("<B", m["outcome"]) + timing(m)
        if m["outcome"] == 1:
            return head + struct.pack("<H", m["code"]) + text16(m["what"]) + text16(m["next_step"])
        if m["outcome"] == 2:
            return head + struct.pack("<IB", m["tokens"], m["truncated"])
        if m["outcome"] == 5:
            return (head + struct.pack("<IBI", m["tokens"], m["truncated"], len(m["labels"]))
                    + b"".join(map(text16, m["labels"])))
        if m["outcome"] == 4:
            return head + struct.pack("<I", m["action"])
        hits = b"".join(text16(memory) + struct.pack("<Qf", document, score)
                        for memory, document, score in m["hits"])
        return head + struct.pack("<I", len(m["hits"])) + hits
    if kind == REQUEST:
        return struct.pack("<Q", m["id"]) + text16(m["verb"]) + text32(m["body"])
    if kind == REPLY:
        return struct.pack("<QB", m["id"], m["ok"]) + text32(m["body"])
    raise ValueError(kind)


def encode(m):
    tensor = m.get("tensor", [])
    raw = struct.pack(f"<{len(tensor)}f", *tensor)
    framed = len(raw) >= TENSOR_FRAME_BYTES_MIN
    body = body_of(m)
    extensions = b"".join(struct.pack("<H", tag) + text32(value)
                          for tag, value in m.get("extensions", []))
    more_header = m.get("more_header", b"")
    flags = (FLAG_TTL if "ttl_us" in m else 0) | (FLAG_TENSOR_FRAMED if framed else 0)
    high, low = m.get("task", (0, 0))
    header = HEADER.pack(MAGIC, m.get("version", VERSION), m["kind"], flags,
                         HEADER_BYTES + len(more_header), m.get("lane", NO_LANE),
                         F32 if tensor else 0, 1 if tensor else 0, bytes(3), len(body),
                         len(extensions), high, low, m.get("ttl_us", 0),
                         m.get("trace", bytes(24)), len(tensor), 0, 0, 0)
    first = header + more_header + body + (b"" if framed else raw) + extensions
    return [first, raw] if framed else [first]


# --- reading -------------------------------------------------------------------------------------

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        assert self.at + count <= len(self.data), "runs past the end"
        self.at += count
        return self.data[self.at - count:self.at]

    def unpack(self, layout):
        layout = struct.Struct("<" + layout)
        values = layout.unpack(self.take(layout.size))
        return values[0] if len(values) == 1 else values

    def text16(self):
        return self.take(self.unpack("H"))

    def text32(self):
        return self.take(self.unpack("I"))


def read_body(m, r):
    kind = m["kind"]
    if kind == HELLO:
        m["epoch"], m["connection"] = r.unpack("QQ")
        m["node"] = r.text16()
    elif kind == HEARTBEAT:
        m["epoch"] = r.unpack("Q")
    elif kind == AGENT:
        m["reply"] = r.unpack("Q")
        m["to"], m["from"], m["topic"] = r.text16(), r.text16(), r.text16()
        m["body"] = r.text32()
    elif kind == SUBMIT:
        m["work"] = r.unpack("B")
        m["model"], m["tenant"] = r.text16(), r.text16()
        if m["work"] in (1, 4):
            m["text"] = r.text32()
        elif m["work"] == 3:
            m["agent"], m["step"] = r.text16(), r.unpack("Q")
        else:
            m["scope"], m["k"] = r.text16(), r.unpack("I")
    elif kind == RESULT:
        m["outcome"] = r.unpack("B")
        m["queue_ns"], m["compute_ns"], m["network_ns"], m["batch_tasks"] = r.unpack("QQQI")
        if m["outcome"] == 1:
            m["code"] = r.unpack("H")
            m["what"], m["next_step"] = r.text16(), r.text16()
        elif m["outcome"] == 2:
            m["tokens"], m["truncated"] = r.unpack("IB")
        elif m["outcome"] == 5:
            m["tokens"], m["truncated"] = r.unpack("IB")
            m["labels"] = [r.text16() for _ in range(r.unpack("I"))]
        elif m["outcome"] == 4:
            m["action"] = r.unpack("I")
        else:
            m["hits"] = [(r.text16(), *r.unpack("Qf")) for _ in range(r.unpack("I"))]
    elif kind == ACCEPTED:
        m["attempt"] = r.unpack("I")
    elif kind == REJECTED:
        m["attempt"], m["retry_after_ns"], m["code"] = r.unpack("IQH")
        m["what"], m["next_step"] = r.text16(), r.text16()
    elif kind == REQUEST:
        m["id"], m["verb"], m["body"] = r.unpack("Q"), r.text16(), r.text32()
    elif kind == REPLY:
        m["id"], m["ok"] = r.unpack("QB")
        m["body"] = r.text32()


def decode(frames):
    (magic, version, kind, flags, header_bytes, lane, dtype, rank, reserved, body_bytes,
     extension_bytes, high, low, ttl_us, trace, *shape) = HEADER.unpack_from(frames[0])
    assert magic == MAGIC and reserved == bytes(3) and dtype in (0, F32) and rank == (dtype != 0)
    floats = shape[0]
    framed = bool(flags & FLAG_TENSOR_FRAMED)
    assert len(frames) == (2 if framed else 1)
    inline_bytes = 0 if framed else 4 * floats
    assert len(frames[0]) == header_bytes + body_bytes + inline_bytes + extension_bytes

    m = {"kind": kind}
    r = Reader(frames[0])
    r.take(HEADER_BYTES)
    more_header = r.take(header_bytes - HEADER_BYTES)
    body = Reader(r.take(body_bytes))
    read_body(m, body)
    assert body.at == len(body.data), "bytes left over"
    raw = frames[1] if framed else r.take(inline_bytes)
    tail = Reader(r.take(extension_bytes))
    extensions = []
    while tail.at < len(tail.data):
        extensions.append((tail.unpack("H"), tail.text32()))
    for name, value, absent in (("version", version, VERSION), ("lane", lane, NO_LANE),
                                ("task", (high, low), (0, 0)), ("trace", trace, bytes(24)),
                                ("more_header", more_header, b""), ("extensions", extensions, []),
                                ("tensor", list(struct.unpack(f"<{floats}f", raw)), [])):
        if value != absent:
            m[name] = value
    if flags & FLAG_TTL:
        m["ttl_us"] = ttl_us
    return m


# --- the messages --------------------------------------------------------------------------------

YEAR_NS = 365 * 24 * 3600 * 10**9
TASK = (0x0123456789ABCDEF, 42)
# Of the W3C's example, 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.
TRACE = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736" "00f067aa0ba902b7")
TIMES = {"queue_ns": 1_500_000, "compute_ns": 8_000_000, "network_ns": 120_000, "batch_tasks": 16}


def ramp(count):
    return [i / 2048 for i in range(1, count + 1)]


# Names with "~" are for the decoder only: another encoder of version 1 may send them.
MESSAGES = {
    "hello": {"kind": HELLO, "epoch": 0x1122334455667788, "connection": 0x99AABBCCDDEEFF00,
              "node": b"node-a"},
    "hello_delivery": {"kind": HELLO, "epoch": 0x1122334455667788,
                       "connection": 0x99AABBCCDDEEFF00, "node": b"node-a",
                       "extensions": [(4, b"\x01")]},
    "hello_framing": {"kind": HELLO, "epoch": 0x1122334455667788,
                      "connection": 0x99AABBCCDDEEFF00, "node": b"node-a",
                      "extensions": [(4, b"\x01"), (10, b"\x01")]},
    "heartbeat": {"kind": HEARTBEAT, "epoch": 0x1122334455667788},
    "heartbeat_last": {"kind": HEARTBEAT, "epoch": 0x1122334455667788,
                       "extensions": [(8, b"\x01")]},
    "heartbeat_received": {"kind": HEARTBEAT, "epoch": 0x1122334455667788,
                           "extensions": [(11, struct.pack("<Q", 2**40 + 7))]},
    "agent_message": {"kind": AGENT, "reply": 7, "to": b"librarian/017", "from": b"reader/3",
                      "topic": b"ask", "body": '{"question":"caf\u00e9?"}'.encode()},
    "agent_message_of_client": {"kind": AGENT, "reply": 0, "to": b"librarian/017", "from": b"",
                                "topic": b"", "body": b""},
    "agent_message_traced": {"kind": AGENT, "reply": 7, "to": b"librarian/017", "from": b"",
                             "topic": b"ask", "body": b"{}", "trace": TRACE},
    "agent_message_sampled": {"kind": AGENT, "reply": 7, "to": b"librarian/017", "from": b"",
                              "topic": b"ask", "body": b"{}", "trace": TRACE,
                              "extensions": [(9, b"\x01")]},
    "submit_encode": {"kind": SUBMIT, "task": TASK, "lane": URGENT, "ttl_us": 50_000, "work": 1,
                      "model": b"minilm", "tenant": b"default", "text": b"play music"},
    "submit_encode_bare": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"", "tenant": b"",
                           "text": b""},
    "submit_recall": {"kind": SUBMIT, "task": TASK, "lane": ORDINARY, "ttl_us": 0, "work": 2,
                      "model": b"", "tenant": b"default", "scope": b"librarian/*", "k": 10,
                      "tensor": [0.5, -1.0, 0.25]},
    "submit_recall_framed": {"kind": SUBMIT, "task": TASK, "work": 2, "model": b"",
                             "tenant": b"default", "scope": b"librarian/017", "k": 1000,
                             "tensor": ramp(1536)},
    "submit_of_agent": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"minilm",
                        "tenant": b"default", "text": b"play music",
                        "extensions": [(1, b"evening news"), (2, b"reader/3")]},
    "submit_recall_of_agent": {"kind": SUBMIT, "task": TASK, "lane": ORDINARY, "work": 2,
                               "model": b"", "tenant": b"default", "scope": b"librarian/*",
                               "k": 10, "tensor": [0.5, -1.0, 0.25],
                               "extensions": [(2, b"reader/3")]},
    "submit_act": {"kind": SUBMIT, "task": TASK, "lane": URGENT, "ttl_us": 5_000, "work": 3,
                   "model": b"mover", "tenant": b"default", "agent": b"game/7", "step": 41,
                   "tensor": [0.5, -1.0, 0.25]},
    "submit_act_of_agent": {"kind": SUBMIT, "task": TASK, "work": 3, "model": b"mover",
                            "tenant": b"default", "agent": b"", "step": 2**48 - 1,
                            "tensor": ramp(1536), "extensions": [(2, b"game/7")]},
    "submit_classify": {"kind": SUBMIT, "task": TASK, "lane": ORDINARY, "ttl_us": 50_000,
                        "work": 4, "model": b"moods", "tenant": b"default",
                        "text": b"what a day"},
    "submit_attempt": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"minilm",
                       "tenant": b"default", "text": b"play music",
                       "extensions": [(5, struct.pack("<I", 3))]},
    "submit_weight": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"minilm",
                      "tenant": b"default", "text": b"play music",
                      "extensions": [(5, struct.pack("<I", 3)), (7, struct.pack("<f", 2.5))]},
    "submit_traced": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"minilm",
                      "tenant": b"default", "text": b"play music", "trace": TRACE,
                      "extensions": [(5, struct.pack("<I", 3))]},
    "submit_sampled": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"minilm",
                       "tenant": b"default", "text": b"play music", "trace": TRACE,
                       "extensions": [(9, b"\x01")]},
    "task_accepted": {"kind": ACCEPTED, "task": TASK, "attempt": 3},
    "task_rejected": {"kind": REJECTED, "task": TASK, "attempt": 3,
                      "retry_after_ns": 100_000_000, "code": 7,
                      "what": b"4096 tasks wait already", "next_step": b"retry in 12ms"},
    "task_accepted_load": {"kind": ACCEPTED, "task": TASK, "attempt": 1,
                           "extensions": [(6, struct.pack("<QQ", 40_000_000, 20_000))]},
    "task_rejected_load": {"kind": REJECTED, "task": TASK, "attempt": 1, "retry_after_ns": 0,
                           "code": 11, "what": b"no device", "next_step": b"",
                           "extensions": [(6, struct.pack("<QQ", YEAR_NS, YEAR_NS))]},
    "result_ack": {"kind": ACK, "task": TASK},
    "cancel_task": {"kind": CANCEL, "task": TASK},
    "result_error": {"kind": RESULT, "task": TASK, "lane": ORDINARY, "outcome": 1, **TIMES,
                     "code": 7, "what": b"4096 tasks wait already", "next_step": b"retry in 12ms"},
    "result_embedding": {"kind": RESULT, "task": TASK, "lane": URGENT, "outcome": 2, **TIMES,
                         "tokens": 12, "truncated": 1, "tensor": [0.5, -0.5, 0.5, -0.5]},
    "result_embedding_inline_max": {"kind": RESULT, "task": TASK, "lane": URGENT, "outcome": 2,
                                    **TIMES, "tokens": 1, "truncated": 0, "tensor": ramp(1535)},
    "result_embedding_framed": {"kind": RESULT, "task": TASK, "lane": URGENT, "outcome": 2,
                                **TIMES, "tokens": 512, "truncated": 0, "tensor": ramp(2048)},
    "result_hits": {"kind": RESULT, "task": TASK, "lane": URGENT, "outcome": 3, **TIMES,
                    "hits": [(b"librarian/017", 3, 0.875), (b"librarian/2", 2**63, -0.25)]},
    "result_no_hits": {"kind": RESULT, "task": TASK, "lane": ORDINARY, "outcome": 3, **TIMES,
                       "hits": []},
    "result_action": {"kind": RESULT, "task": TASK, "lane": URGENT, "outcome": 4, **TIMES,
                      "action": 65535},
    "result_scores": {"kind": RESULT, "task": TASK, "lane": ORDINARY, "outcome": 5, **TIMES,
                      "tokens": 7, "truncated": 1, "labels": [b"sad", "très gai".encode()],
                      "tensor": [-1.5, 2.25]},
    "result_explained": {"kind": RESULT, "task": TASK, "lane": URGENT, "outcome": 2, **TIMES,
                         "tokens": 12, "truncated": 0, "tensor": [0.5, -0.5, 0.5, -0.5],
                         "extensions": [(3, why(250_000, 7_900_000, 1, 4))]},
    "result_load": {"kind": RESULT, "task": TASK, "lane": ORDINARY, "outcome": 4, **TIMES,
                    "action": 3, "extensions": [(3, why(250_000, 7_900_000, 0, 1)),
                                                (6, struct.pack("<QQ", 0, 0))]},
    "result_infeasible": {"kind": RESULT, "task": TASK, "lane": ORDINARY, "outcome": 1, **TIMES,
                          "code": 18, "what": b"too soon", "next_step": b"allow 40ms"},
    "control_request": {"kind": REQUEST, "id": 9, "verb": b"status", "body": b"{}"},
    "control_reply": {"kind": REPLY, "id": 9, "ok": 1, "body": b'{"up":true}'},
    "control_reply_failed": {"kind": REPLY, "id": 10, "ok": 0,
                             "body": b'{"error":{"code":"not_found"}}'},
    "~heartbeat_extended": {"kind": HEARTBEAT, "epoch": 0x1122334455667788,
                            "trace": bytes(range(24)), "more_header": b"minor 1!",
                            "extensions": [(1, b""), (0xFFFF, b"skip me")]},
    "~submit_future_flags": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"minilm",
                             "tenant": b"default", "text": b"play music", "trace": TRACE,
                             "extensions": [(9, b"\xfe")]},
    "~submit_half_a_trace": {"kind": SUBMIT, "task": TASK, "work": 1, "model": b"minilm",
                             "tenant": b"default", "text": b"play music",
                             "trace": TRACE[:16] + bytes(8), "extensions": [(9, b"\x01")]},
    "~result_unknown_error": {"kind": RESULT, "task": TASK, "lane": ORDINARY, "outcome": 1,
                              **TIMES, "code": 999, "what": b"from the future", "next_step": b""},
    "~result_unknown_reason": {"kind": RESULT, "task": TASK, "lane": ORDINARY, "outcome": 3,
                               **TIMES, "hits": [],
                               "extensions": [(3, why(1, 2, 9, 250)), (250, b"skip me too")]},
    "~other_version": {"kind": HEARTBEAT, "epoch": 1, "version": 2},
}


def main():
    write = "--write" in sys.argv
    path = sys.argv[-1]
    if write:
        with open(path, "w", encoding="ascii") as out:
            for name, message in MESSAGES.items():
                print(name, *(frame.hex() for frame in encode(message)), file=out)
        return 0

    goldens = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            name, *frames = line.split()
            goldens[name] = [bytes.fromhex(frame) for frame in frames]
    wrong = sorted(set(goldens) ^ set(MESSAGES))
    for name, message in MESSAGES.items():
        if name in goldens and encode(message) != goldens[name]:
            wrong.append(f"{name} (written differently)")
        if name in goldens and decode(goldens[name]) != message:
            wrong.append(f"{name} (read differently)")
    for name in wrong:
        print("wire goldens:", name, file=sys.stderr)
    print(f"{len(MESSAGES)} messages checked, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
