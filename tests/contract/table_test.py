#!/usr/bin/python3
"""What a foreign client gets through the gateway: the documented answer, or the documented code and reason."""

import socket
import ssl
import unicodedata
import unittest

import grpc

import foreign_client
import h2_client
import platform_process
from foreign_client import (channel, dossiers_grpc, health_grpc, health_pb, insights_grpc, insights_pb, metric, pb,
                            portal_grpc, portal_pb, procedures_grpc, procedures_pb, refusal, request_id, submission)
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DOSSIERS = "lgsp.dossiers.v1.Dossiers"
INSIGHTS = "lgsp.insights.v1.Insights"
PORTAL = "lgsp.national.v1.Portal"
MEGABYTE = 1 << 20
GRPC_MAX_MESSAGE = 4 * MEGABYTE
STREAM_SECONDS = 20


class ContractTest(platform_process.PlatformTest):
    def connect(self, system):
        opened = channel(self.platform, system)
        self.addCleanup(opened.close)
        return opened

    def dossiers(self, system):
        return dossiers_grpc.DossiersStub(self.connect(system))

    def accept(self, stub, dossier, **changes):
        fields = {"name": dossier.name, "request_id": request_id(), "etag": dossier.etag, **changes}
        return stub.AcceptDossier(pb.AcceptDossierRequest(**fields), timeout=foreign_client.CALL_SECONDS)


