"""The two-level authority: root, issuing, the certificates of agencies and the revocation lists.

The state is a fold over journal records: `apply` is the only place that changes it, at replay as in
service; what a method returns beside its result is the records that the caller writes.
"""

import base64
import dataclasses
import datetime
import os
import secrets

from asn1crypto import pem, x509

import x509_forms as forms

DAY = datetime.timedelta(days=1)
CA_BEGIN, CA_END = -30 * DAY, 3650 * DAY
# What a certificate of each purpose is good for: its begin and end seen from now, and its usage.
# "signing" is the ordinary one; the others are made by faults.
PURPOSES = {
    "signing": (-DAY, 730 * DAY, forms.SIGNER_USAGE),
    "expired_certificate": (-20 * DAY, -DAY / 24, forms.SIGNER_USAGE),
    "not_yet_valid_certificate": (DAY, 730 * DAY, forms.SIGNER_USAGE),
    "revoked_certificate": (-DAY, 730 * DAY, forms.SIGNER_USAGE),
    "foreign_authority": (-DAY, 730 * DAY, forms.SIGNER_USAGE),
    "wrong_key_usage": (-DAY, 730 * DAY, {"key_encipherment"}),
}
REASONS = ("unspecified", "key_compromise", "ca_compromise", "affiliation_changed", "superseded",
           "cessation_of_operation", "certificate_hold", "privilege_withdrawn")
ROOT, ISSUING = "root", "issuing"
# Another authority that gives itself the same names.
FOREIGN = {ROOT: "foreign_root", ISSUING: "foreign_issuing"}
NAMES = {
    ROOT: "Government root CA (simulated)",
    ISSUING: "Government specialised signing CA (simulated)",
}
MAX_CERTIFICATES = 10_000


class LimitError(Exception):
    """The simulator holds as much as it may."""


@dataclasses.dataclass
class Held:
    """A certificate and the id of its key in the token."""
    certificate: x509.Certificate
    key: str
    agency: str = ""
    officer: str = ""
    purpose: str = ""
    authority: str = ISSUING

    @property
    def serial(self):
        return f"{self.certificate.serial_number:x}"


@dataclasses.dataclass
class Revocation:
    serial: int
    time: datetime.datetime
    reason: str


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def encode(der):
    return base64.b64encode(der).decode()


