#!/usr/bin/python3
"""Documents through the gateway: up, down, who may, and what a service that is killed in the middle leaves behind."""

import hashlib
import importlib
import os
import queue
import signal
import subprocess
import threading
import time

import grpc

import foreign_client
import platform_process
from foreign_client import STUBS, channel, dossiers_grpc, refusal, request_id, submission
from platform_process import ROOT, chance, wait_until

subprocess.run(["protoc", "-I", ROOT / "protos", "--python_out", STUBS, "--grpc_out", STUBS,
                "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", "lgsp/dossiers/v1/documents.proto"], check=True)
pb = importlib.import_module("lgsp.dossiers.v1.documents_pb2")
documents_grpc = importlib.import_module("lgsp.dossiers.v1.documents_pb2_grpc")

MEGABYTE = 1 << 20
CHUNK = 64 << 10
CALL_SECONDS = 60
WAIT_SECONDS = 60
SLOW_READERS = 4
# Of 45 MB up and four times 45 MB down.
MAX_GROWTH_MEGABYTES = 60 if platform_process.SANITIZED else 25
CANARY_NAME = "canary-giấy-khai-sinh.pdf"
CANARY_TITLE = "canary-title"
CANARY = b"canary-content"
OFFICER = [("lgsp-officer", "can-bo-7; H12.50.02; intake")]


