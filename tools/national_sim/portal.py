"""The national public service portal (DVCQG) behind its adapter: login, TraCuuHoSo, DongBoHoSoMC,
CapNhatTienDoHoSoMC. The state is a fold over journal records: `apply` is the only place that
changes dossiers, at replay as in service.
"""

import asyncio
import collections
import dataclasses
import json
import secrets
import socket
import struct
import time

from aiohttp import web

import faults
from portal_calls import check_names, check_rows, named_dossiers, parse, required_text
from portal_fields import PROGRESS, STATUSES, FieldError, check_dossier, check_progress

SYSTEM = "portal"  # names this module's records in the journal
DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
PATH = "/XrdAdapter/RestService/forward/mapi/"

MAX_DOSSIERS = 100_000
MAX_PROGRESS_ROWS = 1_000  # of one dossier
MAX_SESSIONS = 10_000
MAX_IN_FLIGHT = 256  # bodies and journal records held at a time; later requests wait

ERROR_SESSION, ERROR_DUPLICATE, ERROR_UNKNOWN, ERROR_FIELD = -1, 1, 2, 3
ERROR_SERVICE, ERROR_CREDENTIALS, ERROR_LIMIT = 4, 5, 6
MESSAGES = {
    ERROR_SESSION: "session het han", ERROR_DUPLICATE: "duplicate refId",
    ERROR_UNKNOWN: "khong tim thay ho so", ERROR_SERVICE: "khong ho tro dich vu",
    ERROR_CREDENTIALS: "sai ten dang nhap hoac mat khau",
}

SERVICES = {
    "TraCuuHoSo": {"session", "madonvi", "service", "mahoso"},
    "DongBoHoSoMC": {"session", "madonvi", "service", "isUpdating", "data"},
    "CapNhatTienDoHoSoMC": {"session", "madonvi", "service", "data"},
}
FAULT_KINDS = {
    "login": ("delay", "http_500", "http_503", "reset_before", "reset_after"),
    "TraCuuHoSo": tuple(kind for kind in faults.KINDS if kind != "duplicate"),
    "DongBoHoSoMC": faults.KINDS,
    "CapNhatTienDoHoSoMC": faults.KINDS,
}


class Refusal(Exception):
    def __init__(self, code, message="", **more):
        self.answer = {"error_code": code, "message": message or MESSAGES[code], **more}
        super().__init__(self.answer["message"])


@dataclasses.dataclass
class Dossier:
    fields: dict
    progress: list = dataclasses.field(default_factory=list)

    def public(self):
        first = {name: self.fields[name] for name in ("MaHoSo", "TrangThaiHoSo", "NgayTiepNhan")}
        rows = [{name: row.get(name, "") for name in PROGRESS} for row in self.progress]
        return {**first, **self.fields, "TienDo": rows}


@dataclasses.dataclass
class Outcome:
    """What a call comes to when no fault is injected. `effect` "refused" has no rows."""
    endpoint: str
    effect: str = "refused"
    madonvi: str = ""
    mahoso: list = dataclasses.field(default_factory=list)
    rows: list = dataclasses.field(default_factory=list)
    answer: dict = dataclasses.field(default_factory=dict)
    session: str = ""


