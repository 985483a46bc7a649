"""WebSocket by the frame (RFC 6455), on top of wire: apps that speak it and clients of the proxy.

    def script(conn):                          # an upstream's
        socket = websocket.accept(conn)        # answers the handshake
        socket.send(websocket.TEXT, b"hi")

    socket = websocket.connect(client)         # a wire.Client of the proxy; 101 is asserted
    frame = socket.read()                      # Frame(opcode, payload, fin, rsv1, masked)
    socket.close(1000, "bye")
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import struct

import wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclasses.dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv1: bool = False
    masked: bool = False

    @property
    def code(self) -> int | None:
        return struct.unpack(">H", self.payload[:2])[0] if self.payload else None

    @property
    def reason(self) -> str:
        return self.payload[2:].decode()


def xor(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def encode(opcode: int, payload: bytes = b"", masked: bool = False, fin: bool = True, rsv1: bool = False) -> bytes:
    size, bit = len(payload), 0x80 if masked else 0
    head = bytes([opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)])
    if size < 126:
        head += bytes([size | bit])
    elif size < 65536:
        head += bytes([126 | bit]) + struct.pack(">H", size)
    else:
        head += bytes([127 | bit]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + xor(payload, key)


def close_payload(code: int, reason: str = "") -> bytes:
    return struct.pack(">H", code) + reason.encode()


class Socket:
    """One end of a WebSocket over a wire.Wire; `client` says whose, and so what is masked."""

    def __init__(self, end: wire.Wire, client: bool):
        self.wire, self.client = end, client

    def bytes(self, opcode: int, payload: bytes = b"", **how) -> bytes:
        return encode(opcode, payload, self.client, **how)

    def send(self, opcode: int, payload: bytes = b"", **how):
        self.wire.send(self.bytes(opcode, payload, **how))

    def read(self) -> Frame:
        first, second = self.wire.read_exact(2, "a frame")
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self.wire.read_exact(2, "a frame"))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.wire.read_exact(8, "a frame"))[0]
        masked = bool(second & 0x80)
        if masked == self.client:
            raise AssertionError("a frame is masked from client to server and in no other direction")
        key = self.wire.read_exact(4, "a frame") if masked else b""
        payload = self.wire.read_exact(size, "a frame")
        return Frame(first & 0xF, xor(payload, key) if masked else payload, bool(first & 0x80), bool(first & 0x40), masked)

    def read_message(self) -> bytes:
        """A whole message; control frames within it are dropped."""
        message = b""
        while True:
            frame = self.read()
            if frame.opcode < CLOSE:
                message += frame.payload
                if frame.fin:
                    return message

    def close(self, code: int, reason: str = ""):
        self.send(CLOSE, close_payload(code, reason))


def handshake(fields: str = "", target: str = "/ws") -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET {target} HTTP/1.1\r\nHost: client.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n").encode()


def agreement(request: wire.Message, fields: str = "") -> bytes:
    digest = hashlib.sha1((request.get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return ("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n{fields}\r\n").encode()


def accept(conn: wire.Connection, fields: str = "", behind: bytes = b"") -> Socket:
    """Agrees to the client's handshake; `behind` leaves in the same segment as the 101."""
    request = conn.read_head()
    conn.upstream.note(request)
    conn.send(agreement(request, fields) + behind)
    return Socket(conn, client=False)


def connect(client: wire.Client, fields: str = "", behind: bytes = b"", target: str = "/ws") -> Socket:
    """The client's side: sends the handshake, and `behind` with it, and reads the 101."""
    client.send(handshake(fields, target) + behind)
    answer = client.read_answer(interim=True)
    if answer.status != 101:
        raise AssertionError(f"the handshake was answered {answer.start}")
    socket = Socket(client, client=True)
    socket.answer = answer
    return socket


def echo(conn: wire.Connection):
    """An app that sends everything back as it came, and keeps its frames in `conn.frames`."""
    conn.frames = []
    socket = accept(conn)
    while True:
        frame = socket.read()
        conn.frames.append(frame)
        if frame.opcode == PING:
            socket.send(PONG, frame.payload)
        elif frame.opcode != PONG:
            socket.send(frame.opcode, frame.payload, fin=frame.fin, rsv1=frame.rsv1)
        if frame.opcode == CLOSE:
            return
