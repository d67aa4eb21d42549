"""The same register as REST over HTTP/1.1, and the administration of the faults."""

import asyncio
import hashlib
import ipaddress
import itertools
import json
import socket
import struct
import time

import aiohttp
from aiohttp import web

import land
import records

MAX_SURVEY_BYTES = 100 * 1024 * 1024
MAX_PHOTO_BYTES = 100 * 1024 * 1024
DEFAULT_PHOTO_BYTES = 1_000_000
HUGE_FIELDS = 16  # of so many bytes each
HUGE_FIELD_BYTES = 4 * 1024
HANG_CHECK_SECONDS = 0.05
BEFORE_CUT_SECONDS = 0.05


class Answer:
    """`blocks`: the body in pieces; `length` None: sent in chunks."""

    def __init__(self, status, blocks, length, kind="application/octet-stream"):
        self.status = status
        self.blocks = blocks
        self.length = length
        self.kind = kind


class Cut(Exception):
    """The fault that ends the answer in the middle, or the caller is gone."""


class Call:
    def __init__(self, request, fault):
        self.request = request
        self.fault = fault
        self.received = self.sent = 0
        self.received_digest, self.sent_digest = hashlib.sha256(), hashlib.sha256()

    def has(self, kind):
        return self.fault is not None and self.fault.kind == kind

    async def body(self):
        async for data in self.request.content.iter_any():
            self.received += len(data)
            self.received_digest.update(data)
            yield data


