"""A line between the browser and Attune that can be cut and mended: a real relay of TCP connections on loopback."""

import socket
import threading
from contextlib import suppress
from types import TracebackType

_PATIENCE = 60


class Line:
    """Relays a port of its own to another one; use it with `with`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._cut = False
        self._hears = threading.Event()
        self._hears.set()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def __enter__(self) -> "Line":
        threading.Thread(target=self._accept, name="line", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut()
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def cut(self) -> None:
        """Break every connection off, and let none through from now on."""
        with self._lock:
            self._cut = True
            for end in self._sockets:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._hears.set()

    def mend(self) -> None:
        """Let connections through again, and all that comes back."""
        with self._lock:
            self._cut = False
            self._hears.set()

    def deafen(self) -> None:
        """Let through what is asked, and hold back what is answered, from now on."""
        self._hears.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                threading.Thread(target=self._relay, args=(near,), name="line", daemon=True).start()

    def _relay(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as far:
            with self._lock:
                if self._cut:
                    return
                self._sockets |= {near, far}
            back = threading.Thread(target=self._pump, args=(far, near, self._hears), name="line", daemon=True)
            back.start()
            self._pump(near, far, None)
            back.join()
            with self._lock:
                self._sockets -= {near, far}

    def _pump(self, source: socket.socket, sink: socket.socket, leave: threading.Event | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if leave is not None:
                    leave.wait(_PATIENCE)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