class AnswersTest(ContractTest):
    def test_health(self):
        health = health_grpc.HealthStub(self.connect("demo-commune"))
        for service in ("", DOSSIERS):
            answer = health.Check(health_pb.HealthCheckRequest(service=service), timeout=20)
            self.assertEqual(answer.status, health_pb.HealthCheckResponse.SERVING, service)
        self.assertEqual(refusal(health.Check, health_pb.HealthCheckRequest(service="no.such.Service")).code,
                         grpc.StatusCode.NOT_FOUND)

    def test_submit_accept_list(self):
        stub = self.dossiers("demo-commune")
        request = submission()
        filed = stub.SubmitDossier(request, timeout=20)
        self.assertEqual((filed.state, filed.revision, filed.code), (pb.Dossier.SUBMITTED, 1, ""))
        self.assertEqual(filed.intake_agency, "H12.50.01")
        # The same once more is the same dossier.
        self.assertEqual(stub.SubmitDossier(request, timeout=20), filed)
        accepted = self.accept(stub, filed)
        self.assertRegex(accepted.code, r"^H12\.50\.01-\d{6}-\d{4,}$")
        self.assertGreater(accepted.due.due_time.seconds, accepted.accept_time.seconds)
        self.assertTrue(accepted.due.explanation)
        for name in (filed.name, f"dossiers/{accepted.code}"):
            read = stub.GetDossier(pb.GetDossierRequest(name=name), timeout=20)
            self.assertEqual((read.name, read.code, read.state), (filed.name, accepted.code, pb.Dossier.ACCEPTED))
            self.assertEqual(read.applicant, request.applicant)
        listed = stub.ListDossiers(pb.ListDossiersRequest(page_size=1), timeout=20)
        self.assertEqual([dossier.name for dossier in listed.dossiers], [filed.name])
        history = stub.ListTransitions(pb.ListTransitionsRequest(parent=filed.name), timeout=20)
        self.assertEqual([(row.revision, row.state, row.system) for row in history.transitions],
                         [(1, pb.Dossier.SUBMITTED, "systems/demo-commune"),
                          (2, pb.Dossier.ACCEPTED, "systems/demo-commune")])

    def test_pages(self):
        stub = self.dossiers("demo-neighbour")
        filed = [stub.SubmitDossier(submission(), timeout=20).name for _ in range(5)]
        names, token = [], ""
        for _ in range(len(filed) + 1):
            page = stub.ListDossiers(pb.ListDossiersRequest(page_size=2, page_token=token), timeout=20)
            names += [dossier.name for dossier in page.dossiers]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(names[:len(filed)], filed[::-1])
        self.assertEqual(len(names), len(set(names)))

    def test_officer_is_asserted_and_recorded(self):
        stub = self.dossiers("demo-onestop")
        filed = stub.SubmitDossier(submission(), timeout=20,
                                   metadata=[("lgsp-officer", "can-bo-7; H12.50.02; intake")])
        self.assertEqual(filed.intake_agency, "H12.50.02")
        history = stub.ListTransitions(pb.ListTransitionsRequest(parent=filed.name), timeout=20)
        self.assertEqual([(row.officer, row.unit) for row in history.transitions], [("can-bo-7", "H12.50.02")])

    def command(self, method, request, dossier, officer="can-bo-7; H12.50.02; intake", **fields):
        filled = request(name=dossier.name, request_id=request_id(), etag=dossier.etag, **fields)
        return method(filled, timeout=foreign_client.CALL_SECONDS, metadata=[("lgsp-officer", officer)])

    def test_the_long_way_and_the_portal_follows(self):
        stub = self.dossiers("demo-onestop")
        officer = [("lgsp-officer", "can-bo-7; H12.50.02; intake")]
        filed = stub.SubmitDossier(submission(), timeout=20, metadata=officer)
        dossier = self.command(stub.AcceptDossier, pb.AcceptDossierRequest, filed)
        first_due = dossier.due.due_time.seconds
        lines = stub.ExplainDueDate(pb.ExplainDueDateRequest(name=filed.name, language_code="en"), timeout=20).lines
        self.assertRegex(lines[0], r"^Due: 17:00, \w+day \d{4}-\d\d-\d\d")
        dossier = self.command(stub.AskSupplement, pb.AskSupplementRequest, dossier, items=["Bản sao giấy tờ"])
        self.assertTrue(dossier.due.suspended)
        dossier = self.command(stub.AnswerSupplement, pb.AnswerSupplementRequest, dossier)
        self.assertEqual(list(dossier.supplements[0].items), ["Bản sao giấy tờ"])
        dossier = self.command(stub.BeginWait, pb.BeginWaitRequest, dossier, kind=pb.DayRun.PAYMENT)
        self.assertEqual(dossier.state, pb.Dossier.WAITING_PAYMENT)
        dossier = self.command(stub.EndWait, pb.EndWaitRequest, dossier)
        self.assertGreaterEqual(dossier.due.due_time.seconds, first_due)
        refused = refusal(stub.SignDossier, pb.SignDossierRequest(
            name=dossier.name, request_id=request_id(), etag=dossier.etag), metadata=officer)
        self.assertEqual((refused.code, refused.reason), (grpc.StatusCode.PERMISSION_DENIED, "COMMAND_NOT_YOURS"))
        dossier = self.command(stub.SignDossier, pb.SignDossierRequest, dossier, "lanh-dao-1; H12.50.02; head")
        refused = refusal(stub.WithdrawDossier, pb.WithdrawDossierRequest(
            name=dossier.name, request_id=request_id(), etag=dossier.etag, reason="Tôi đổi ý"), metadata=officer)
        self.assertEqual((refused.code, refused.reason),
                         (grpc.StatusCode.FAILED_PRECONDITION, "STATE_FORBIDS_COMMAND"))
        dossier = self.command(stub.CompleteDossier, pb.CompleteDossierRequest, dossier)
        dossier = self.command(stub.ReturnDossier, pb.ReturnDossierRequest, dossier)
        self.assert_synced(stub, dossier)

    def test_a_file_taken_in_elsewhere_is_received_first(self):
        stub = self.dossiers("demo-onestop")
        intake, settling = "can-bo-7; H12.50.02; intake", "can-bo-9; H12.50.03; processing"
        filed = stub.SubmitDossier(submission(settling_agency="H12.50.03"), timeout=20,
                                   metadata=[("lgsp-officer", intake)])
        dossier = self.command(stub.AcceptDossier, pb.AcceptDossierRequest, filed, intake)
        self.assertTrue(dossier.due.suspended)
        for officer in (intake, settling, "can-bo-1; H12.50.04; processing"):
            refused = refusal(stub.StartDossier, pb.StartDossierRequest(
                name=dossier.name, request_id=request_id(), etag=dossier.etag), metadata=[("lgsp-officer", officer)])
            self.assertEqual((refused.code, refused.reason), (grpc.StatusCode.PERMISSION_DENIED, "COMMAND_NOT_YOURS"))
        dossier = self.command(stub.TransferDossier, pb.TransferDossierRequest, dossier, intake)
        dossier = self.command(stub.ReceiveDossier, pb.ReceiveDossierRequest, dossier, settling)
        self.assertFalse(dossier.due.suspended)
        self.assertEqual(dossier.start_time, dossier.receive_time)
        dossier = self.command(stub.CompleteDossier, pb.CompleteDossierRequest, dossier, settling)
        self.assert_synced(stub, dossier)

    def test_the_catalogue(self):
        stub = procedures_grpc.ProceduresStub(self.connect("demo-onestop"))
        found = stub.ListProcedures(procedures_pb.ListProceduresRequest(
            query="dang ky khai sinh", scope=procedures_pb.Procedure.HERE, page_size=3), timeout=20)
        self.assertEqual(len(found.procedures), 3)
        self.assertTrue(found.next_page_token)
        self.assertIn("khai sinh", found.procedures[0].display_name.lower())
        whole = stub.GetProcedure(procedures_pb.GetProcedureRequest(name=found.procedures[0].name), timeout=20)
        self.assertTrue(whole.components and whole.policies and whole.terms)
        self.assertEqual(len(whole.channel_fees), len(whole.channels))
        unknown = refusal(stub.GetProcedure, procedures_pb.GetProcedureRequest(name="procedures/0.000000"))
        self.assertEqual((unknown.code, unknown.reason), (grpc.StatusCode.NOT_FOUND, "PROCEDURE_UNKNOWN"))
        commune = procedures_grpc.ProceduresStub(self.connect("demo-commune"))
        self.assertEqual(refusal(commune.ListProcedures, procedures_pb.ListProceduresRequest()).code,
                         grpc.StatusCode.PERMISSION_DENIED)

    def test_a_withdrawn_dossier_is_withdrawn_at_the_portal(self):
        stub = self.dossiers("demo-onestop")
        filed = stub.SubmitDossier(submission(), timeout=20, metadata=[("lgsp-officer", "cb; H12.50.02; intake")])
        dossier = self.command(stub.AcceptDossier, pb.AcceptDossierRequest, filed)
        dossier = self.command(stub.WithdrawDossier, pb.WithdrawDossierRequest, dossier, reason="Tôi đổi ý")
        self.assertEqual((dossier.state, dossier.close_reason), (pb.Dossier.WITHDRAWN, "Tôi đổi ý"))
        self.assert_synced(stub, dossier)

    def assert_synced(self, stub, dossier):
        def synced():
            sync = stub.GetDossier(pb.GetDossierRequest(name=dossier.name), timeout=20).portal_sync
            return sync.state == pb.PortalSync.SYNCED and sync.synced_revision == dossier.revision
        platform_process.wait_until(synced, 30, "the portal follows")

    def test_decomposed_text_is_stored_composed(self):
        stub = self.dossiers("demo-commune")
        composed = "Trần Thị Mỹ Hậu ở Cà Mau"
        decomposed = unicodedata.normalize("NFD", composed)
        self.assertNotEqual(composed, decomposed)
        filed = stub.SubmitDossier(submission(applicant_full_name=decomposed, subject=decomposed), timeout=20)
        read = stub.GetDossier(pb.GetDossierRequest(name=filed.name), timeout=20)
        self.assertEqual((read.applicant.full_name, read.subject), (composed, composed))

    def test_insights_for_those_who_steer(self):
        filed = self.dossiers("demo-commune").SubmitDossier(submission(), timeout=20)
        stub = insights_grpc.InsightsStub(self.connect("demo-steering"))

        def counted():
            answer = stub.ListDossierCounts(
                insights_pb.ListDossierCountsRequest(agency=filed.settling_agency), timeout=20)
            return any(count.state == "SUBMITTED" and count.count > 0 for count in answer.counts)
        platform_process.wait_until(counted, 20, "the event is counted")


