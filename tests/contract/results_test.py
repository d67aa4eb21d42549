#!/usr/bin/python3
"""Results through the gateway: signed by the simulated signing system, verified by OpenSSL and by whoever has the code,
corrected, revoked; bad signatures; a service that is killed while one is on its way."""

import hashlib
import http.client
import importlib
import json
import os
import signal
import subprocess

import grpc

import platform_process
from foreign_client import STUBS, channel, dossiers_grpc, refusal, request_id, submission
from foreign_client import pb as dossiers_pb
from platform_process import ROOT, chance, wait_until

NAMES = ("documents", "results")
subprocess.run(["protoc", "-I", ROOT / "protos", "--python_out", STUBS, "--grpc_out", STUBS,
                "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin",
                *(f"lgsp/dossiers/v1/{name}.proto" for name in NAMES)], check=True)
documents_pb, pb = (importlib.import_module(f"lgsp.dossiers.v1.{name}_pb2") for name in NAMES)
documents_grpc, results_grpc = (importlib.import_module(f"lgsp.dossiers.v1.{name}_pb2_grpc") for name in NAMES)

CALL_SECONDS = 60
WAIT_SECONDS = 60
HEAD = [("lgsp-officer", "lanh-dao-1; H12.50.02; head")]
OFFICER = [("lgsp-officer", "can-bo-7; H12.50.02; intake")]
# Of the simulated signing system, as `lgsp init --demo` places it.
SIGNING_OFFSET = 11
TITLE = "canary-Giấy chứng nhận"


def pdf():
    return b"%PDF-1.7\n" + chance.randbytes(2000).hex().encode() + b"\n%%EOF\n"


