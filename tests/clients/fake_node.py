"""A node that answers as a test wants: real sockets with CURVE, the client's own codec, any message."""

import collections
import threading

import zmq

from troupe import wire
from troupe._link import Address
from troupe._wire_decode import decode
from troupe._wire_encode import encode
from troupe.cluster_file import KeyPair


def key_pair():
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


class FakeNode:
    """Says hello and sends heartbeats; `answers(message)` gives what a message is answered with: a list
    of messages, or of lists of frames. Runs on a thread of its own."""

    def __init__(self, answers=lambda message: [], name="a", delivery=True, greets=True, beats=True):
        self.answers, self.name, self.delivery = answers, name, delivery
        self.greets, self.beats = greets, beats
        self.epoch = 17
        self.heard = []  # all but hellos and heartbeats, each with its lane
        self.heartbeats = 0
        self.hellos = 0
        self.keys = key_pair()
        self.context = zmq.Context()
        self.sockets = {}
        ports = {}
        for lane in wire.LANES:
            one = self.context.socket(zmq.ROUTER)
            one.linger = 0
            one.curve_server = True
            one.curve_secretkey = self.keys.secret.encode()
            ports[lane] = one.bind_to_random_port("tcp://127.0.0.1")
            self.sockets[lane] = one
        self.address = Address(name, "127.0.0.1", ports["urgent"], ports["ordinary"], (self.keys.public,))
        self.routes = {}  # lane: the latest client's
        self.connection = {}
        self.changed = threading.Condition()
        self.ended = False
        self.posted = collections.deque()  # done by our own thread, which has the sockets
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.ended = True
        self.thread.join(60)
        assert not self.thread.is_alive()

    def wait_for(self, condition, limit_s=60):
        with self.changed:
            return self.changed.wait_for(lambda: condition(self), limit_s)

    def _run(self):
        poller = zmq.Poller()
        for one in self.sockets.values():
            poller.register(one, zmq.POLLIN)
        while not self.ended:
            ready = dict(poller.poll(20))
            for lane, one in self.sockets.items():
                if one in ready:
                    route, *frames = one.recv_multipart()
                    self._take(lane, route, decode(frames))
            while self.posted:
                self.posted.popleft()(self)
            if self.beats and "urgent" in self.routes:
                self.say("urgent", wire.Heartbeat(self.epoch))
        for one in self.sockets.values():
            one.close()
        self.context.term()

    def _take(self, lane, route, message):
        with self.changed:
            if isinstance(message, wire.Hello):
                self.hellos += 1
                self.connection[lane] = message.connection
                self.routes[lane] = route
                if self.greets and len(set(self.connection.values())) == 1 and len(self.routes) == 2:
                    for each in wire.LANES:
                        self.say(each, self.hello(message.connection))
            elif isinstance(message, wire.Heartbeat):
                self.heartbeats += 1
            else:
                self.heard.append((lane, message))
                for answer in self.answers(message):
                    self.say("urgent" if isinstance(answer, list) else lane, answer)
            self.changed.notify_all()

    def hello(self, connection):
        return wire.Hello(self.epoch, connection, self.name, self.delivery)

    def say(self, lane, message):
        frames = message if isinstance(message, list) else encode(message)
        self.sockets[lane].send_multipart([self.routes[lane], *frames])
