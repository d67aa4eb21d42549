"""The calls in gRPC, each with the check of its answer."""

import asyncio
import hashlib

import grpc
import grpc.aio

import result
import stubs
from result import check

ECHO_CHUNK_BYTES = 256 * 1024
UNKNOWN_NUMBER = "99001-999-9999"
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
# A broken connection is tried anew soon, and trailers of any size are let in.
OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_metadata_size", 128 * 1024),
           ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
           ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
           ("grpc.max_reconnect_backoff_ms", 1000))


class Grpc:
    """`metadata`: sent with every call."""

    def __init__(self, target, credentials, land, messages, metadata, deadline_seconds):
        self.land = land
        self.messages = messages
        self.metadata = metadata
        self.deadline_seconds = deadline_seconds
        self.channel = grpc.aio.secure_channel(target, credentials, OPTIONS) if credentials \
            else grpc.aio.insecure_channel(target, OPTIONS)

    async def close(self):
        await self.channel.close()

    async def call(self, step, chance, end):
        """Does the call and fills `end`."""
        try:
            await getattr(self, step.call)(step, chance, end)
        except result.Wrong as wrong:
            end.wrong = str(wrong)

    def _start(self, kind, method, step, request=None):
        call = getattr(self.channel, kind)(f"/{stubs.SERVICE}/{method}")
        options = {"timeout": step.deadline_seconds or self.deadline_seconds, "metadata": self.metadata}
        return call(**options) if request is None else call(request, **options)

    async def _finish(self, call, end, *doing):
        """Sends and receives, then notes how the call ended; an answer that is wrong cancels it."""
        tasks = [asyncio.ensure_future(work) for work in doing]
        try:
            # The receiver is the last: when it has ended, what is still to be sent interests nobody.
            await tasks[-1]
        except grpc.RpcError:
            pass  # its status is read below
        except asyncio.CancelledError:
            if not call.cancelled():
                raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not call.done():
                call.cancel()
            await self._note(call, end)

    async def _note(self, call, end):
        end.code = (await call.code()).name
        end.message = await call.details() or ""
        first = as_dict(await call.initial_metadata())
        last = as_dict(await call.trailing_metadata())
        end.exchange_id = first.get("lgsp-exchange-id") or last.get("lgsp-exchange-id", "")
        end.receipt = last.get("lgsp-receipt", "")
        end.reason = self.messages.reason(last.get("grpc-status-details-bin", b""))

    async def _unary(self, method, request, step, end, kind):
        """The answer, or None."""
        call = self._start("unary_unary", method, step, end.request.message(request.SerializeToString()))
        return await self._one_answer(call, end, kind)

    async def _one_answer(self, call, end, kind, *sending):
        answers = []

        async def receive():
            answers.append(kind.FromString(end.answer.message(await call)))
        await self._finish(call, end, *sending, receive())
        return answers[0] if answers and end.code == "OK" else None

    async def _receive(self, call, kind, end, step, take):
        """Gives each answer of a stream to take(index, answer)."""
        index = 0
        async for data in call:
            take(index, kind.FromString(end.answer.message(data)))
            index += 1
            if index == step.cancel_after:
                call.cancel()

    async def _send(self, call, messages, end, pause=0, cancel_after=0):
        """Sends until the call ends."""
        try:
            for index, message in enumerate(messages, start=1):
                await call.write(end.request.message(message.SerializeToString()))
                if index == cancel_after:
                    call.cancel()
                    return
                if pause:
                    await asyncio.sleep(pause)
            await call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError):
            pass  # the call has ended: the receiver hears how

    async def get(self, step, chance, end):
        number = chance.choice(self.land.numbers)
        answer = await self._unary("GetParcel", self.messages.land.GetParcelRequest(number=number), step, end,
                                   self.messages.land.Parcel)
        if answer is not None:
            check(answer == self.messages.parcel(self.land.parcels[number]), f"parcel {number}: {answer}")

    async def get_unknown(self, step, _chance, end):
        await self._unary("GetParcel", self.messages.land.GetParcelRequest(number=UNKNOWN_NUMBER), step, end,
                          self.messages.land.Parcel)

    async def list(self, step, chance, end):
        commune, size = chance.choice(self.land.communes), 1 + chance.randrange(200)
        token = chance.choice(["", chance.choice(self.land.of_commune[commune])])
        found, following, total = self.land.page(commune, "", size, token)
        wanted = self.messages.land.ListParcelsResponse(
            parcels=map(self.messages.parcel, found), next_page_token=following, total_size=total)
        request = self.messages.land.ListParcelsRequest(commune=commune, page_size=size, page_token=token)
        answer = await self._unary("ListParcels", request, step, end, self.messages.land.ListParcelsResponse)
        if answer is not None:
            check(answer == wanted, f"page of {size} of {commune} after {token!r}")

    async def watch(self, step, chance, end):
        commune = chance.choice(self.land.communes)

        def take(index, event):
            wanted = (index + 1, *self.land.event(commune, index + 1))
            check((event.sequence, event.number, event.kind) == wanted, f"event {wanted}: {event}")
        # What will be cancelled goes on without end otherwise.
        request = self.messages.land.WatchParcelsRequest(
            commune=commune, count=0 if step.cancel_after else step.messages,
            interval_milliseconds=step.pause_milliseconds)
        call = self._start("unary_stream", "WatchParcels", step,
                           end.request.message(request.SerializeToString()))
        await self._finish(call, end, self._receive(call, self.messages.land.ParcelEvent, end, step, take))
        check(end.code != "OK" or end.answer.messages == step.messages,
              f"{end.answer.messages} events of {step.messages}")

    async def upload(self, step, chance, end):
        label, total, digest = chance.random(), 0, hashlib.sha256()

        def parts():
            nonlocal total
            for index in range(step.messages):
                data = self.land.block(label, index, step.message_bytes)
                total += len(data)
                digest.update(data)
                yield self.messages.land.SurveyPart(sequence=index + 1, data=data)
        call = self._start("stream_unary", "UploadSurvey", step)
        answer = await self._one_answer(
            call, end, self.messages.land.SurveyReceipt,
            self._send(call, parts(), end, step.pause_milliseconds / 1000, step.cancel_after))
        if answer is not None:
            wanted = self.messages.land.SurveyReceipt(parts=step.messages, bytes=total, sha256=digest.digest())
            check(answer == wanted, f"receipt of a survey: {answer}")

    async def exchange(self, step, chance, end):
        label, kind = chance.random(), self.messages.land.ExchangeMessage

        def message(index, count=0):
            return kind(sequence=index, data=self.land.block(label, index, step.message_bytes), count=count)
        await self._both_ways("Exchange", step, end, kind, map(message, range(step.messages)),
                              lambda index: message(index, index + 1), step.messages)

    async def echo(self, step, chance, end):
        label, kind = chance.random(), self.messages.land.EchoChunk
        count = (step.bytes + ECHO_CHUNK_BYTES - 1) // ECHO_CHUNK_BYTES

        def chunk(index):
            size = min(ECHO_CHUNK_BYTES, step.bytes - index * ECHO_CHUNK_BYTES)
            return kind(data=self.land.block(label, index, size))
        await self._both_ways("Echo", step, end, kind, map(chunk, range(count)), chunk, count)

    async def _both_ways(self, method, step, end, kind, messages, wanted, count):
        def take(index, answer):
            check(index < count and answer == wanted(index), f"answer {index} of {count}")
        call = self._start("stream_stream", method, step)
        await self._finish(call, end, self._send(call, messages, end, step.pause_milliseconds / 1000),
                           self._receive(call, kind, end, step, take))
        check(end.code != "OK" or end.answer.messages == count, f"{end.answer.messages} answers of {count}")


def as_dict(metadata):
    """dict() would take grpc.aio's Metadata for a mapping, which it is only half."""
    return {key: value for key, value in metadata or ()}
