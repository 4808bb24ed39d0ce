"""A wire that can be cut: forwards TCP connections to a port, holds back what comes from there, and
breaks everything, on demand."""

import socket
import threading


class Proxy:
    def __init__(self, port):
        self.target = port
        self.flowing = threading.Event()  # what the far side says is passed on
        self.flowing.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        self.threads = [threading.Thread(target=self._serve, daemon=True)]
        self.threads[0].start()

    def _serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.pairs.append((near, far))
            for source, sink, gate in ((near, far, None), (far, near, self.flowing)):
                thread = threading.Thread(target=self._pass_on, args=(source, sink, gate), daemon=True)
                self.threads.append(thread)
                thread.start()

    def _pass_on(self, source, sink, gate):
        try:
            while data := source.recv(65536):
                if gate is not None:
                    gate.wait()
                sink.sendall(data)
        except OSError:
            pass  # cut: what this is for
        for one in (source, sink):
            self._shut(one)
        source.close()

    @staticmethod
    def _shut(one):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # by the other direction's thread already, or closed by it

    def cut(self):
        """Every connection; those that come later are forwarded again."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for one in pair:
                self._shut(one)
        self.flowing.set()

    def close(self):
        self._shut(self.listener)
        self.listener.close()
        self.cut()
        for thread in self.threads:
            thread.join(60)