class ReflectionTest(ContractTest):
    """Reflection, without any stub: what a tool like grpcurl does."""

    def ask(self, system, version, **request):
        method = self.connect(system).stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=foreign_client.reflection_pb.ServerReflectionRequest.SerializeToString,
            response_deserializer=foreign_client.reflection_pb.ServerReflectionResponse.FromString)
        asked = foreign_client.reflection_pb.ServerReflectionRequest(**request)
        answers = list(method(iter([asked]), timeout=STREAM_SECONDS))
        self.assertEqual(len(answers), 1)
        return answers[0]

    def listed(self, system, version):
        answer = self.ask(system, version, list_services="")
        return {service.name for service in answer.list_services_response.service
                if service.name.startswith("lgsp.")}

    def test_lists_what_the_system_has_an_agreement_for(self):
        for version in ("v1", "v1alpha"):
            for system, services in (("demo-commune", {DOSSIERS, "lgsp.dossiers.v1.Documents"}),
                                     ("demo-neighbour", {DOSSIERS, "lgsp.evidence.v1.Evidence"}),
                                     ("demo-steering", {INSIGHTS, "lgsp.dossiers.v1.Results"})):
                with self.subTest(system=system, version=version):
                    self.assertEqual(self.listed(system, version), services)

    def test_descriptors_suffice_for_a_call(self):
        for version in ("v1", "v1alpha"):
            with self.subTest(version):
                pool = descriptor_pool.DescriptorPool()
                answer = self.ask("demo-commune", version, file_containing_symbol=DOSSIERS)
                files = {}
                for data in answer.file_descriptor_response.file_descriptor_proto:
                    file = descriptor_pb2.FileDescriptorProto.FromString(data)
                    files[file.name] = file
                self.add(pool, files, "lgsp/dossiers/v1/dossiers.proto")
                method = pool.FindServiceByName(DOSSIERS).FindMethodByName("ListDossiers")
                made = message_factory.MessageFactory(pool)
                request = made.GetPrototype(method.input_type)(page_size=3)
                reply = made.GetPrototype(method.output_type)
                call = self.connect("demo-commune").unary_unary(
                    f"/{DOSSIERS}/ListDossiers", request_serializer=lambda message: message.SerializeToString(),
                    response_deserializer=reply.FromString)
                self.assertLessEqual(len(call(request, timeout=20).dossiers), 3)

    def add(self, pool, files, name):
        """Adds a file after those it imports; what the answer left out is asked for by name."""
        if name not in files:
            answer = self.ask("demo-commune", "v1", file_by_filename=name)
            for data in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(data)
                files[file.name] = file
        for needed in files[name].dependency:
            self.add(pool, files, needed)
        pool.Add(files[name])

    def test_says_nothing_of_others(self):
        for version in ("v1", "v1alpha"):
            for symbol in (INSIGHTS, PORTAL, "no.such.Symbol"):
                with self.subTest(version=version, symbol=symbol):
                    answer = self.ask("demo-commune", version, file_containing_symbol=symbol)
                    self.assertEqual(answer.WhichOneof("message_response"), "error_response")
                    self.assertEqual(answer.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])


