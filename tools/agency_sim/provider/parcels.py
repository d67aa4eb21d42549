"""The gRPC service. Every method is served as bytes in and bytes out, so that the journal knows sizes
and digests as they crossed the wire."""

import asyncio
import hashlib
import itertools
import time
import urllib.parse

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

import faults
import land
import records
import stubs

MAX_ECHO_BYTES = 100 * 1024 * 1024
MAX_INTERVAL_SECONDS = 60
HUGE_TRAILERS = 16  # of so many bytes each
HUGE_TRAILER_BYTES = 4 * 1024
# So that what was answered before a cut is on its way.
BEFORE_CUT_SECONDS = 0.05
Code = grpc.StatusCode


class Failure(Exception):
    """The call ends with this status."""

    def __init__(self, code, reason, text, *details):
        super().__init__(text)
        self.code = code
        self.reason = reason
        self.details = details


class Cut(Exception):
    """The fault that ends the answer in the middle."""


class Traffic:
    """Messages of one direction: count, bytes with their gRPC prefixes, digest of these."""

    def __init__(self):
        self.messages = self.bytes = 0
        self._digest = hashlib.sha256()

    def add(self, message):
        self.messages += 1
        self.bytes += 5 + len(message)
        self._digest.update(b"\0" + len(message).to_bytes(4, "big"))
        self._digest.update(message)

    def describe(self, name):
        return {f"{name}_messages": self.messages, f"{name}_bytes": self.bytes,
                f"{name}_sha256": self._digest.hexdigest()}


class Call:
    def __init__(self, context, fault):
        self.context = context
        self.fault = fault
        self.request = Traffic()
        self.answer = Traffic()

    def has(self, *kinds):
        return self.fault is not None and self.fault.kind in kinds

    async def read(self, kind):
        """The next message, or None at the end."""
        data = await self.context.read()
        if data is grpc.aio.EOF:
            return None
        self.request.add(data)
        try:
            return kind.FromString(data)
        except DecodeError as error:
            raise Failure(Code.INVALID_ARGUMENT, "MESSAGE_MALFORMED", str(error)) from error

    async def read_one(self, kind):
        message = await self.read(kind)
        if message is None:
            raise Failure(Code.INVALID_ARGUMENT, "MESSAGE_MISSING", "the call has no message")
        return message

    async def write(self, message):
        data = message.SerializeToString()
        self.answer.add(data)
        await self.context.write(data)
        if self.has("cut", "cancel") and self.answer.messages == self.fault.at:
            raise Cut()


