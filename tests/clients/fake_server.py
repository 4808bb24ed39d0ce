"""An HTTP server that says exactly what a test wrote down: the bytes of each answer, one a request."""

import socket
import threading


class FakeServer:
    """Each of `answers` is bytes, or a function that is given the connection and does as it likes. An
    answer b"" closes the connection unanswered. After the last, connections are closed."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []  # what came, head and body
        self.connections = 0
        self.asked = threading.Event()
        self.gone = threading.Event()  # a client closed its connection while it waited
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def _serve(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(60)
                try:
                    self._converse(connection)
                except OSError:
                    self.gone.set()

    def _converse(self, connection):
        while True:
            request = self._read(connection)
            if request is None:
                return
            self.requests.append(request)
            self.asked.set()
            if not self.answers:
                return
            answer = self.answers.pop(0)
            if callable(answer):
                return answer(connection)
            if not answer:
                return
            connection.sendall(answer)
            if b"connection: close" in answer.lower():
                return

    def _read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += connection.recv(65536)
        return head.decode(), body

    def wait_gone(self, connection):
        """For a callable answer: until the client closes."""
        while connection.recv(65536):
            pass
        self.gone.set()


def answer(body, status="200 OK", **headers):
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body
