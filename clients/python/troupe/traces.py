"""W3C trace context (https://www.w3.org/TR/trace-context/): a `traceparent` says which trace a task or a
message belongs to, and below which span. Empty: none."""

from __future__ import annotations

import re

from .errors import InvalidArgument

IDS_BYTES = 24  # the trace's 16 and the span's 8
NO_IDS = bytes(IDS_BYTES)
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def check_traceparent(text: str) -> str:
    """As it goes into a header; raises InvalidArgument for what follows no standard."""
    ids_of(text)
    return text


def ids_of(text: str) -> tuple[bytes, bool]:
    """The ids in the order of their digits, and whether the trace is sampled."""
    if not text:
        return NO_IDS, False
    found = _TRACEPARENT.fullmatch(text)
    good = found is not None and found[1] != "ff" and (found[1] != "00" or found[5] is None)
    if found is None or not good or int(found[2], 16) == 0 or int(found[3], 16) == 0:
        raise InvalidArgument(
            f"{text[:64]!r} is no traceparent",
            "write it like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
    return bytes.fromhex(found[2] + found[3]), bool(int(found[4], 16) & 1)


def traceparent_of(ids: bytes, sampled: bool) -> str:
    """What the other side sent; half a trace is none."""
    trace, span = ids[:16], ids[16:]
    if not any(trace) or not any(span):
        return ""
    return f"00-{trace.hex()}-{span.hex()}-{'01' if sampled else '00'}"