class Portal:
    def __init__(self, journal, fault_source, credentials, session_seconds):
        self._journal = journal
        self._faults = fault_source
        self._credentials = credentials
        self._session_seconds = session_seconds
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._sessions = {}
        self._number_next = True
        self.dossiers = {}
        self.doubled_rows = 0
        self.injected = collections.Counter()
        self.records = 0

    def routes(self):
        return [web.post(PATH + "login", self._login), web.post(PATH + "g", self._integration),
                web.get("/sim/state", self._state),
                web.get("/sim/dossiers/{mahoso:.+}", self._dossier),
                web.put("/sim/dossiers/{mahoso:.+}", self._replace),
                web.delete("/sim/dossiers/{mahoso:.+}", self._remove)]

    # --- state -------------------------------------------------------------------------------

    def apply(self, record):
        effect = record["effect"]
        for row in record["data"]:
            name = row["MaHoSo"]
            if effect == "insert":
                if name in self.dossiers:
                    raise ValueError(f"inserts {name!r} again")
                self.dossiers[name] = Dossier(dict(row))
            elif effect == "update":
                self.dossiers[name].fields = dict(row)
            elif effect == "progress":
                self._add_progress(self.dossiers[name], row)
            elif effect == "replace":
                fields = {field: value for field, value in row.items() if field != "TienDo"}
                self.dossiers[name] = Dossier(fields, list(row["TienDo"]))
            elif effect == "remove":
                del self.dossiers[name]
            else:
                raise ValueError(f"effect {effect!r} with data")
        if record["fault"] is not None:
            self.injected[record["fault"]] += 1
        self.records += 1

    def _add_progress(self, dossier, row):
        key = (row["TrangThai"], row["ThoiDiemXuLy"])
        if any(key == (old["TrangThai"], old["ThoiDiemXuLy"]) for old in dossier.progress):
            self.doubled_rows += 1
        dossier.progress.append(row)
        dossier.fields["TrangThaiHoSo"] = row["TrangThai"]

    # --- decisions: no effect, no I/O --------------------------------------------------------

    def _decide(self, login, raw):
        outcome = Outcome("login" if login else "other")
        try:
            call = parse(raw)
            if login:
                self._decide_login(call, outcome)
            else:
                self._decide_service(call, outcome)
        except Refusal as refusal:
            outcome.effect, outcome.rows, outcome.answer = "refused", [], refusal.answer
        except FieldError as error:
            outcome.effect, outcome.rows = "refused", []
            outcome.answer = {"error_code": ERROR_FIELD, "message": str(error)}
        return outcome

    def _decide_login(self, call, outcome):
        check_names(call, {"username", "password"})
        if call != self._credentials:
            raise Refusal(ERROR_CREDENTIALS)
        outcome.session = secrets.token_hex(16)
        outcome.effect, outcome.answer = "login", {"session": outcome.session}

    def _decide_service(self, call, outcome):
        service = call.get("service")
        known = isinstance(service, str) and service in SERVICES
        if known:
            outcome.endpoint = service
            outcome.mahoso = named_dossiers(call)
        session = call.get("session")
        if not isinstance(session, str) or self._sessions.get(session, 0) <= time.monotonic():
            raise Refusal(ERROR_SESSION)
        outcome.session = session
        if not known:
            raise Refusal(ERROR_SERVICE)
        check_names(call, SERVICES[service])
        required_text(call["madonvi"], "madonvi")
        outcome.madonvi = call["madonvi"]
        if service == "TraCuuHoSo":
            self._decide_lookup(call, outcome)
        elif service == "DongBoHoSoMC":
            self._decide_sync(call, outcome)
        else:
            self._decide_progress(call, outcome)

    def _decide_lookup(self, call, outcome):
        required_text(call["mahoso"], "mahoso")
        dossier = self.dossiers.get(call["mahoso"])
        if dossier is None:
            raise Refusal(ERROR_UNKNOWN, result=None)
        outcome.effect, outcome.answer = "lookup", {"message": "", "result": dossier.public()}

    def _decide_sync(self, call, outcome):
        if call["isUpdating"] not in ("True", "False"):
            raise FieldError("isUpdating", 'must be "True" or "False"')
        updating = call["isUpdating"] == "True"
        check_rows(call["data"], check_dossier)
        seen = set()
        for name in outcome.mahoso:
            if updating and name not in self.dossiers:
                raise Refusal(ERROR_UNKNOWN)
            if not updating and (name in self.dossiers or name in seen):
                raise Refusal(ERROR_DUPLICATE)
            seen.add(name)
        if not updating and len(self.dossiers) + len(seen) > MAX_DOSSIERS:
            raise Refusal(ERROR_LIMIT, f"simulator limit: {MAX_DOSSIERS} dossiers")
        outcome.effect = "update" if updating else "insert"
        outcome.rows, outcome.answer = call["data"], {"message": ""}

    def _decide_progress(self, call, outcome):
        check_rows(call["data"], check_progress)
        for name, rows in collections.Counter(outcome.mahoso).items():
            if name not in self.dossiers:
                raise Refusal(ERROR_UNKNOWN)
            if len(self.dossiers[name].progress) + rows > MAX_PROGRESS_ROWS:
                raise Refusal(ERROR_LIMIT, f"simulator limit: {MAX_PROGRESS_ROWS} progress rows")
        outcome.effect = "progress"
        outcome.rows, outcome.answer = call["data"], {"message": ""}

    # --- service -----------------------------------------------------------------------------

    async def _login(self, request):
        return await self._serve(request, login=True)

    async def _integration(self, request):
        return await self._serve(request, login=False)

    async def _serve(self, request, login):
        async with self._slots:
            refused = await self._adapter_refusal(request)
            if refused is not None:
                await self._record(Outcome("login" if login else "other"), None, *refused)
                return json_answer(*refused)
            outcome = self._decide(login, await request.read())
            fault = self._faults.take(
                outcome.endpoint, set(outcome.mahoso) or {outcome.endpoint},
                excluded=("duplicate",) if outcome.effect == "refused" else ())
            if fault in faults.BEFORE_EFFECT:
                outcome.effect, outcome.rows = "none", []
            self._change_sessions(outcome, fault)
            status, answer = self._answer(outcome, fault)
            # Made before anything else runs: a lookup shows the moment it was journaled at.
            response = json_answer(status, answer) if answer is not None else html_answer(status)
            await self._record(outcome, fault, status, answer)
        if fault == "delay":
            await asyncio.sleep(self._faults.delay_seconds)
        if status is None:
            reset(request)
        return response

    async def _adapter_refusal(self, request):
        """What the adapter itself refuses never reaches the portal; no fault is injected there."""
        dstcode = request.query.get("dstcode", request.headers.get("dstcode"))
        if dstcode is None:
            return 400, {"type": "Client.BadRequest", "message": "dstcode is missing"}
        if dstcode != DSTCODE:
            return 404, {"type": "Server.ClientProxy.UnknownMember", "message": "unknown dstcode"}
        try:
            await request.read()
        except web.HTTPRequestEntityTooLarge:
            return 413, {"type": "Client.BadRequest", "message": "the body is too large"}
        return None

    def _change_sessions(self, outcome, fault):
        if fault == "expired_session":
            self._sessions.pop(outcome.session, None)
        elif outcome.effect == "login":
            self._sessions[outcome.session] = time.monotonic() + self._session_seconds
            if len(self._sessions) > MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]

    def _answer(self, outcome, fault):
        """HTTP status and JSON body. No body: an HTML error page; no status: connection aborted."""
        if fault in ("reset_before", "reset_after"):
            return None, None
        if fault in ("http_500", "http_503"):
            return int(fault.removeprefix("http_")), None
        if fault == "duplicate":
            return 200, Refusal(ERROR_DUPLICATE).answer
        if fault == "expired_session":
            return 200, Refusal(ERROR_SESSION).answer
        if outcome.effect == "refused":
            return 200, outcome.answer
        # Real portals say success in both forms; a client must know both.
        code = 0 if self._number_next else "00"
        self._number_next = not self._number_next
        return 200, {"error_code": code, **outcome.answer}

    async def _record(self, outcome, fault, status, answer):
        sent = None
        if status is not None:
            answer = answer or {}
            sent = {"http": status, "error_code": answer.get("error_code"),
                    "message": answer.get("message", "")}
        record = {
            "system": SYSTEM, "endpoint": outcome.endpoint, "madonvi": outcome.madonvi,
            "MaHoSo": outcome.mahoso, "effect": outcome.effect,
            "status": [row.get("TrangThaiHoSo", row.get("TrangThai")) for row in outcome.rows],
            "data": outcome.rows, "fault": fault, "answer": sent,
        }
        self.apply(record)
        await self._journal.append(record)

    # --- administration ----------------------------------------------------------------------

    async def _state(self, _request):
        statuses = collections.Counter(d.fields["TrangThaiHoSo"] for d in self.dossiers.values())
        response = web.json_response({
            "dossiers": len(self.dossiers), "statuses": {code: statuses[code] for code in STATUSES},
            "progress_rows": sum(len(d.progress) for d in self.dossiers.values()),
            "doubled_progress_rows": self.doubled_rows,
            "faults": {kind: self.injected[kind] for kind in faults.KINDS},
            "records": self.records})
        await self._journal.barrier()
        return response

    async def _dossier(self, request):
        dossier = self.dossiers.get(request.match_info["mahoso"])
        if dossier is None:
            return web.json_response({"error": "no such dossier"}, status=404)
        response = json_answer(200, dossier.public())
        await self._journal.barrier()
        return response

    async def _replace(self, request):
        name = request.match_info["mahoso"]
        async with self._slots:
            try:
                row = parse(await request.read())
                self._check_replacement(name, row)
            except FieldError as error:
                return web.json_response({"error": str(error)}, status=400)
            await self._record(Outcome("admin", "replace", mahoso=[name], rows=[row]), None, 200, {})
            return json_answer(200, self.dossiers[name].public())

    def _check_replacement(self, name, row):
        rows = row.get("TienDo")
        check_dossier({field: value for field, value in row.items() if field != "TienDo"})
        if rows != []:
            check_rows(rows, check_progress)
        if any(one["MaHoSo"] != name for one in [row, *rows]):
            raise FieldError("MaHoSo", "is not that of the path")
        if name not in self.dossiers and len(self.dossiers) >= MAX_DOSSIERS:
            raise FieldError("MaHoSo", f"simulator limit: {MAX_DOSSIERS} dossiers")

    async def _remove(self, request):
        name = request.match_info["mahoso"]
        async with self._slots:
            if name not in self.dossiers:
                return web.json_response({"error": "no such dossier"}, status=404)
            removed = Outcome("admin", "remove", mahoso=[name], rows=[{"MaHoSo": name}])
            await self._record(removed, None, 200, {})
            return web.json_response({})


def json_answer(status, body):
    return web.Response(status=status, text=json.dumps(body, ensure_ascii=False),
                        content_type="application/json")


def html_answer(status):
    """What stands before a portal that fails answers with a page, not with JSON."""
    return web.Response(status=status or 500, text=f"<html><body><h1>{status}</h1></body></html>",
                        content_type="text/html")


def reset(request):
    """Aborts the TCP connection with a reset. Whatever is returned afterwards is not sent."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