class Parcels:
    def __init__(self, register, messages, book, plan, delay_seconds):
        self.land = register
        self.messages = messages
        self.book = book
        self.faults = plan
        self.delay_seconds = delay_seconds
        self.calls = itertools.count(1)

    def handler(self):
        names = {name: getattr(self, name) for name in faults.GRPC}
        return grpc.method_handlers_generic_handler(stubs.SERVICE, {
            name: grpc.stream_stream_rpc_method_handler(self._handle(name, body))
            for name, body in names.items()})

    def _handle(self, name, body):
        async def handle(_requests, context):
            await self._serve(name, body, context)
        return handle

    async def _serve(self, name, body, context):
        call = Call(context, self.faults.take(name))
        metadata = dict(context.invocation_metadata() or ())
        begin = time.monotonic()
        number, exchange_id = f"grpc/{next(self.calls)}", metadata.get("lgsp-exchange-id")
        left = context.time_remaining()
        self.book.append(
            record="request", call=number, protocol="grpc", method=name, exchange_id=exchange_id,
            caller=records.caller_of(metadata.get("lgsp-caller")), peer=context.peer(),
            peer_names=peer_names(context), deadline_seconds=None if left is None else round(left, 3),
            headers=sorted(key for key in metadata))
        code = "UNKNOWN"
        try:
            code = await self._run(call, body)
        except asyncio.CancelledError:
            left = context.time_remaining()
            code = "DEADLINE_EXCEEDED" if left is not None and left <= 0 else "CANCELLED"
            raise
        finally:
            self.book.append(
                record="outcome", call=number, exchange_id=exchange_id, code=code,
                fault=call.fault and call.fault.kind, **call.request.describe("request"),
                **call.answer.describe("answer"), seconds=round(time.monotonic() - begin, 6))

    async def _run(self, call, body):
        """Name of the status the call ended with."""
        context = call.context
        try:
            await self._fault_before(call)
            await body(call)
            if call.has("cut", "cancel"):
                raise Cut()
            if call.has("wrong_status"):
                raise Failure(Code.DATA_LOSS, "INJECTED", "injected after a good answer")
            if call.has("huge_trailers"):
                context.set_trailing_metadata(tuple(
                    (f"x-huge-{index}", "h" * HUGE_TRAILER_BYTES) for index in range(HUGE_TRAILERS)))
            return "OK"
        except Cut:
            if call.fault.kind == "cancel":
                context.set_code(Code.CANCELLED)
                context.set_details("injected: the provider gives up")
                return "CANCELLED"
            await asyncio.sleep(BEFORE_CUT_SECONDS)
            host, port = context.peer().split(":", 1)[1].rsplit(":", 1)
            faults.reset_peer(urllib.parse.unquote(host).strip("[]"), int(port))
            return "CUT"
        except Failure as failure:
            self._fail(context, failure)
            return failure.code.name

    async def _fault_before(self, call):
        details = self.messages.details
        if call.has("unavailable"):
            raise Failure(Code.UNAVAILABLE, "INJECTED", "injected")
        if call.has("slow"):
            await asyncio.sleep(self.delay_seconds)
        if call.has("hang"):
            await asyncio.Event().wait()
        if call.has("details"):
            retry = details.RetryInfo()
            retry.retry_delay.FromSeconds(3)
            raise Failure(Code.FAILED_PRECONDITION, "INJECTED", "tiêm lỗi, có chi tiết", retry,
                          details.BadRequest(field_violations=[details.BadRequest.FieldViolation(
                              field="number", description="injected")]))

    def _fail(self, context, failure):
        info = self.messages.details.ErrorInfo(reason=failure.reason, domain=stubs.ERROR_DOMAIN)
        context.set_code(failure.code)
        context.set_details(str(failure))
        context.set_trailing_metadata((("grpc-status-details-bin", self.messages.failure(
            failure.code.value[0], str(failure), info, *failure.details)),))

    def _look_up(self, find, *arguments):
        """find(*arguments), its exceptions as a status."""
        details = self.messages.details
        try:
            return find(*arguments)
        except land.Unknown as error:
            raise Failure(Code.NOT_FOUND, error.args[0], f"{error.args[0]}: {arguments[0]!r}",
                          details.ResourceInfo(resource_name=arguments[0])) from error
        except land.Malformed as error:
            field, reason = error.args
            raise Failure(Code.INVALID_ARGUMENT, reason, f"{field}: {reason}", details.BadRequest(
                field_violations=[details.BadRequest.FieldViolation(field=field, description=reason)])
            ) from error

    async def GetParcel(self, call):
        request = await call.read_one(self.messages.land.GetParcelRequest)
        await call.write(self.messages.parcel(self._look_up(self.land.parcel, request.number)))

    async def ListParcels(self, call):
        request = await call.read_one(self.messages.land.ListParcelsRequest)
        found, token, total = self._look_up(self.land.page, request.commune, request.holder_id,
                                            request.page_size, request.page_token)
        await call.write(self.messages.land.ListParcelsResponse(
            parcels=map(self.messages.parcel, found), next_page_token=token, total_size=total))

    async def WatchParcels(self, call):
        request = await call.read_one(self.messages.land.WatchParcelsRequest)
        pause = min(max(request.interval_milliseconds, 0) / 1000, MAX_INTERVAL_SECONDS)
        for sequence in itertools.count(1):
            if 0 < request.count < sequence:
                return
            number, kind = self._look_up(self.land.event, request.commune, sequence)
            await call.write(self.messages.land.ParcelEvent(sequence=sequence, number=number, kind=kind))
            if pause:
                await asyncio.sleep(pause)

    async def UploadSurvey(self, call):
        parts = total = 0
        digest = hashlib.sha256()
        while part := await call.read(self.messages.land.SurveyPart):
            parts += 1
            if part.sequence != parts:
                raise Failure(Code.INVALID_ARGUMENT, "SEQUENCE_BROKEN",
                              f"part {part.sequence} came as the {parts}.")
            total += len(part.data)
            digest.update(part.data)
        await call.write(self.messages.land.SurveyReceipt(parts=parts, bytes=total, sha256=digest.digest()))

    async def Exchange(self, call):
        count = 0
        while message := await call.read(self.messages.land.ExchangeMessage):
            count += 1
            message.count = count
            await call.write(message)

    async def Echo(self, call):
        total = 0
        while chunk := await call.read(self.messages.land.EchoChunk):
            total += len(chunk.data)
            if total > MAX_ECHO_BYTES:
                raise Failure(Code.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE", f"more than {MAX_ECHO_BYTES} bytes")
            await call.write(chunk)


def peer_names(context):
    """The names in the peer's certificate; none without TLS."""
    found = context.auth_context()
    return [name.decode() for key in ("x509_subject_alternative_name", "x509_common_name")
            for name in found.get(key, ())]
