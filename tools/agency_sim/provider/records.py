"""journal.jsonl: one JSON object per line, in the file before anybody is answered.

A line is one write and stays when the process is killed; it is not synced, so that the journal does
not compete for the disk with the log that is measured beside it.
"""

import base64
import binascii
import datetime
import fcntl
import json
import os


class JournalError(Exception):
    """The journal cannot be read or written."""


class Journal:
    def __init__(self, folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = os.path.join(folder, "journal.jsonl")
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise JournalError(f"{self.path}: another process is using it") from None
        self.lines = self._count()

    def _count(self):
        """How many lines there are; a torn last one is cut off."""
        whole = lines = 0
        with open(self.path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
                    lines += 1
        os.ftruncate(self._file, whole)
        return lines

    def append(self, **record):
        self.lines += 1
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
        line = json.dumps({"n": self.lines, "time": now.replace("+00:00", "Z"), **record},
                          ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if os.write(self._file, line) != len(line):
            raise JournalError(f"{self.path}: the disk is full")
        return self.lines

    def close(self):
        os.close(self._file)


def caller_of(token):
    """Payload of the gateway's JWS, read but not verified; text about it when it is none."""
    if not token:
        return None
    try:
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error) as error:
        return f"unreadable: {error!r}"
