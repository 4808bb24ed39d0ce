"""The connections of a client to the nodes of a cluster: two CURVE sockets for each, one a lane, with
hellos and heartbeats, all owned by one thread of its own, so that they go on while the caller works.

Socket options, times and the conversation are those of transport/sockets.cpp and transport/owner.cpp.
Everything but post() and stop() happens on the link's thread.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

import zmq

from . import wire
from ._wire_decode import decode
from ._wire_encode import encode
from .cluster_file import KeyPair
from .errors import Malformed, TroupeError, Unreachable, Unsupported

MESSAGES_HELD_MAX = {"urgent": 4096, "ordinary": 256}  # by ZeroMQ; the rest waits in our own queues
OUTBOX_BYTES_MAX = 64 << 20  # waiting to be sent to one node
HANDSHAKE_MS_MAX = 3000
HELLO_PATIENCE_S = 3.0
OTHER_KEY_PATIENCE_S = 1.0  # where a node may have one of two keys
REOPEN_DELAY_S = 0.05
REFUSED_REOPEN_DELAY_S = 30.0
MALFORMED_MAX = 8
MESSAGES_PER_TURN_MAX = 128
WAIT_S_MAX = 60.0


@dataclass(frozen=True)
class Address:
    """A node as its clients know it."""

    name: str
    host: str
    urgent_port: int
    ordinary_port: int
    public_keys: tuple[str, ...]  # 40 characters of Z85; two while its key is rotated

    def endpoint(self, lane: str) -> str:
        port = self.urgent_port if lane == "urgent" else self.ordinary_port
        return f"tcp://[{self.host}]:{port}" if ":" in self.host else f"tcp://{self.host}:{port}"


class Handler(Protocol):
    def up(self, node: str, epoch: int, delivery: bool) -> None: ...
    def down(self, node: str, why: TroupeError) -> None: ...
    def heard(self, node: str, message: wire.Message) -> None: ...
    def next_wakeup(self) -> float: ...
    def advance(self, now: float) -> None: ...
    def ended(self) -> None: ...


@dataclass
class _Peer:
    address: Address
    sockets: dict[str, zmq.Socket[bytes]] = field(default_factory=dict)
    outbox: dict[str, deque[list[bytes]]] = field(
        default_factory=lambda: {lane: deque() for lane in wire.LANES}
    )
    outbox_bytes: int = 0
    trying: int = 0  # which of its keys
    connection: int = 0
    up: bool = False
    ended: set[str] = field(default_factory=set)  # lanes on which it said its last word
    epoch: int = 0
    heard: bool = False  # since the last beat
    missed: int = 0
    malformed: int = 0
    next_beat: float = 0.0
    reopen_at: float = 0.0


class Link:
    def __init__(
        self, name: str, keys: KeyPair, nodes: Iterable[Address], heartbeat_interval: float,
        heartbeats_missed_max: int, handler: Handler,
        fresh_keys: Callable[[str], tuple[KeyPair, tuple[str, ...]] | None] = lambda node: None,
    ) -> None:  # fmt: skip
        self._fresh_keys = fresh_keys  # our own and that node's, asked before a connection is opened again
        self._name, self._keys, self._handler = name, keys, handler
        self._interval, self._missed_max = heartbeat_interval, heartbeats_missed_max
        self._hello_beats_max = max(heartbeats_missed_max, int(HELLO_PATIENCE_S / heartbeat_interval), 1)
        self._other_key_beats = max(int(OTHER_KEY_PATIENCE_S / heartbeat_interval), 1)
        self._epoch = int.from_bytes(os.urandom(8), "little") | 1
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        self._peers = {node.name: _Peer(node) for node in nodes}
        self._of_socket: dict[zmq.Socket[bytes], tuple[_Peer, str]] = {}
        self._commands: deque[Callable[[], None]] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._stopping = threading.Event()
        self._poller.register(self._wake_out, zmq.POLLIN)
        self.failure: BaseException | None = None  # what ended the thread, if it was not stop()
        self._thread = threading.Thread(target=self._run, name="troupe-link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # --- from any thread --------------------------------------------------------------------------

    def post(self, command: Callable[[], None]) -> None:
        """Runs it on the link's thread."""
        self._commands.append(command)
        try:
            self._wake_in.send(b"!")
        except BlockingIOError:
            pass  # it is awake already
        except OSError:
            pass  # it has ended, and has told so to everybody who waited

    def stop(self) -> None:
        """Sends what is queued for a moment, closes everything and joins the thread."""
        self._stopping.set()
        self.post(lambda: None)
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._wake_in.close()
        self._wake_out.close()

    # --- on the link's thread ---------------------------------------------------------------------

    def send(self, node: str, lane: str, frames: list[bytes]) -> str | None:
        """Success means queued; else the code of why not."""
        peer = self._peers[node]
        if not peer.up:
            return "unreachable"
        size = sum(map(len, frames))
        if max(map(len, frames)) > wire.FRAME_BYTES_MAX:
            return "too_large"
        if peer.outbox_bytes + size > OUTBOX_BYTES_MAX:
            return "queue_full"
        peer.outbox_bytes += size
        peer.outbox[lane].append(frames)
        return None

    def _run(self) -> None:
        try:
            for peer in self._peers.values():
                self._dial(peer)
            while not self._stopping.is_set():
                self._turn()
            self._take_commands()  # what was posted before the end was asked for
        except BaseException as wrong:
            self.failure = wrong  # the handler tells it to whoever waits
            raise
        finally:
            for peer in self._peers.values():
                self._flush(peer)
                self._close(peer, linger_ms=200 if peer.up else 0)
            self._handler.ended()
            self._context.term()

    def _turn(self) -> None:
        events = self._poller.poll(max(0, int(self._wait_s() * 1000 + 0.999)))
        readable: dict[str, list[zmq.Socket[bytes]]] = {lane: [] for lane in wire.LANES}
        for source, what in events:
            if source in self._of_socket:
                if what & zmq.POLLIN:
                    readable[self._of_socket[source][1]].append(source)
            else:
                # Before the commands are taken, or one that comes meanwhile would be slept through.
                self._drain_wake()
        self._take_commands()
        for lane in wire.LANES:
            for one in readable[lane]:
                self._receive(one)
        now = time.monotonic()
        for peer in self._peers.values():
            self._keep_time(peer, now)
        self._handler.advance(now)
        for peer in self._peers.values():
            self._flush(peer)

    def _wait_s(self) -> float:
        if self._commands:
            return 0.0
        due = min(
            min(p.next_beat if p.sockets else p.reopen_at for p in self._peers.values()),
            self._handler.next_wakeup(),
        )
        return min(max(0.0, due - time.monotonic()), WAIT_S_MAX)

    def _take_commands(self) -> None:
        for _ in range(len(self._commands)):
            self._commands.popleft()()

    def _drain_wake(self) -> None:
        try:
            while self._wake_out.recv(4096):
                pass
        except BlockingIOError:
            pass

    # --- connections ------------------------------------------------------------------------------

    def _dial(self, peer: _Peer) -> None:
        """Begins a connection: two fresh sockets, one number, a hello on both."""
        peer.connection = int.from_bytes(os.urandom(8), "little") | 1
        peer.malformed = peer.missed = 0
        peer.up = peer.heard = False
        peer.next_beat = time.monotonic() + self._interval
        for lane in wire.LANES:
            try:
                self._open(peer, lane)
            except (zmq.ZMQError, OSError) as refused:
                why = Unreachable(f"cannot connect to {peer.address.endpoint(lane)}: {refused}")
                return self._hang_up(peer, why, REFUSED_REOPEN_DELAY_S, tell=True)
        self._say_hello(peer)

    def _open(self, peer: _Peer, lane: str) -> None:
        one = self._context.socket(zmq.DEALER)
        peer.sockets[lane] = one
        one.sndhwm = one.rcvhwm = MESSAGES_HELD_MAX[lane]
        one.linger = 0
        one.setsockopt(zmq.IPV6, 1)
        one.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS_MAX)
        one.setsockopt(zmq.TCP_KEEPALIVE, 1)
        one.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 30)
        one.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 10)
        one.setsockopt(zmq.TCP_KEEPALIVE_CNT, 3)
        one.setsockopt(zmq.MAXMSGSIZE, wire.FRAME_BYTES_MAX)
        one.setsockopt(zmq.RECONNECT_IVL, 50)
        one.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        one.setsockopt(zmq.CONNECT_TIMEOUT, HANDSHAKE_MS_MAX)
        one.setsockopt_string(zmq.CURVE_SERVERKEY, peer.address.public_keys[peer.trying])
        one.setsockopt_string(zmq.CURVE_PUBLICKEY, self._keys.public)
        one.setsockopt_string(zmq.CURVE_SECRETKEY, self._keys.secret)
        one.connect(peer.address.endpoint(lane))
        self._of_socket[one] = (peer, lane)
        self._poller.register(one, zmq.POLLIN)

    def _close(self, peer: _Peer, linger_ms: int = 0) -> None:
        for one in peer.sockets.values():
            if one in self._of_socket:
                del self._of_socket[one]
                self._poller.unregister(one)
            one.close(linger=linger_ms)
        peer.sockets.clear()

    def _hang_up(self, peer: _Peer, why: TroupeError, reopen_after: float, *, tell: bool = False) -> None:
        was_up, peer.up = peer.up, False
        peer.ended.clear()
        self._close(peer)
        for waiting in peer.outbox.values():
            waiting.clear()
        peer.outbox_bytes = 0
        peer.reopen_at = time.monotonic() + reopen_after
        if was_up or tell:
            self._handler.down(peer.address.name, why)

    def _keep_time(self, peer: _Peer, now: float) -> None:
        if not peer.sockets:
            if now >= peer.reopen_at:
                self._read_keys_again(peer)
                self._dial(peer)
            return
        if now < peer.next_beat:
            return
        # From now, not from when it was due: beats that were slept through are not made up for.
        peer.next_beat = now + self._interval
        peer.missed = 0 if peer.heard else peer.missed + 1
        peer.heard = False
        if peer.missed >= (self._missed_max if peer.up else self._hello_patience(peer)):
            if not peer.up:  # it may have another key by now
                peer.trying = (peer.trying + 1) % len(peer.address.public_keys)
            why = Unreachable(f"nothing was heard of '{peer.address.name}' for {peer.missed} heartbeats")
            return self._hang_up(peer, why, REOPEN_DELAY_S)
        if not peer.up:
            self._say_hello(peer)
        elif not peer.ended and not peer.outbox["urgent"]:  # what waits there says as much
            self._hand_over(peer, "urgent", encode(wire.Heartbeat(self._epoch)))

    def _hello_patience(self, peer: _Peer) -> int:
        two = len(peer.address.public_keys) > 1
        return min(self._hello_beats_max, self._other_key_beats) if two else self._hello_beats_max

    def _read_keys_again(self, peer: _Peer) -> None:
        """Somebody may have rotated one since."""
        fresh = self._fresh_keys(peer.address.name)
        if fresh is None:
            return
        tried = peer.address.public_keys[peer.trying]
        self._keys, theirs = fresh
        peer.address = replace(peer.address, public_keys=theirs)
        peer.trying = theirs.index(tried) if tried in theirs else 0

    def _say_hello(self, peer: _Peer) -> None:
        hello = encode(wire.Hello(self._epoch, peer.connection, self._name, delivery=True))
        for lane in wire.LANES:
            self._hand_over(peer, lane, hello)

    # --- messages ---------------------------------------------------------------------------------

    def _hand_over(self, peer: _Peer, lane: str, frames: list[bytes]) -> bool:
        """False: ZeroMQ holds all that it may."""
        try:
            peer.sockets[lane].send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _flush(self, peer: _Peer) -> None:
        if not peer.up:
            return
        for lane in wire.LANES:
            waiting = peer.outbox[lane]
            while waiting and self._hand_over(peer, lane, waiting[0]):
                peer.outbox_bytes -= sum(map(len, waiting.popleft()))
            one = peer.sockets[lane]
            self._poller.register(one, zmq.POLLIN | zmq.POLLOUT if waiting else zmq.POLLIN)

    def _receive(self, one: zmq.Socket[bytes]) -> None:
        for _ in range(MESSAGES_PER_TURN_MAX):
            if one not in self._of_socket:
                return  # closed by what the last message said
            peer, lane = self._of_socket[one]
            try:
                frames = [one.recv(zmq.NOBLOCK)]
            except zmq.Again:
                return
            while one.getsockopt(zmq.RCVMORE):
                frame = one.recv(zmq.NOBLOCK)
                if len(frames) <= wire.FRAMES_MAX:  # one too many is kept, and refused
                    frames.append(frame)
            try:
                self._take(peer, lane, decode(frames))
            except (Malformed, Unsupported) as wrong:
                peer.malformed += 1
                # Another version will still be another version in a moment.
                if isinstance(wrong, Unsupported) or peer.malformed >= MALFORMED_MAX:
                    self._hang_up(peer, wrong, REFUSED_REOPEN_DELAY_S, tell=True)

    def _take(self, peer: _Peer, lane: str, message: wire.Message) -> None:
        name = peer.address.name
        if isinstance(message, wire.Hello):
            if message.connection == 0:
                # It has no memory of our hello: it, or the connection, began anew behind our back.
                why = Unreachable(f"'{name}' lost the connection, or was restarted")
                return self._hang_up(peer, why, REOPEN_DELAY_S)
            if message.connection != peer.connection:
                raise Malformed("a hello answers another connection")
            if message.node != name:
                raise Malformed(f"'{message.node}' answers with the key of '{name}'")
            peer.heard = True
            if not peer.up:
                peer.up, peer.epoch, peer.missed = True, message.epoch, 0
                return self._handler.up(name, message.epoch, message.delivery)
            if message.epoch != peer.epoch:
                self._hang_up(peer, Unreachable(f"'{name}' was restarted"), REOPEN_DELAY_S)
            return
        if not peer.up:
            return
        if isinstance(message, wire.Heartbeat):
            if message.epoch != peer.epoch:
                raise Malformed("a heartbeat has another epoch")
            peer.heard = True
            if message.last:
                peer.ended.add(lane)
                if len(peer.ended) == len(wire.LANES):
                    self._hang_up(peer, Unreachable(f"'{name}' stopped"), REOPEN_DELAY_S)
            return
        peer.heard = True
        self._handler.heard(name, message)