class Rest:
    def __init__(self, register, book, plan, delay_seconds):
        self.land = register
        self.book = book
        self.faults = plan
        self.delay_seconds = delay_seconds
        self.calls = itertools.count(1)

    def routes(self):
        return [web.get("/parcels/{number}", self._handle("rest_parcel", self._parcel)),
                web.get("/parcels", self._handle("rest_parcels", self._parcels)),
                web.post("/surveys", self._handle("rest_survey", self._survey)),
                web.get("/photos/{number}", self._handle("rest_photo", self._photo)),
                web.get("/_faults", self._admin), web.post("/_faults", self._admin)]

    def _handle(self, name, body):
        async def handle(request):
            return await self._serve(name, body, request)
        return handle

    async def _serve(self, name, body, request):
        call = Call(request, self.faults.take(name))
        begin = time.monotonic()
        number, exchange_id = f"rest/{next(self.calls)}", request.headers.get("lgsp-exchange-id")
        self.book.append(
            record="request", call=number, protocol="rest", method=name, exchange_id=exchange_id,
            caller=records.caller_of(request.headers.get("lgsp-caller")), peer=request.remote,
            peer_names=peer_names(request), path=request.raw_path, request_length=request.content_length,
            headers=sorted({key.lower() for key in request.headers}))
        code = "BROKEN"
        try:
            response, code = await self._run(call, body)
            return response
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except (OSError, aiohttp.ClientError, Cut):
            code = "CANCELLED"
            abort(request)
            return web.Response()  # nobody gets it
        finally:
            self.book.append(
                record="outcome", call=number, exchange_id=exchange_id, code=code,
                fault=call.fault and call.fault.kind,
                request_bytes=call.received, request_sha256=call.received_digest.hexdigest(),
                answer_bytes=call.sent, answer_sha256=call.sent_digest.hexdigest(),
                seconds=round(time.monotonic() - begin, 6))

    async def _run(self, call, body):
        """The response and the status or word for the journal."""
        answer = await self._fault_before(call)
        if answer is None:
            try:
                answer = await body(call)
            except land.Unknown as error:
                answer = failure(404, error.args[0], f"{call.request.path}: {error.args[0]}")
            except land.Malformed as error:
                field, reason = error.args
                answer = failure(400, reason, f"{field}: {reason}")
        if call.has("wrong_status"):
            answer.status = 500
        response = web.StreamResponse(status=answer.status)
        response.content_type = answer.kind
        if answer.length is None:
            response.enable_chunked_encoding()
        else:
            response.content_length = answer.length
        if call.has("huge_trailers"):  # HTTP/1.1 of aiohttp has no trailers: they stand in front
            for index in range(HUGE_FIELDS):
                response.headers[f"x-huge-{index}"] = "h" * HUGE_FIELD_BYTES
        await response.prepare(call.request)
        if not await self._send(call, answer, response):
            return response, "CUT"
        await response.write_eof()
        return response, str(answer.status)

    async def _send(self, call, answer, response):
        """False when a fault cut the body."""
        for index, data in enumerate(answer.blocks, start=1):
            cut = (call.has("cut") or call.has("cancel")) and (len(data) == answer.length or index == call.fault.at)
            if cut:
                data = data[:len(data) // 2]
            call.sent += len(data)
            call.sent_digest.update(data)
            await response.write(data)
            if cut:
                await asyncio.sleep(BEFORE_CUT_SECONDS)
                abort(call.request)
                return False
        if call.has("cut") or call.has("cancel"):  # a short body in chunks: its end is missing
            abort(call.request)
            return False
        return True

    async def _fault_before(self, call):
        if call.has("unavailable"):
            return failure(503, "INJECTED", "injected")
        if call.has("details"):
            return failure(409, "INJECTED", "tiêm lỗi, có chi tiết",
                           [{"field": "number", "description": "injected"}])
        if call.has("slow"):
            await asyncio.sleep(self.delay_seconds)
        if call.has("hang"):
            while call.request.transport is not None and not call.request.transport.is_closing():
                await asyncio.sleep(HANG_CHECK_SECONDS)
            raise Cut()
        return None

    async def _parcel(self, call):
        return json_answer(200, self.land.parcel(call.request.match_info["number"]))

    async def _parcels(self, call):
        query = call.request.query
        found, token, total = self.land.page(query.get("commune", ""), query.get("holder", ""),
                                             whole_number(query, "page_size", 0), query.get("page_token", ""))
        return json_answer(200, {"parcels": found, "next_page_token": token, "total_size": total})

    async def _survey(self, call):
        async for _ in call.body():
            if call.received > MAX_SURVEY_BYTES:
                return failure(413, "BODY_TOO_LARGE", f"more than {MAX_SURVEY_BYTES} bytes")
        return json_answer(200, {"bytes": call.received, "sha256": call.received_digest.hexdigest()})

    async def _photo(self, call):
        number = call.request.match_info["number"]
        self.land.parcel(number)
        length = whole_number(call.request.query, "bytes", DEFAULT_PHOTO_BYTES)
        if not 0 <= length <= MAX_PHOTO_BYTES:
            raise land.Malformed("bytes", "LENGTH_OUT_OF_RANGE")
        chunked = call.request.query.get("chunked") == "1"
        return Answer(200, self.land.blocks(f"photo/{number}", length), None if chunked else length)

    async def _admin(self, request):
        """For who sits on this machine; a call that comes through the gateway is not that."""
        if not ipaddress.ip_address(request.remote).is_loopback or "lgsp-exchange-id" in request.headers \
                or "lgsp-caller" in request.headers:
            raise web.HTTPNotFound()
        if request.method == "POST":
            try:
                order = await request.json()
                self.faults.change(order)
            except ValueError as error:
                return web.json_response({"error": str(error)}, status=400)
            self.book.append(record="faults", order=order)
        return web.json_response(self.faults.describe())


def whole_number(query, name, default):
    try:
        return int(query.get(name, default))
    except ValueError as error:
        raise land.Malformed(name, "NOT_A_NUMBER") from error


def json_answer(status, value):
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(status, [body], len(body), "application/json")


def failure(status, reason, text, details=()):
    return json_answer(status, {"error": {"code": status, "reason": reason, "message": text,
                                          "details": list(details)}})


def abort(request):
    """Resets the connection: what is not yet sent is lost."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


def peer_names(request):
    certificate = request.transport and request.transport.get_extra_info("peercert")
    if not certificate:
        return []
    names = [value for _, value in certificate.get("subjectAltName", ())]
    return names + [value for part in certificate.get("subject", ()) for key, value in part
                    if key == "commonName"]