class ResultsTest(platform_process.PlatformTest):
    def setUp(self):
        opened = channel(self.platform, "demo-onestop")
        self.addCleanup(opened.close)
        self.dossiers = dossiers_grpc.DossiersStub(opened)
        self.documents = documents_grpc.DocumentsStub(opened)
        self.results = results_grpc.ResultsStub(opened)

    def command(self, method, request, dossier, metadata=OFFICER, **fields):
        return method(request(name=dossier.name, request_id=request_id(), etag=dossier.etag, **fields),
                      timeout=CALL_SECONDS, metadata=metadata)

    def started(self):
        dossier = self.dossiers.SubmitDossier(submission(), timeout=CALL_SECONDS, metadata=OFFICER)
        dossier = self.command(self.dossiers.AcceptDossier, dossiers_pb.AcceptDossierRequest, dossier)
        return self.command(self.dossiers.StartDossier, dossiers_pb.StartDossierRequest, dossier)

    def get(self, dossier):
        return self.dossiers.GetDossier(dossiers_pb.GetDossierRequest(name=dossier.name), timeout=CALL_SECONDS)

    def content(self, dossier, content):
        head = documents_pb.UploadHead(parent=dossier.name, request_id=request_id(), title="Kết quả",
                                       origin=documents_pb.Document.RESULT)
        end = documents_pb.UploadEnd(size_bytes=len(content))
        return self.documents.UploadDocument(
            iter([documents_pb.UploadDocumentRequest(head=head), documents_pb.UploadDocumentRequest(chunk=content),
                  documents_pb.UploadDocumentRequest(end=end)]), timeout=CALL_SECONDS, metadata=OFFICER)

    def order(self, dossier, content=None, **fields):
        document = self.content(dossier, content or pdf())
        return self.results.SignResult(
            pb.SignResultRequest(parent=dossier.name, request_id=request_id(), document=document.name, title=TITLE,
                                 number="12/GCN", **fields), timeout=CALL_SECONDS, metadata=HEAD)

    def result(self, result):
        return self.results.GetResult(pb.GetResultRequest(name=result.name), timeout=CALL_SECONDS)

    def answered(self, ordered):
        """The result once its order has ended."""
        return wait_until(lambda: (lambda result: result.state != pb.Result.SIGNING and result)(self.result(ordered)),
                          WAIT_SECONDS, "the signing system has answered")

    def verify(self, code):
        opened = channel(self.platform, "demo-steering")
        self.addCleanup(opened.close)
        return results_grpc.ResultsStub(opened).VerifyResult(pb.VerifyResultRequest(verification_code=code),
                                                             timeout=CALL_SECONDS)

    def signing_system(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.platform.base + SIGNING_OFFSET, timeout=CALL_SECONDS)
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200, path)
            return json.loads(answer.read())
        finally:
            connection.close()

    def script(self, kind):
        self.signing_system("PUT", "/sim/faults", {"endpoint": "signatures", "kind": kind, "times": 1})

    def signatures(self, reference):
        """How often the signing system signed under this reference."""
        records = self.signing_system("GET", "/sim/journal?after=0")["records"]
        asked = {record["signature_id"] for record in records
                 if record["record"] == "request" and record["reference"] == reference}
        return [record for record in records
                if record["record"] == "signature" and record["signature_id"] in asked and record["state"] == "DONE"]

    def assert_openssl_verifies(self, result, content):
        folder = self.platform.folder
        (folder / "result.pdf").write_bytes(content)
        (folder / "result.p7s").write_bytes(result.signature)
        subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", folder / "result.p7s",
                        "-content", folder / "result.pdf", "-purpose", "any", "-out", os.devnull,
                        "-CAfile", folder / "data/agency_signing/ca/root.pem"],
                       check=True, capture_output=True)
        for name in ("result.pdf", "result.p7s"):
            (folder / name).unlink()

    def test_from_order_to_revocation(self):
        dossier = self.started()
        content = pdf()
        ordered = self.order(dossier, content)
        self.assertEqual(ordered.state, pb.Result.SIGNING)
        first = self.answered(ordered)
        self.assertEqual((first.state, first.signer.organization != ""), (pb.Result.SIGNED, True))
        self.assert_openssl_verifies(first, content)
        dossier = self.get(dossier)
        self.assertEqual(dossier.state, dossiers_pb.Dossier.SIGNED)
        dossier = self.command(self.dossiers.CompleteDossier, dossiers_pb.CompleteDossierRequest, dossier)
        dossier = self.command(self.dossiers.ReturnDossier, dossiers_pb.ReturnDossierRequest, dossier)

        known = self.verify(first.verification_code.lower().replace("-", " "))
        self.assertEqual((known.state, known.sha256, known.number),
                         (pb.Result.SIGNED, hashlib.sha256(content).hexdigest(), "12/GCN"))
        second = self.answered(self.order(dossier, replaces=first.name, replacement=pb.Result.CORRECTION,
                                          reason="Sai năm sinh"))
        self.assertEqual(second.state, pb.Result.SIGNED)
        self.assertEqual(self.verify(first.verification_code).state, pb.Result.CORRECTED)
        self.assertEqual(self.result(first).replaced_by, second.name)
        revoked = self.results.RevokeResult(
            pb.RevokeResultRequest(name=second.name, request_id=request_id(), etag=second.etag, reason="Cấp sai"),
            timeout=CALL_SECONDS, metadata=HEAD)
        self.assertEqual(revoked.state, pb.Result.REVOKED)
        self.assertEqual(self.verify(second.verification_code).state, pb.Result.REVOKED)
        listed = self.results.ListResults(pb.ListResultsRequest(parent=dossier.name), timeout=CALL_SECONDS).results
        self.assertEqual([result.name for result in listed], [first.name, second.name])
        self.assert_sealed(first)

    def assert_sealed(self, result):
        for path in self.platform.folder.rglob("*"):
            if path.is_file() and "agency_signing" not in path.parts:
                data = path.read_bytes()
                for secret in (TITLE.encode(), result.verification_code.encode(), result.sha256.encode(),
                               result.signature[:64]):
                    self.assertNotIn(secret, data, path)

    def test_what_is_no_good_signature(self):
        dossier = self.started()
        for kind, state, failure in (
                ("refused", pb.Result.REFUSED, ""),
                ("wrong_digest", pb.Result.FAILED, "CMS_DIGEST_WRONG"),
                ("tampered", pb.Result.FAILED, "CMS_SIGNATURE_WRONG"),
                ("foreign_authority", pb.Result.FAILED, "CMS_CHAIN_UNTRUSTED"),
                ("past_signing_time", pb.Result.FAILED, "CMS_TIME_WRONG")):
            with self.subTest(kind):
                self.script(kind)
                result = self.answered(self.order(dossier))
                self.assertEqual((result.state, result.failure), (state, failure))
                self.assertEqual((result.verification_code, result.signature), ("", b""))
        self.assertEqual(self.get(dossier).state, dossiers_pb.Dossier.IN_PROGRESS)
        for kind in ("http_503", "lost_answer", "pending"):
            with self.subTest(kind):
                self.script(kind)
                result = self.answered(self.order(dossier))
                self.assertEqual(result.state, pb.Result.SIGNED)
                self.assertEqual(len(self.signatures(result.name)), 1)

    def test_killed_while_a_signature_is_on_its_way(self):
        dossier = self.started()
        self.script("pending")
        old = self.platform.pids()["dossiers"]
        ordered = self.order(dossier)
        refused = refusal(self.dossiers.CompleteDossier, dossiers_pb.CompleteDossierRequest(
            name=dossier.name, request_id=request_id(), etag=self.get(dossier).etag), metadata=OFFICER)
        self.assertEqual((refused.code, refused.reason),
                         (grpc.StatusCode.FAILED_PRECONDITION, "RESULT_UNDER_WAY"))
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: self.platform.pids().get("dossiers", old) != old, WAIT_SECONDS, "dossiers runs again")
        self.platform.wait_ready()
        result = self.answered(ordered)
        self.assertEqual(result.state, pb.Result.SIGNED)
        self.assertEqual(len(self.signatures(result.name)), 1)
        self.assertEqual(self.get(dossier).state, dossiers_pb.Dossier.SIGNED)

    def test_who_may(self):
        dossier = self.started()
        document = self.content(dossier, pdf())
        request = pb.SignResultRequest(parent=dossier.name, request_id=request_id(), document=document.name, title=TITLE)
        refused = refusal(self.results.SignResult, request, metadata=OFFICER)
        self.assertEqual((refused.code, refused.reason), (grpc.StatusCode.PERMISSION_DENIED, "COMMAND_NOT_YOURS"))
        opened = channel(self.platform, "demo-steering")
        self.addCleanup(opened.close)
        stranger = results_grpc.ResultsStub(opened)
        refused = refusal(stranger.ListResults, pb.ListResultsRequest(parent=dossier.name))
        self.assertEqual(refused.code, grpc.StatusCode.PERMISSION_DENIED)
        refused = refusal(stranger.VerifyResult, pb.VerifyResultRequest(verification_code="0" * 20))
        self.assertEqual((refused.code, refused.reason), (grpc.StatusCode.NOT_FOUND, "RESULT_UNKNOWN"))
        refused = refusal(stranger.VerifyResult, pb.VerifyResultRequest(verification_code="x"))
        self.assertEqual((refused.code, refused.reason),
                         (grpc.StatusCode.INVALID_ARGUMENT, "VERIFICATION_CODE_INVALID"))


if __name__ == "__main__":
    platform_process.main()
