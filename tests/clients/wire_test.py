"""The Python client's codec against the goldens: the bytes that C++ and check_wire.py agree on."""

import os
import random
import struct
import sys
import unittest

SOURCE = os.environ["TROUPE_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "clients", "python"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "transport"))

import check_wire
from troupe import errors, tasks, wire
from troupe._wire_decode import decode
from troupe._wire_encode import encode
from troupe.placement import home_of

GOLDENS = os.path.join(SOURCE, "tests", "data", "wire-goldens.txt")


def goldens():
    with open(GOLDENS, encoding="ascii") as lines:
        for line in lines:
            name, *frames = line.split()
            yield name, [bytes.fromhex(frame) for frame in frames]


def extension(message, tag):
    return dict(message.get("extensions", [])).get(tag, b"")


def load_of(message):
    raw = extension(message, 6)
    return wire.Load(*struct.unpack("<QQ", raw)) if raw else None


def traceparent_of(m):
    if "trace" not in m or not any(m["trace"][16:]):
        return ""
    sampled = (extension(m, 9) or b"\0")[0] & 1
    return f"00-{m['trace'][:16].hex()}-{m['trace'][16:].hex()}-0{sampled}"


def task_of(message):
    high, low = message["task"]
    return high << 64 | low


def error_of(message):
    return errors.error_of(errors.CODES[message["code"] - 1], message["what"].decode(),
                           message["next_step"].decode())


def work_of(m):
    return {
        1: lambda: tasks.Encode(m["text"]),
        2: lambda: tasks.Recall(m["scope"].decode(), m["tensor"], m["k"]),
        3: lambda: tasks.Act(m["tensor"], m["agent"].decode(), m["step"]),
        4: lambda: tasks.Classify(m["text"]),
    }[m["work"]]()


def outcome_of(m):
    wait, predicted, entry, reason = 0, 0, 0, 0
    if raw := extension(m, 3):
        wait, predicted, entry, reason = struct.unpack("<QQBB", raw)
    timing = tasks.Timing(
        wire.LANES[m["lane"]], m["queue_ns"] / 1e9, wait / 1e9, m["compute_ns"] / 1e9, predicted / 1e9,
        m["network_ns"] / 1e9, m["batch_tasks"], wire.ENTRIES[entry], wire.REASONS[reason])
    output = {
        1: lambda: None,
        2: lambda: tasks.Embedding(m["tensor"], m["tokens"], bool(m["truncated"])),
        3: lambda: tasks.Hits([tasks.Hit(name.decode(), number, score)
                               for name, number, score in m["hits"]]),
        4: lambda: tasks.Action(m["action"]),
        5: lambda: tasks.Scores(m["tensor"], [label.decode() for label in m["labels"]], m["tokens"],
                                bool(m["truncated"])),
    }[m["outcome"]]()
    error = error_of(m) if m["outcome"] == 1 else None
    return tasks.Outcome(wire.task_name(task_of(m)), output, error, timing)


def message_of(m):
    """check_wire.py's plain values as the client's message: every field by its name."""
    kind = m["kind"]
    if kind == check_wire.HELLO:
        return wire.Hello(m["epoch"], m["connection"], m["node"].decode(), extension(m, 4) == b"\x01",
                          extension(m, 10) == b"\x01")
    if kind == check_wire.HEARTBEAT:
        received = extension(m, 11)
        return wire.Heartbeat(m["epoch"], extension(m, 8) == b"\x01",
                              struct.unpack("<Q", received)[0] if received else None)
    if kind == check_wire.AGENT:
        return wire.AgentMessage(m["to"].decode(), m["from"].decode(), m["reply"], m["topic"].decode(),
                                 m["body"], traceparent_of(m))
    if kind == check_wire.SUBMIT:
        attempt, weight = extension(m, 5), extension(m, 7)
        return wire.SubmitTask(
            task_of(m), work_of(m), m["model"].decode(), m["tenant"].decode(), extension(m, 1).decode(),
            extension(m, 2).decode(), wire.LANES[m["lane"]] if "lane" in m else None, m.get("ttl_us"),
            struct.unpack("<f", weight)[0] if weight else 1.0,
            struct.unpack("<I", attempt)[0] if attempt else 0, traceparent_of(m))
    if kind == check_wire.RESULT:
        return wire.TaskResult(outcome_of(m), load_of(m))
    if kind == check_wire.REQUEST:
        return wire.ControlRequest(m["id"], m["verb"].decode(), m["body"])
    if kind == check_wire.REPLY:
        return wire.ControlReply(m["id"], bool(m["ok"]), m["body"])
    if kind == check_wire.ACCEPTED:
        return wire.TaskAccepted(task_of(m), m["attempt"], load_of(m))
    if kind == check_wire.REJECTED:
        return wire.TaskRejected(task_of(m), m["attempt"], m["retry_after_ns"], error_of(m), load_of(m))
    return {check_wire.CANCEL: wire.CancelTask, check_wire.ACK: wire.ResultAck}[kind](task_of(m))


class Goldens(unittest.TestCase):
    def test_every_golden_is_written_as_it_stands(self):
        written = 0
        for name, frames in goldens():
            if name.startswith("~"):
                continue
            with self.subTest(name):
                self.assertEqual(encode(message_of(check_wire.MESSAGES[name])), frames)
                written += 1
        self.assertGreaterEqual(written, 30)

    def test_every_golden_is_read_without_loss(self):
        for name, frames in goldens():
            if name.startswith("~"):
                continue
            with self.subTest(name):
                self.assertEqual(encode(decode(frames)), frames)

    def test_what_another_encoder_may_send(self):
        strange = {name: frames for name, frames in goldens() if name.startswith("~")}
        self.assertEqual(decode(strange["~heartbeat_extended"]), wire.Heartbeat(0x1122334455667788))
        self.assertEqual(decode(strange["~result_unknown_error"]).outcome.error.code, "internal")
        timing = decode(strange["~result_unknown_reason"]).outcome.timing
        self.assertEqual((timing.entry, timing.reason), ("in_turn", "none"))
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        self.assertEqual(decode(strange["~submit_future_flags"]).traceparent, trace)
        self.assertEqual(decode(strange["~submit_half_a_trace"]).traceparent, "")
        with self.assertRaises(errors.Unsupported):
            decode(strange["~other_version"])

    def test_what_is_no_traceparent_is_refused_before_it_is_sent(self):
        good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        self.assertEqual(decode(encode(wire.AgentMessage("a/1", traceparent=good))).traceparent, good)
        for wrong in ("nonsense", good.upper(), good + "-", good[:-1], good.replace("4bf92f3577b34da6a3ce929d0e0e4736", 32 * "0")):
            with self.subTest(wrong), self.assertRaises(errors.InvalidArgument):
                encode(wire.AgentMessage("a/1", traceparent=wrong))

    def test_error_codes_are_those_of_the_header(self):
        with open(os.path.join(SOURCE, "base", "error.hpp"), encoding="utf-8") as header:
            numbered = [line.split() for line in header if line.strip()[:1].islower() and " = " in line]
        codes = {int(words[2].rstrip(",")): words[0] for words in numbered if words[1] == "="
                 and words[2].rstrip(",").isdigit()}
        self.assertEqual(codes, dict(enumerate(errors.CODES, 1)))

    def test_homes_are_those_of_every_node(self):
        # The same line as in tests/scheduler/placement_test.cpp.
        nodes = ["node-a", "node-b"]
        homes = "".join(home_of(f"librarian/{i}", nodes)[-1] for i in range(16))
        self.assertEqual(homes, "bbbbabbbbaabbaaa")


class Hostile(unittest.TestCase):
    def refused(self, frames):
        """Read, or refused in the one way; nothing else comes out."""
        try:
            decode(frames)
        except (errors.Malformed, errors.Unsupported):
            return True
        return False

    def test_a_byte_too_few_or_too_many_is_refused(self):
        for name, frames in goldens():
            if name == "~other_version":
                continue
            with self.subTest(name):
                for i, frame in enumerate(frames):
                    for other in (frame[:-1], frame + b"\0", b""):
                        self.assertTrue(self.refused(frames[:i] + [other] + frames[i + 1:]))
                self.assertTrue(self.refused(frames + [b""]))
        self.assertTrue(self.refused([]))

    def test_changed_bytes_are_read_or_refused(self):
        chance = random.Random(7)
        refusals = 0
        for _ in range(60):
            for _, frames in goldens():
                frame = bytearray(chance.choice(frames))
                at = frames.index(bytes(frame))
                for _ in range(chance.choice((1, 2, 8))):
                    frame[chance.randrange(len(frame))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
                refusals += self.refused(frames[:at] + [bytes(frame)] + frames[at + 1:])
        self.assertGreater(refusals, 500)

    def test_counts_that_the_bytes_do_not_back_allocate_nothing(self):
        found = dict(goldens())
        hits = found["result_no_hits"]
        body_at = wire.HEADER_BYTES + 1 + 24 + 4
        frame = bytearray(hits[0])
        struct.pack_into("<I", frame, body_at, 1000)
        self.assertTrue(self.refused([bytes(frame)]))

    def test_numbers_that_are_not_finite_are_refused_both_ways(self):
        for wrong in (float("nan"), float("inf"), 1e39):
            with self.assertRaises(errors.InvalidArgument):
                encode(wire.SubmitTask(1, tasks.Recall("a/b", [0.5, wrong])))
        frame = bytearray(dict(goldens())["result_embedding"][0])
        at = bytes(frame).index(struct.pack("<4f", 0.5, -0.5, 0.5, -0.5))
        struct.pack_into("<f", frame, at, float("nan"))
        self.assertTrue(self.refused([bytes(frame)]))
        frame = dict(goldens())["result_hits"][0]
        self.assertTrue(self.refused([frame.replace(struct.pack("<f", 0.875), struct.pack("<f", float("inf")))]))

    def test_an_extension_that_stands_there_twice_is_refused(self):
        message = dict(check_wire.MESSAGES["submit_weight"])
        message["extensions"] = message["extensions"][:1] * 2
        self.assertTrue(self.refused(check_wire.encode(message)))
        message["extensions"] = [(250, b"x")] * 2 + message["extensions"][:1]
        self.assertFalse(self.refused(check_wire.encode(message)))

    def test_what_no_node_would_take_is_refused_before_it_is_sent(self):
        submit, encode_one = wire.SubmitTask, tasks.Encode("x")
        for wrong, kind in (
            (submit(0, encode_one), errors.InvalidArgument),
            (submit(1, tasks.Encode("x" * 65537)), errors.TooLarge),
            (submit(1, tasks.Encode("\ud800")), errors.InvalidArgument),
            (submit(1, encode_one, model="m" * 129), errors.TooLarge),
            (submit(1, encode_one, model="a\nb"), errors.InvalidArgument),
            (submit(1, encode_one, lane="fast"), errors.InvalidArgument),
            (submit(1, encode_one, weight=float("nan")), errors.InvalidArgument),
            (submit(1, encode_one, weight=0), errors.InvalidArgument),
            (submit(1, tasks.Recall("librarian", [1.0])), errors.InvalidArgument),
            (submit(1, tasks.Recall("librarian/*", [])), errors.InvalidArgument),
            (submit(1, tasks.Recall("librarian/*", [1.0], 0)), errors.InvalidArgument),
            (submit(1, tasks.Recall("librarian/*", [1.0], 1001)), errors.TooLarge),
            (submit(1, tasks.Act([1.0], "", -1)), errors.InvalidArgument),
            (submit(1, tasks.Act([[1.0]])), errors.InvalidArgument),
            (submit(1, tasks.Act(["x"])), errors.InvalidArgument),
            (wire.AgentMessage("a/b", "", 0, "t", b"x" * (256 * 1024 + 1)), errors.TooLarge),
            (wire.AgentMessage("a/b/c"), errors.InvalidArgument),
        ):
            with self.subTest(wrong), self.assertRaises(kind):
                encode(wrong)


if __name__ == "__main__":
    unittest.main()
