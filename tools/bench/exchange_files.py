"""What the contestants of the bench `exchange` are given: paths, tokens, keys and certificates, made by OpenSSL."""

import base64
import dataclasses
import json
import pathlib
import subprocess
import time

import journey

PATHS, TOKENS = 100, 1000
# About as long as ours are.
TOKEN_LENGTH = 300
TOKEN_SECONDS = 24 * 3600
ISSUER = "https://bench.example"


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    if done.returncode != 0:
        raise journey.BenchError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def base64url(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclasses.dataclass(frozen=True)
class Calls:
    """Files with a path, and with a token, in each line. Without `tokens`, calls have none."""
    paths: pathlib.Path
    tokens: pathlib.Path | None

    @classmethod
    def in_folder(cls, folder):
        tokens = folder / "tokens"
        return cls(folder / "paths", tokens if tokens.exists() else None)

    def arguments(self):
        return [f"--paths={self.paths}"] + ([f"--tokens={self.tokens}"] if self.tokens else [])


class Signer:
    """Signs tokens as an issuer does, with a key of its own; `jwks` is what verifies them."""

    def __init__(self, folder):
        self.folder = folder
        self.key = folder / "issuer.key"
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.key)
        # The last 32 bytes of the DER form are the key.
        public = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")[-32:]
        self.jwks = json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "bench",
                                          "x": base64url(public)}]})

    def token(self, number, length):
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": f"systems/consumer-{number:04}", "iat": now, "exp": now + TOKEN_SECONDS}
        head = base64url(json.dumps({"alg": "EdDSA", "typ": "JWT", "kid": "bench"}, separators=(",", ":")).encode())

        def signed_part():
            return f"{head}.{base64url(json.dumps(claims, separators=(',', ':')).encode())}"

        # A signature and its dot have 87 characters; a claim makes up what is missing.
        missing = length - 87 - len(signed_part()) - len(',"pad":""') * 4 // 3
        if missing > 0:
            claims["pad"] = "x" * (missing * 3 // 4)
        text = signed_part()
        file = self.folder / "signed"
        file.write_text(text, encoding="ascii")
        return f"{text}.{base64url(openssl('pkeyutl', '-sign', '-rawin', '-inkey', self.key, '-in', file))}"

    def write_tokens(self, count, length):
        file = self.folder / "tokens"
        file.write_text("".join(self.token(number, length) + "\n" for number in range(count)), encoding="ascii")
        return file


def own_paths(folder):
    file = folder / "paths"
    file.write_text("".join(f"/lgsp.bench.v1.Echo/Method{number:03}\n" for number in range(PATHS)), encoding="ascii")
    return file


class Certificates:
    """An authority, and of it a certificate with its key for the proxy (`gateway`), the upstream and the client."""

    NAMES = ("gateway", "upstream", "client")

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        key, authority = folder / "authority.key", self.authority
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                authority, "-days", "2", "-subj", "/CN=bench authority")
        for name in self.NAMES:
            request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key(name),
                    "-out", request, "-subj", f"/CN={name}")
            extensions.write_text(f"subjectAltName=DNS:localhost,IP:127.0.0.1,URI:spiffe://lgsp.camau/service/{name}\n"
                                  "extendedKeyUsage=serverAuth,clientAuth\n", encoding="ascii")
            openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", key, "-CAcreateserial", "-days", "2",
                    "-extfile", extensions, "-out", self.certificate(name))
            # HAProxy takes both from one file.
            self.both(name).write_bytes(self.certificate(name).read_bytes() + self.key(name).read_bytes())

    @property
    def authority(self):
        return self.folder / "authority.crt"

    def certificate(self, name):
        return self.folder / f"{name}.crt"

    def key(self, name):
        return self.folder / f"{name}.key"

    def both(self, name):
        return self.folder / f"{name}.pem"

    def arguments(self, name):
        """For the load and the upstream."""
        return ["--tls", f"--certificate={self.certificate(name)}", f"--key={self.key(name)}",
                f"--authority={self.authority}"]
