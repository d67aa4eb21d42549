"""The signing system of the agencies: a digest in, a detached CMS out, now or later."""

import asyncio
import base64
import binascii
import collections
import dataclasses
import datetime
import json
import re
import secrets
import socket
import struct

from aiohttp import web

import authority as ca
import x509_forms as forms

MAX_SIGNATURES = 20_000
MAX_IN_FLIGHT = 256
MAX_JOURNAL_PAGE = 1_000
CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
REFERENCE = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
SERIAL = re.compile(r"[0-9a-f]{1,40}")
# How far the claimed signing time is off with the faults of that name.
SIGNING_TIME = {"past_signing_time": -datetime.timedelta(hours=2),
                "future_signing_time": datetime.timedelta(hours=2)}


class Refusal(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message}}


@dataclasses.dataclass
class Signature:
    """One reference and what became of it."""
    signature_id: str
    reference: str
    agency: str
    officer: str
    digest: str
    fault: str
    due: str  # pending until then
    result: dict = None  # of the record "signature"

    def same(self, call):
        return (self.agency, self.officer, self.digest) == (
            call["agency"], call["officer"], call["digest"])


class Signing:
    def __init__(self, book, faults, token, authority, agencies, options):
        self._journal = book
        self._faults = faults
        self._token = token
        self._authority = authority
        self._agencies = agencies
        self._options = options  # enrol, delay_seconds, pending_seconds
        self._officers = {}  # (agency, officer) -> name
        self._by_id = {}
        self._by_reference = {}
        self._in_flight = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._unsaved = []

    def routes(self):
        return [
            web.post("/v1/signatures", self._guarded(self._create)),
            web.get("/v1/signatures", self._guarded(self._lookup)),
            web.get("/v1/signatures/{id}", self._guarded(self._get)),
            web.get("/ca/{name}.pem", self._certificate_of_authority),
            web.get("/crl/{name}.crl", self._revocation_list),
            web.get("/sim/state", self._state),
            web.get("/sim/journal", self._guarded(self._pages)),
            web.get("/sim/certificates", self._certificates),
            web.post("/sim/revocations", self._guarded(self._revoke)),
            web.put("/sim/officers", self._guarded(self._enrol)),
        ]

    def apply(self, record):
        kind = record["record"]
        if kind == "request":
            fields = {field.name: record[field.name] for field in dataclasses.fields(Signature)
                      if field.name != "result"}
            signature = Signature(**fields)
            self._by_id[signature.signature_id] = signature
            self._by_reference[signature.reference] = signature
        elif kind == "signature":
            self._by_id[record["signature_id"]].result = record
        elif kind == "officer":
            self._officers[record["agency"], record["officer"]] = record["name"]
        elif kind != "answer":
            self._authority.apply(record)

    def keep(self, *records):
        """Records that take effect here and now; `save` makes them durable."""
        for record in records:
            self.apply(record)
        self._unsaved += records

    async def save(self, *applied):
        """Returns when everything kept so far, and `applied`, is on the disk."""
        records = [*self._unsaved, *applied]
        self._unsaved = []
        await asyncio.gather(*(self._journal.append(record) for record in records))

    # --- signatures --------------------------------------------------------------------------

    async def _create(self, request):
        call = await request_call(request)
        signature = self._by_reference.get(call["reference"])
        if signature is not None and not signature.same(call):
            raise Refusal(409, "REFERENCE_REUSED", "the reference stands for another request")
        person = self._person(call["agency"], call["officer"])
        fault = self._faults.take("signatures", call["reference"], known=signature is not None)
        if fault == "http_503":
            await self._answered(call["reference"], "", fault, 503)
            raise Refusal(503, "UNAVAILABLE", "injected")
        if signature is None:
            signature = self._accept(call, person, fault)
        self._settle(signature)
        await self._answered(signature.reference, signature.signature_id, fault, 200)
        if fault == "delay":
            await asyncio.sleep(self._options.delay_seconds)
        if fault == "lost_answer":
            reset(request)
        return answer(signature)

    def _person(self, agency, officer):
        """The name in an officer's certificate; None for the agency itself."""
        if agency not in self._agencies:
            raise Refusal(404, "AGENCY_UNKNOWN", "no agency of this code")
        if officer == "":
            return None
        if officer == f"{agency}.head":
            return f"Thủ trưởng {self._agencies[agency]['name']}"
        name = self._officers.get((agency, officer))
        if name is None and not self._options.enrol:
            raise Refusal(404, "OFFICER_UNKNOWN", "the agency has no officer of this id")
        return name or officer

    def _accept(self, call, person, fault):
        if len(self._by_id) >= MAX_SIGNATURES:
            raise Refusal(507, "SIMULATOR_LIMIT", f"{MAX_SIGNATURES} signatures")
        if person is not None and (call["agency"], call["officer"]) not in self._officers:
            self.keep({"record": "officer", "agency": call["agency"], "officer": call["officer"],
                       "name": person})
        due = ca.now()
        if fault == "pending":
            due += datetime.timedelta(seconds=self._options.pending_seconds)
        signature_id = f"sig-{secrets.token_hex(12)}"
        self.keep({"record": "request", "signature_id": signature_id, **call, "fault": fault or "",
                   "due": due.isoformat()})
        return self._by_id[signature_id]

    def _settle(self, signature):
        """Signs what is due; what is signed or refused once stays so."""
        if signature.result is not None:
            return
        if ca.now() < datetime.datetime.fromisoformat(signature.due):
            return
        if signature.fault == "refused":
            self.keep({"record": "signature", "signature_id": signature.signature_id,
                       "state": "REFUSED", "reason": "the officer declined to sign"})
            return
        agency = self._agencies[signature.agency]
        person = self._officers.get((signature.agency, signature.officer))
        held, records = self._authority.signing(agency, signature.officer, person)
        if signature.fault in ca.PURPOSES:
            held, more = self._authority.issue(agency, signature.officer, person, signature.fault)
            records += more
        self._unsaved += records  # the authority applied them itself
        signing_time = ca.now() + SIGNING_TIME.get(signature.fault, datetime.timedelta())
        digest = base64.b64decode(signature.digest)
        if signature.fault == "wrong_digest":
            digest = bytes(byte ^ 0xff for byte in digest)
        issuer = self._authority.issuer_of(held)
        cms = forms.signed_data(
            self._token, signer=held.certificate, key=held.key, digest=digest,
            signing_time=signing_time, others=[issuer.certificate],
            named=(issuer if signature.fault == "wrong_signing_certificate" else held).certificate)
        if signature.fault == "tampered":
            cms = forms.tampered(cms)
        self.keep({"record": "signature", "signature_id": signature.signature_id, "state": "DONE",
                   "cms": ca.encode(cms.dump()), "certificate": ca.encode(held.certificate.dump()),
                   "serial": held.serial,
                   "signing_time": signing_time.isoformat(timespec="seconds")})

    async def _answered(self, reference, signature_id, fault, status):
        await self.save({"record": "answer", "reference": reference, "signature_id": signature_id,
                         "fault": fault, "http": status})

    async def _get(self, request):
        return await self._tell(self._by_id.get(request.match_info["id"]))

    async def _lookup(self, request):
        return await self._tell(self._by_reference.get(request.query.get("reference", "")))

    async def _tell(self, signature):
        if signature is None:
            raise Refusal(404, "SIGNATURE_UNKNOWN", "no such signature")
        self._settle(signature)
        await self.save()
        return answer(signature)

    # --- authority ---------------------------------------------------------------------------

    async def _certificate_of_authority(self, request):
        name = request.match_info["name"]
        if name not in (ca.ROOT, ca.ISSUING):
            raise web.HTTPNotFound()
        return web.Response(body=self._authority.pem(name), content_type="application/x-pem-file")

    async def _revocation_list(self, request):
        name = request.match_info["name"]
        if name not in (ca.ROOT, ca.ISSUING):
            raise web.HTTPNotFound()
        fault = self._faults.take("crl", f"crl/{name}")
        if fault == "http_503":
            raise web.HTTPServiceUnavailable()
        if fault == "delay":
            await asyncio.sleep(self._options.delay_seconds)
        return web.Response(body=self._authority.revocation_list(name, fault),
                            content_type="application/pkix-crl")

    # --- administration ----------------------------------------------------------------------

    async def _state(self, _request):
        states = collections.Counter(state_of(signature) for signature in self._by_id.values())
        return web.json_response({
            "signatures": len(self._by_id), "states": dict(states),
            "certificates": len(self._authority.certificates),
            "revocations": sum(map(len, self._authority.revocations.values())),
            "faults": dict(self._faults.injected)})

    async def _pages(self, request):
        after = request.query.get("after", "0")
        if not after.isdecimal():
            raise Refusal(400, "INVALID_REQUEST", "after: a whole number")
        await self._journal.barrier()
        rows = []
        with open(self._journal.path, "rb") as lines:
            for number, line in enumerate(lines, start=1):
                if number > int(after):
                    rows.append(json.loads(line))
                if len(rows) == MAX_JOURNAL_PAGE:
                    break
        return json_answer(200, {"records": rows})

    async def _certificates(self, _request):
        revoked = self._authority.revocations[ca.ISSUING]
        return json_answer(200, {"certificates": [{
            "serial": held.serial, "agency": held.agency, "officer": held.officer,
            "purpose": held.purpose,
            "not_before": held.certificate.not_valid_before.isoformat(),
            "not_after": held.certificate.not_valid_after.isoformat(),
            "revoked": (revoked[held.certificate.serial_number].time.isoformat()
                        if held.certificate.serial_number in revoked else None),
        } for held in self._authority.certificates.values()]})

    async def _revoke(self, request):
        call = check(await json_body(request), {"serial": SERIAL},
                     {"time": None, "reason": None, "renew": None})
        time = ca.now()
        if call.get("time") is not None:
            try:
                time = datetime.datetime.fromisoformat(str(call["time"]).replace("Z", "+00:00"))
                time.astimezone(datetime.timezone.utc)
            except ValueError as error:
                raise Refusal(400, "INVALID_REQUEST", "time: RFC 3339") from error
            if time.tzinfo is None:
                raise Refusal(400, "INVALID_REQUEST", "time: RFC 3339 with its zone")
        reason = call.get("reason", "unspecified")
        if reason not in ca.REASONS or not isinstance(call.get("renew", False), bool):
            raise Refusal(400, "INVALID_REQUEST", f"reason: one of {', '.join(ca.REASONS)}")
        try:
            records = self._authority.revoke(call["serial"], time, reason)
        except KeyError as error:
            raise Refusal(404, "CERTIFICATE_UNKNOWN", "no such certificate") from error
        held = self._authority.certificates.get(call["serial"])
        if call.get("renew") and held is not None:
            records += self._authority.issue(
                self._agencies[held.agency], held.officer,
                self._officers.get((held.agency, held.officer)), "signing")[1]
        await self.save(*records)
        return web.json_response({"serial": call["serial"], "time": time.isoformat()})

    async def _enrol(self, request):
        call = check(await json_body(request), {"agency": CODE, "officer": CODE}, {"name": None})
        name = call.get("name", call["officer"])
        if call["agency"] not in self._agencies:
            raise Refusal(404, "AGENCY_UNKNOWN", "no agency of this code")
        if not isinstance(name, str) or not 1 <= len(name) <= 64 or len(
                self._officers) >= ca.MAX_CERTIFICATES:
            raise Refusal(400, "INVALID_REQUEST", "name: 1 to 64 characters")
        self.keep({"record": "officer", "agency": call["agency"], "officer": call["officer"],
                   "name": name})
        await self.save()
        return json_answer(200, {**call, "name": name})

    def _guarded(self, handler):
        async def handle(request):
            try:
                async with self._in_flight:
                    return await handler(request)
            except Refusal as refusal:
                return json_answer(refusal.status, refusal.body)
            except ca.LimitError as error:
                return json_answer(507, Refusal(507, "SIMULATOR_LIMIT", str(error)).body)
        return handle


