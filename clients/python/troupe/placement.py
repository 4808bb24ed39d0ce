"""On which node an agent lives: the rule of scheduler/placement.hpp, which every node and client of a
cluster must apply alike (rendezvous hashing: FNV-1a, spread by SplitMix64)."""

from __future__ import annotations

from collections.abc import Sequence

_ALL = (1 << 64) - 1


def _fnv1a(data: bytes, value: int = 0xCBF29CE484222325) -> int:
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & _ALL
    return value


def _spread(seed: int) -> int:
    z = seed + 0x9E3779B97F4A7C15 & _ALL
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _ALL
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _ALL
    return z ^ z >> 31


def home_of(agent: str, nodes: Sequence[str]) -> str:
    """Of the nodes, the one with the greatest weight; the smaller name, where two have the same."""
    of_agent = _fnv1a(agent.encode())
    return min(nodes, key=lambda node: (-_spread(_fnv1a(node.encode(), of_agent)), node))
