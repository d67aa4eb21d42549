"""The journal: one JSON object per line, append-only, durable before anybody is answered.

A single thread writes and syncs whatever is queued as soon as the last sync has returned, so
requests that arrive together share one fsync and the event loop never waits for the disk.
"""

import asyncio
import datetime
import fcntl
import json
import os
import queue
import threading


class JournalError(Exception):
    """The journal cannot be read or written; the message names the file and, if known, the line."""


class Journal:
    def __init__(self, directory):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.path = os.path.join(directory, "journal.jsonl")
        self._next = 1
        self._failure = None
        self._thread = None
        # Unbounded here because the number of requests in flight is bounded by the handlers.
        self._queue = queue.SimpleQueue()
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise JournalError(f"{self.path}: another national_sim is using it") from None
        parent = os.open(directory, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)

    def replay(self, apply):
        """Gives every record to `apply`. A torn last line was never acknowledged: it is cut off."""
        whole = 0
        with open(self.path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    os.ftruncate(self._file, whole)
                    os.fsync(self._file)
                    break
                whole += len(line)
                try:
                    record = json.loads(line)
                    if record["n"] != number:
                        raise ValueError(f"has n {record['n']!r}")
                    apply(record)
                except (ValueError, KeyError, TypeError) as error:
                    where = f"{self.path}: line {number}"
                    raise JournalError(f"{where} is broken: {error!r}") from error
                self._next = number + 1

    def start(self, loop, on_failure):
        """`on_failure` runs on the loop once, when the disk refuses: nothing is promised then."""
        self._loop = loop
        self._on_failure = on_failure
        self._thread = threading.Thread(target=self._run, name="journal")
        self._thread.start()

    async def append(self, record):
        """Returns once the record is on the disk. It is queued before the first suspension, so
        records stand in the file in the order of the calls, and a cancelled caller does not undo
        its record."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
        line = json.dumps({"n": self._next, "time": now.replace("+00:00", "Z"), **record},
                          ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._next += 1
        await self._enqueue(line)

    async def barrier(self):
        """Returns once everything appended so far is on the disk."""
        await self._enqueue(b"")

    def close(self):
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
        os.close(self._file)

    def _enqueue(self, line):
        done = self._loop.create_future()
        self._queue.put((line, done))
        return done

    def _run(self):
        open_for_more = True
        while open_for_more:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get())
            open_for_more = None not in batch
            batch = [entry for entry in batch if entry is not None]
            if self._failure is None:
                try:
                    self._write(b"".join(line for line, _ in batch))
                except OSError as error:
                    self._failure = JournalError(f"{self.path}: {error}")
                    self._loop.call_soon_threadsafe(self._on_failure, self._failure)
            if batch:
                self._loop.call_soon_threadsafe(self._resolve, [done for _, done in batch])

    def _write(self, data):
        if not data:
            return
        while data:
            data = data[os.write(self._file, data):]
        os.fsync(self._file)

    def _resolve(self, futures):
        for done in futures:
            if done.cancelled():
                continue
            if self._failure is None:
                done.set_result(None)
            else:
                done.set_exception(self._failure)