def pdf(size):
    """A PDF by its beginning and end, of about `size` bytes, with canaries in every chunk."""
    block = CANARY + chance.randbytes(CHUNK // 2 - len(CANARY))
    return b"%PDF-1.7\n" + block * (size // len(block)) + b"\n%%EOF\n"


def parts(head, content):
    yield pb.UploadDocumentRequest(head=head)
    for at in range(0, len(content), CHUNK):
        yield pb.UploadDocumentRequest(chunk=content[at:at + CHUNK])
    yield pb.UploadDocumentRequest(end=pb.UploadEnd(size_bytes=len(content),
                                                    sha256=hashlib.sha256(content).hexdigest()))


class Sender:
    """The messages of an upload, given one by one."""

    def __init__(self):
        self.messages = queue.SimpleQueue()

    def __iter__(self):
        return iter(self.messages.get, None)

    def send(self, **part):
        self.messages.put(pb.UploadDocumentRequest(**part))

    def close(self):
        self.messages.put(None)


class DocumentsTest(platform_process.PlatformTest):
    def documents(self, system):
        opened = channel(self.platform, system)
        self.addCleanup(opened.close)
        return documents_grpc.DocumentsStub(opened)

    def dossier(self, system="demo-onestop", **fields):
        opened = channel(self.platform, system)
        self.addCleanup(opened.close)
        return dossiers_grpc.DossiersStub(opened).SubmitDossier(submission(**fields), timeout=CALL_SECONDS,
                                                                metadata=OFFICER)

    def head(self, dossier, **fields):
        return pb.UploadHead(**{"request_id": request_id(), "parent": dossier.name, "title": CANARY_TITLE,
                                "file_name": CANARY_NAME, **fields})

    def upload(self, stub, head, content):
        return stub.UploadDocument(parts(head, content), timeout=CALL_SECONDS, metadata=OFFICER)

    def download(self, stub, name):
        messages = iter(stub.DownloadDocument(pb.DownloadDocumentRequest(name=name), timeout=CALL_SECONDS))
        first = next(messages)
        self.assertEqual(first.WhichOneof("part"), "document")
        return first.document, b"".join(message.chunk for message in messages)

    def list(self, stub, dossier):
        return list(stub.ListDocuments(pb.ListDocumentsRequest(parent=dossier.name), timeout=CALL_SECONDS).documents)

    def files(self, folder=""):
        return [path for path in (self.platform.folder / "data/documents" / folder).rglob("*") if path.is_file()]

    def assert_refused(self, refused, code, reason):
        self.assertEqual((refused.code, refused.reason), (code, reason), str(refused))

    def test_up_and_down(self):
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        content = pdf(20 * MEGABYTE)
        head = self.head(dossier)
        document = self.upload(stub, head, content)
        self.assertEqual(document.sha256, hashlib.sha256(content).hexdigest())
        self.assertEqual((document.type, document.size_bytes), (pb.Document.PDF, len(content)))
        self.assertEqual((document.title, document.file_name, document.officer),
                         (CANARY_TITLE, CANARY_NAME, "can-bo-7"))
        self.assertEqual(document.scan.state, pb.Scan.NOT_SCANNED)
        self.assertEqual(self.upload(stub, head, content), document)
        self.assertEqual(self.download(stub, document.name), (document, content))
        self.assertEqual(self.list(stub, dossier), [document])
        self.assert_sealed(content)

    def assert_sealed(self, content):
        """Nothing of the content, its name or its hash is in any file of the platform."""
        canaries = [CANARY, CANARY_NAME.encode(), CANARY_TITLE.encode(), hashlib.sha256(content).digest(),
                    hashlib.sha256(content).hexdigest().encode()]
        looked_at = 0
        for path in self.platform.folder.rglob("*"):
            if not path.is_file():
                continue
            data = path.read_bytes()
            looked_at += len(data)
            for canary in canaries:
                self.assertNotIn(canary, data, path)
                self.assertNotIn(canary, os.fsencode(path))
        self.assertGreater(looked_at, len(content))

    def test_the_file_list(self):
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        name = f"{dossier.name}/fileList"
        before = stub.GetFileList(pb.GetFileListRequest(name=name), timeout=CALL_SECONDS)
        self.assertEqual(before.state, pb.FileList.KNOWN)
        missing = [item for item in before.items if item.state == pb.FileListItem.MISSING]
        self.assertEqual((before.missing, before.complete), (len(missing), not missing))
        self.assertEqual(len(before.supplement_items), len(missing))
        document = self.upload(stub, self.head(dossier, item=missing[0].item, title=""), pdf(1000))
        self.assertEqual(document.title, missing[0].title)
        after = stub.GetFileList(pb.GetFileListRequest(name=name), timeout=CALL_SECONDS)
        self.assertEqual(after.missing, before.missing - 1)
        self.assertIn(document.name, [held for item in after.items for held in item.documents])

    def test_foreign_callers(self):
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        self.assertEqual(dossier.intake_agency, "H12.50.02")
        document = self.upload(stub, self.head(dossier), pdf(1000))
        before = len(self.files())
        # The same agreement, another commune.
        commune = self.documents("demo-commune")
        not_found = (grpc.StatusCode.NOT_FOUND, "DOSSIER_NOT_FOUND")
        self.assert_refused(refusal(lambda **_: self.upload_as(commune, dossier)), *not_found)
        self.assert_refused(refusal(lambda **_: self.download(commune, document.name)), *not_found)
        self.assert_refused(refusal(lambda **_: self.list(commune, dossier)), *not_found)
        self.assert_refused(refusal(commune.GetDocument, pb.GetDocumentRequest(name=document.name)), *not_found)
        # No agreement.
        neighbour = self.documents("demo-neighbour")
        refused = refusal(lambda **_: self.download(neighbour, document.name))
        self.assertEqual(refused.code, grpc.StatusCode.PERMISSION_DENIED, str(refused))
        self.assertEqual(len(self.files()), before)

    def upload_as(self, stub, dossier):
        """Without an officer: that of another unit would be refused before."""
        return stub.UploadDocument(parts(self.head(dossier), pdf(5 * MEGABYTE)), timeout=CALL_SECONDS)

    def test_refused_while_it_comes(self):
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        before = len(self.files())
        for content, reason in ((pdf(55 * MEGABYTE), "DOCUMENT_TOO_LARGE"),
                                (b"MZ" + bytes(10 * MEGABYTE), "DOCUMENT_TYPE_NOT_ALLOWED"), (b"", "DOCUMENT_EMPTY")):
            head = self.head(dossier)
            self.assert_refused(refusal(lambda **_: self.upload(stub, head, content)),  # pylint: disable=W0640
                                grpc.StatusCode.INVALID_ARGUMENT, reason)
        self.assertEqual(self.list(stub, dossier), [])
        self.assertEqual(len(self.files()), before)

    def test_memory(self):
        """However large a document is and however slowly it is read, it is in memory in pieces only."""
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        self.upload(stub, self.head(dossier), pdf(MEGABYTE))
        before = {name: self.platform.rss_megabytes(name) for name in ("dossiers", "gateway")}
        document = self.upload(stub, self.head(dossier), pdf(45 * MEGABYTE))
        calls = []
        for _ in range(SLOW_READERS):
            calls.append(stub.DownloadDocument(pb.DownloadDocumentRequest(name=document.name), timeout=CALL_SECONDS))
            self.assertEqual(next(calls[-1]).document, document)
        grown = {name: self.platform.rss_megabytes(name) - rss for name, rss in before.items()}
        for call in calls:
            call.cancel()
        for name, megabytes in grown.items():
            self.assertLess(megabytes, MAX_GROWTH_MEGABYTES, name)

    def begin(self, stub, head):
        """An upload in the middle of which the client waits, and the thread that gets its end."""
        sender, ends = Sender(), queue.SimpleQueue()
        before = set(self.files("incoming"))

        def call():
            try:
                ends.put(stub.UploadDocument(iter(sender), timeout=CALL_SECONDS, metadata=OFFICER))
            except grpc.RpcError as error:
                ends.put(error)
        threading.Thread(target=call, daemon=True).start()
        sender.send(head=head)
        sender.send(chunk=b"%PDF-1.7\n" + bytes(CHUNK // 2))
        sender.send(chunk=bytes(CHUNK))
        sender.send(chunk=bytes(CHUNK))
        new = wait_until(lambda: set(self.files("incoming")) - before, WAIT_SECONDS, "the upload is being stored")
        self.assertEqual(len(new), 1)
        return sender, ends, new.pop()

    def test_client_goes(self):
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        sender, ends, path = self.begin(stub, self.head(dossier))
        sender.close()  # half-closed without an end
        self.assert_refused(foreign_client.Refusal(ends.get(timeout=WAIT_SECONDS)),
                            grpc.StatusCode.INVALID_ARGUMENT, "UPLOAD_CUT_SHORT")
        self.assertFalse(path.exists())
        opened = channel(self.platform, "demo-onestop")
        sender, ends, path = self.begin(documents_grpc.DocumentsStub(opened), self.head(dossier))
        opened.close()
        wait_until(lambda: not path.exists(), WAIT_SECONDS, "nothing stays of an upload whose client went")
        sender.close()
        self.assertEqual(self.list(stub, dossier), [])

    def wait_for_dossiers(self, old):
        wait_until(lambda: self.platform.pids().get("dossiers", old) != old, WAIT_SECONDS, "dossiers runs again")
        self.platform.wait_ready()

    def test_killed_in_the_middle(self):
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        head = self.head(dossier)
        old = self.platform.pids()["dossiers"]
        sender, ends, path = self.begin(stub, head)
        os.kill(old, signal.SIGKILL)
        error = ends.get(timeout=WAIT_SECONDS)
        self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE, str(error))
        sender.close()
        self.wait_for_dossiers(old)
        self.assertTrue(path.exists())
        self.assertEqual(self.list(stub, dossier), [])
        # It could be another process's, as long as it is young.
        os.utime(path, (0, time.time() - 2 * 3600))
        wait_until(lambda: not path.exists(), WAIT_SECONDS, "what was being stored is swept")
        content = pdf(MEGABYTE)
        document = self.upload(stub, head, content)
        self.assertEqual(self.download(stub, document.name), (document, content))

    def test_stopped_in_the_middle(self):
        stub = self.documents("demo-onestop")
        dossier = self.dossier()
        old = self.platform.pids()["dossiers"]
        sender, ends, path = self.begin(stub, self.head(dossier))
        os.kill(old, signal.SIGTERM)
        error = ends.get(timeout=WAIT_SECONDS)
        self.assertIsInstance(error, grpc.RpcError)
        wait_until(lambda: not path.exists(), WAIT_SECONDS, "nothing stays of an upload that a stop cut off")
        sender.close()
        self.wait_for_dossiers(old)
        self.assertEqual(self.list(stub, dossier), [])


if __name__ == "__main__":
    platform_process.main()
