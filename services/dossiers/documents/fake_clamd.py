#!/usr/bin/python3
"""A clamd for tests: speaks INSTREAM as clamd(8) describes it, on a Unix socket.

    fake_clamd.py SOCKET [--limit BYTES] [--journal FILE]

It finds the EICAR test string, as every scanner does; answers `INSTREAM size limit exceeded. ERROR` beyond the limit;
hangs up in the middle of content with `HANGUP-NOW`, answers nonsense for `NONSENSE-NOW` and never for `SILENCE-NOW`.
Each scan adds a line to the journal: bytes, chunks and SHA-256 of what came. Prints `ready` and serves until its
standard input ends.
"""

import argparse
import hashlib
import os
import socket
import struct
import sys
import threading

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
COMMAND = b"zINSTREAM\0"


def receive(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def scan(connection, limit, journal):
    if receive(connection, len(COMMAND)) != COMMAND:
        connection.sendall(b"UNKNOWN COMMAND\0")
        return
    content, chunks = b"", 0
    while True:
        (length,) = struct.unpack("!I", receive(connection, 4))
        if length == 0:
            break
        content += receive(connection, length)
        chunks += 1
        if len(content) > limit:
            connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")
            return
        if b"HANGUP-NOW" in content:
            return
    if journal:
        with open(journal, "a", encoding="ascii") as file:
            file.write(f"{len(content)} {chunks} {hashlib.sha256(content).hexdigest()}\n")
    if b"SILENCE-NOW" in content:
        connection.recv(1)
    elif b"NONSENSE-NOW" in content:
        connection.sendall(b"what?\0")
    elif EICAR in content:
        connection.sendall(b"stream: Eicar-Test-Signature FOUND\0")
    else:
        connection.sendall(b"stream: OK\0")


def serve(connection, arguments):
    with connection:
        try:
            scan(connection, arguments.limit, arguments.journal)
        except (EOFError, OSError):
            pass


def accept(listener, arguments):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, arguments), daemon=True).start()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--limit", type=int, default=25 << 20)
    parser.add_argument("--journal")
    arguments = parser.parse_args()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(arguments.socket)
        listener.listen()
        threading.Thread(target=accept, args=(listener, arguments), daemon=True).start()
        print("ready", flush=True)
        sys.stdin.read()
    os.unlink(arguments.socket)


if __name__ == "__main__":
    main()