class RefusalsTest(ContractTest):
    """Each bad input: status code, reason, and the field where one is to blame."""

    def check(self, refused, code, reason, fields=None):
        self.assertEqual((refused.code, refused.reason), (code, reason), str(refused))
        if fields is not None:
            self.assertEqual(refused.fields, fields)

    def test_submissions(self):
        stub = self.dossiers("demo-commune")
        code = grpc.StatusCode
        rows = (
            ("unknown procedure", {"procedure": "9.999999"}, code.NOT_FOUND, "PROCEDURE_UNKNOWN", []),
            ("procedure of a central agency", {"procedure": foreign_client.central_procedure()},
             code.FAILED_PRECONDITION, "PROCEDURE_NOT_SETTLED_HERE", []),
            ("personal ID of 13 digits", {"applicant_id_number": "0963000000171"},
             code.INVALID_ARGUMENT, "PERSONAL_ID_INVALID", ["applicant.id_number"]),
            ("agency that does not exist", {"intake_agency": "H12.99.99"},
             code.INVALID_ARGUMENT, "AGENCY_UNKNOWN", ["intake_agency"]),
            ("agency of others", {"intake_agency": "H12.50.02"},
             code.PERMISSION_DENIED, "AGENCY_NOT_REPRESENTED", None),
            ("request id of wrong form", {"request_id": "a b"},
             code.INVALID_ARGUMENT, "REQUEST_ID_INVALID", ["request_id"]),
        )
        for name, changes, expected, reason, fields in rows:
            with self.subTest(name):
                self.check(refusal(stub.SubmitDossier, submission(**changes)), expected, reason, fields)

    def test_stale_etag(self):
        stub = self.dossiers("demo-commune")
        filed = stub.SubmitDossier(submission(), timeout=20)
        self.accept(stub, filed)
        request = pb.CompleteDossierRequest(name=filed.name, request_id=request_id(), etag=filed.etag)
        self.check(refusal(stub.CompleteDossier, request), grpc.StatusCode.ABORTED, "ETAG_STALE")

    def test_request_id_with_another_body(self):
        stub = self.dossiers("demo-commune")
        first = submission()
        stub.SubmitDossier(first, timeout=20)
        other = submission(request_id=first.request_id, subject="Khác")
        self.check(refusal(stub.SubmitDossier, other), grpc.StatusCode.ABORTED, "REQUEST_ID_REUSED")

    def test_command_that_the_state_forbids(self):
        stub = self.dossiers("demo-commune")
        filed = stub.SubmitDossier(submission(), timeout=20)
        request = pb.ReturnDossierRequest(name=filed.name, request_id=request_id(), etag=filed.etag)
        self.check(refusal(stub.ReturnDossier, request), grpc.StatusCode.FAILED_PRECONDITION,
                   "STATE_FORBIDS_COMMAND")

    def test_without_agreement(self):
        neighbour = self.dossiers("demo-neighbour")
        filed = neighbour.SubmitDossier(submission(), timeout=20)
        request = pb.RejectDossierRequest(name=filed.name, request_id=request_id(), etag=filed.etag, reason="Thiếu")
        denied = grpc.StatusCode.PERMISSION_DENIED
        self.check(refusal(neighbour.RejectDossier, request), denied, "NO_AGREEMENT")
        insights = insights_grpc.InsightsStub(self.connect("demo-commune"))
        self.check(refusal(insights.ListDossierCounts, insights_pb.ListDossierCountsRequest()), denied, "NO_AGREEMENT")
        portal = portal_grpc.PortalStub(self.connect("demo-onestop"))
        self.check(refusal(portal.SyncDossier, portal_pb.SyncDossierRequest(number="1")), denied, "NO_AGREEMENT")
        # What does not exist is refused alike: nobody learns what there is.
        unknown = self.connect("demo-commune").unary_unary("/no.such.Service/Method")
        self.check(refusal(unknown, b""), denied, "NO_AGREEMENT")

    def test_dossier_of_others(self):
        filed = self.dossiers("demo-commune").SubmitDossier(submission(), timeout=20)
        neighbour = self.dossiers("demo-neighbour")
        missing = "dossiers/01930000-0000-7000-8000-000000000000"
        for name in (filed.name, missing):
            self.check(refusal(neighbour.GetDossier, pb.GetDossierRequest(name=name)),
                       grpc.StatusCode.NOT_FOUND, "DOSSIER_NOT_FOUND")
        self.check(refusal(neighbour.AcceptDossier, pb.AcceptDossierRequest(
            name=filed.name, request_id=request_id(), etag=filed.etag)), grpc.StatusCode.NOT_FOUND, "DOSSIER_NOT_FOUND")

    def test_unregistered_key(self):
        stub = self.dossiers("demo-unregistered")
        self.check(refusal(stub.ListDossiers, pb.ListDossiersRequest()), grpc.StatusCode.UNAUTHENTICATED,
                   "SYSTEM_UNKNOWN")

    def test_no_certificate(self):
        def rejected():
            return metric(self.platform, "gateway_tls_rejected_total", reason="no_certificate")
        before = rejected()
        host, port = self.platform.gateway.split(":")
        context = ssl.create_default_context(cafile=self.platform.folder / "ca/authority.crt")
        context.set_alpn_protocols(["h2"])
        with socket.create_connection((host, int(port)), timeout=20) as plain:
            with self.assertRaises(ssl.SSLError) as caught:
                with context.wrap_socket(plain, server_hostname=host) as connection:
                    # With TLS 1.3 the client is done before the server has judged.
                    connection.recv(1)
        self.assertIn("CERTIFICATE_REQUIRED", caught.exception.reason)
        platform_process.wait_until(lambda: rejected() == before + 1, 20, "the rejection is counted")
        with self.assertRaises(grpc.FutureTimeoutError):
            bare = grpc.secure_channel(self.platform.gateway, grpc.ssl_channel_credentials(
                (self.platform.folder / "ca/authority.crt").read_bytes()))
            self.addCleanup(bare.close)
            grpc.channel_ready_future(bare).result(timeout=2)
        self.assertGreater(rejected(), before + 1)

    def test_message_above_the_limit(self):
        large = submission(subject="x" * (GRPC_MAX_MESSAGE + 1))
        self.check(refusal(self.dossiers("demo-commune").SubmitDossier, large), grpc.StatusCode.RESOURCE_EXHAUSTED,
                   "MESSAGE_TOO_LARGE")
        # By its length prefix: nothing behind it is sent, so only the gateway can have judged.
        with h2_client.Connection(self.platform, "demo-commune") as connection:
            stream = connection.call(f"/{DOSSIERS}/SubmitDossier")
            connection.data(stream, b"\0" + (GRPC_MAX_MESSAGE + 1).to_bytes(4, "big"))
            self.check(connection.refusal(stream), grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")

    def test_limit_itself_reaches_the_service(self):
        large = submission(subject="x" * (GRPC_MAX_MESSAGE - 1000))
        self.check(refusal(self.dossiers("demo-commune").SubmitDossier, large), grpc.StatusCode.INVALID_ARGUMENT,
                   "TEXT_TOO_LONG", ["subject"])

    def test_expired_deadline(self):
        with h2_client.Connection(self.platform, "demo-commune") as connection:
            for timeout in ("1n", "1u"):
                with self.subTest(timeout):
                    stream = connection.call(f"/{DOSSIERS}/ListDossiers", headers=[("grpc-timeout", timeout)])
                    connection.message(stream, pb.ListDossiersRequest())
                    self.check(connection.refusal(stream), grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_PASSED")

    def test_identity_cannot_be_brought_along(self):
        stub = self.dossiers("demo-commune")
        for header in ("lgsp-caller", "lgsp-system"):
            with self.subTest(header):
                refused = refusal(stub.ListDossiers, pb.ListDossiersRequest(),
                                  metadata=[(header, "systems/demo-onestop")])
                self.assertEqual(refused.code, grpc.StatusCode.INVALID_ARGUMENT, str(refused))
                self.assertNotIn("bad details", refused.reason)


if __name__ == "__main__":
    platform_process.main()