def state_of(signature):
    return "PENDING" if signature.result is None else signature.result["state"]


def answer(signature):
    body = {"signature_id": signature.signature_id, "reference": signature.reference,
            "agency": signature.agency, "officer": signature.officer, "digest": signature.digest,
            "digest_algorithm": "SHA-256", "state": state_of(signature)}
    for name in ("cms", "certificate", "serial", "signing_time", "reason"):
        if signature.result is not None and name in signature.result:
            body[name] = signature.result[name]
    return json_answer(202 if signature.result is None else 200, body)


async def json_body(request):
    try:
        body = json.loads((await request.read()).decode())
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "INVALID_REQUEST", "the body is not JSON in UTF-8") from error
    if not isinstance(body, dict):
        raise Refusal(400, "INVALID_REQUEST", "the body is not a JSON object")
    return body


def check(call, needed, optional):
    """Every name known, every needed one there and of its form."""
    for name, form in needed.items():
        if not isinstance(call.get(name), str) or not form.fullmatch(call[name]):
            raise Refusal(400, "INVALID_REQUEST", f"{name}: must match {form.pattern}")
    for name in call:
        if name not in needed and name not in optional:
            raise Refusal(400, "INVALID_REQUEST", "a field that is not known")
    return call


async def request_call(request):
    call = check(await json_body(request), {"agency": CODE, "reference": REFERENCE},
                 {"officer", "digest", "digest_algorithm"})
    officer = call.get("officer", "")
    if not isinstance(officer, str) or (officer and not CODE.fullmatch(officer)):
        raise Refusal(400, "INVALID_REQUEST", f"officer: empty, or must match {CODE.pattern}")
    if call.get("digest_algorithm") != "SHA-256":
        raise Refusal(400, "INVALID_REQUEST", "digest_algorithm: must be SHA-256")
    try:
        digest = base64.b64decode(call.get("digest", ""), validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Refusal(400, "INVALID_REQUEST", "digest: not base64") from error
    if len(digest) != 32:
        raise Refusal(400, "INVALID_REQUEST", "digest: must have 32 bytes")
    return {"agency": call["agency"], "officer": officer, "digest": ca.encode(digest),
            "reference": call["reference"]}


def json_answer(status, body):
    return web.Response(status=status, text=json.dumps(body, ensure_ascii=False),
                        content_type="application/json")


def reset(request):
    """Aborts the TCP connection with a reset. Whatever is returned afterwards is not sent."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