class Authority:
    def __init__(self, token, directory, key_kind, crl_seconds, public_url):
        self._token = token
        self._directory = directory
        self._key_kind = key_kind
        self._crl_life = datetime.timedelta(seconds=crl_seconds)
        self._public_url = public_url
        self.authorities = {}
        self.certificates = {}  # by serial
        self._signing = {}  # the newest of purpose "signing" by agency and officer
        self.revocations = {ROOT: {}, ISSUING: {}}  # by serial
        self._lists = {}  # name -> (DER, end of its first half)

    def apply(self, record):
        kind = record["record"]
        if kind == "revocation":
            serial = int(record["serial"], 16)
            self.revocations[record["authority"]][serial] = Revocation(
                serial, datetime.datetime.fromisoformat(record["time"]), record["reason"])
            return
        certificate = x509.Certificate.load(base64.b64decode(record["certificate"]))
        if kind == "authority":
            self.authorities[record["name"]] = Held(certificate, record["key"])
        elif kind == "certificate":
            held = Held(certificate, record["key"], record["agency"], record["officer"],
                        record["purpose"], record["authority"])
            self.certificates[held.serial] = held
            if held.purpose == "signing":
                self._signing[held.agency, held.officer] = held
        else:
            raise ValueError(f"unknown record {kind!r}")

    def _keep(self, records, record):
        self.apply(record)
        records.append(record)

    def found(self):
        """Makes root and issuing authority where there are none, and the first lists."""
        records = []
        if ISSUING not in self.authorities:
            self._make_pair(records, ROOT, ISSUING)
        for name in (ROOT, ISSUING):
            self._write("ca", f"{name}.pem", self.pem(name))
            self.publish(name)
        return records

    def _make_pair(self, records, root, issuing):
        for name, issuer in ((root, root), (issuing, root)):
            key = self._token.generate(self._key_kind)
            public_key = self._token.public_key(key)
            plain = ROOT if name in (ROOT, FOREIGN[ROOT]) else ISSUING
            subject = forms.name({"country_name": "VN", "organization_name": "Government (simulated)",
                                  "common_name": NAMES[plain]})
            above = self.authorities.get(issuer)
            certificate = forms.certificate(
                self._token, subject=subject, public_key=public_key,
                issuer=above.certificate.subject if above else subject,
                issuer_public_key=above.certificate.public_key if above else public_key,
                issuer_key=above.key if above else key, serial=new_serial(),
                begin=now() + CA_BEGIN, end=now() + CA_END, usage=forms.CA_USAGE,
                path_length=0 if plain == ISSUING else 1,
                crl_url=self._crl_url(ROOT) if plain == ISSUING else "")
            self._keep(records, {"record": "authority", "name": name, "key": key,
                                 "certificate": encode(certificate.dump())})

    def _crl_url(self, name):
        return f"{self._public_url}/crl/{name}.crl" if self._public_url else ""

    def pem(self, name):
        return pem.armor("CERTIFICATE", self.authorities[name].certificate.dump())

    def issuer_of(self, held):
        return self.authorities[held.authority]

    def signing(self, agency, officer, person):
        """The certificate that signs; made at the first need. Returns it and the new records."""
        held = self._signing.get((agency["code"], officer))
        return (held, []) if held else self.issue(agency, officer, person, "signing")

    def issue(self, agency, officer, person, purpose):
        """A new certificate; all of an officer but the first one share a key."""
        if len(self.certificates) >= MAX_CERTIFICATES:
            raise LimitError(f"{MAX_CERTIFICATES} certificates")
        records = []
        authority = ISSUING
        if purpose == "foreign_authority":
            authority = FOREIGN[ISSUING]
            if authority not in self.authorities:
                self._make_pair(records, FOREIGN[ROOT], authority)
        before = self._signing.get((agency["code"], officer))
        key = before.key if before else self._token.generate(self._key_kind)
        begin, end, usage = PURPOSES[purpose]
        issuer = self.authorities[authority]
        certificate = forms.certificate(
            self._token, subject=forms.name({
                "country_name": "VN", "state_or_province_name": "Cà Mau",
                "organization_name": agency["name"], "organization_identifier": agency["code"],
                "common_name": person or agency["name"], "user_id": officer}),
            public_key=self._token.public_key(key), issuer=issuer.certificate.subject,
            issuer_public_key=issuer.certificate.public_key, issuer_key=issuer.key,
            serial=new_serial(), begin=now() + begin, end=now() + end, usage=usage,
            crl_url=self._crl_url(ISSUING))
        self._keep(records, {
            "record": "certificate", "serial": f"{certificate.serial_number:x}",
            "agency": agency["code"], "officer": officer, "purpose": purpose,
            "authority": authority, "key": key, "certificate": encode(certificate.dump())})
        held = self.certificates[f"{certificate.serial_number:x}"]
        if purpose == "revoked_certificate":
            records += self.revoke(held.serial, now() - DAY / 24, "key_compromise")
        return held, records

    def revoke(self, serial, time, reason):
        """Revokes a certificate of an agency or of the issuing authority and publishes the list.
        KeyError when there is no such certificate."""
        authority = ROOT
        if int(serial, 16) != self.authorities[ISSUING].certificate.serial_number:
            held = self.certificates[serial]
            if held.authority != ISSUING:
                raise KeyError(serial)
            authority = ISSUING
        records = []
        self._keep(records, {"record": "revocation", "authority": authority, "serial": serial,
                             "time": time.isoformat(), "reason": reason})
        self.publish(authority)
        return records

    def publish(self, name):
        begin = now()
        der = self._list(name, self.authorities[name].key, begin, begin + self._crl_life)
        self._lists[name] = (der, begin + self._crl_life / 2)
        self._write("crl", f"{name}.crl", der)

    def publish_due(self):
        """New lists where half of the life of the old one is over."""
        for name, (_, due) in list(self._lists.items()):
            if now() >= due:
                self.publish(name)

    def revocation_list(self, name, fault=None):
        """The list as it is fetched, DER; with a fault, a bad one that is published nowhere else."""
        begin = now()
        if fault == "stale":
            return self._list(name, self.authorities[name].key, begin - 2 * DAY, begin - DAY)
        if fault == "foreign":
            key = self._token.generate(self._key_kind)
            return self._list(name, key, begin, begin + self._crl_life)
        self.publish_due()
        der = self._lists[name][0]
        return der[:-1] + bytes([der[-1] ^ 1]) if fault == "tampered" else der

    def _list(self, name, key, begin, end):
        entries = [(one.serial, one.time, one.reason) for one in self.revocations[name].values()]
        # Microseconds: it grows with every list, restarts included.
        return forms.revocation_list(
            self._token, issuer=self.authorities[name].certificate, issuer_key=key, begin=begin,
            end=end, number=int(begin.timestamp() * 1_000_000), entries=entries).dump()

    def _write(self, folder, file_name, content):
        folder = os.path.join(self._directory, folder)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, file_name)
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.replace(path + ".new", path)


def new_serial():
    return secrets.randbits(126) | 1 << 126  # positive, 16 bytes
