"""The token that holds every private key: SoftHSM 2 by PKCS #11. No key ever leaves it."""

import hashlib
import os
import secrets

import PyKCS11
from asn1crypto import algos, core, keys

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so")
LABEL = "agency_sim"
P256 = bytes.fromhex("06082a8648ce3d030107")  # OID prime256v1, DER
KINDS = ("ec", "rsa")
RSA_BITS = 2048


class TokenError(Exception):
    """The token cannot be opened, or lacks a key that the journal names."""


class Token:
    def __init__(self, directory):
        tokens = os.path.join(directory, "tokens")
        os.makedirs(tokens, mode=0o700, exist_ok=True)
        config = os.path.join(directory, "softhsm2.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n"
                       "log.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = config  # read by the module when it is loaded
        module = next((path for path in MODULES if os.path.exists(path)), None)
        if module is None:
            raise TokenError("no SoftHSM module: install the package softhsm2")
        self._library = PyKCS11.PyKCS11Lib()
        self._keys = {}
        try:
            self._library.load(module)
            self._session = self._open(_pin(directory))
        except PyKCS11.PyKCS11Error as error:
            raise TokenError(f"{tokens}: {error}") from error

    def _open(self, pin):
        flags = PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION
        slot = self._slot()
        if slot is None:
            self._library.initToken(self._library.getSlotList(tokenPresent=True)[-1], pin, LABEL)
            session = self._library.openSession(self._slot(), flags)
            session.login(pin, PyKCS11.CKU_SO)
            session.initPin(pin)
            session.logout()
        else:
            session = self._library.openSession(slot, flags)
        session.login(pin)
        return session

    def _slot(self):
        for slot in self._library.getSlotList(tokenPresent=True):
            if self._library.getTokenInfo(slot).label.rstrip(" \0") == LABEL:
                return slot
        return None

    def generate(self, kind):
        """Makes a key pair; returns the id by which it is found, after a restart too."""
        key_id = secrets.token_hex(8)
        shared = [(PyKCS11.CKA_TOKEN, PyKCS11.CK_TRUE), (PyKCS11.CKA_LABEL, key_id)]
        public = [*shared, (PyKCS11.CKA_PRIVATE, PyKCS11.CK_FALSE),
                  (PyKCS11.CKA_VERIFY, PyKCS11.CK_TRUE)]
        private = [*shared, (PyKCS11.CKA_PRIVATE, PyKCS11.CK_TRUE),
                   (PyKCS11.CKA_SENSITIVE, PyKCS11.CK_TRUE),
                   (PyKCS11.CKA_EXTRACTABLE, PyKCS11.CK_FALSE),
                   (PyKCS11.CKA_SIGN, PyKCS11.CK_TRUE)]
        if kind == "rsa":
            public += [(PyKCS11.CKA_MODULUS_BITS, RSA_BITS),
                       (PyKCS11.CKA_PUBLIC_EXPONENT, (1, 0, 1))]
            mechanism = PyKCS11.CKM_RSA_PKCS_KEY_PAIR_GEN
        else:
            public.append((PyKCS11.CKA_EC_PARAMS, P256))
            mechanism = PyKCS11.CKM_EC_KEY_PAIR_GEN
        self._session.generateKeyPair(public, private, mecha=PyKCS11.Mechanism(mechanism, None))
        return key_id

    def public_key(self, key_id):
        """The SubjectPublicKeyInfo."""
        public, _, is_rsa = self._pair(key_id)
        if is_rsa:
            modulus, exponent = self._session.getAttributeValue(
                public, [PyKCS11.CKA_MODULUS, PyKCS11.CKA_PUBLIC_EXPONENT])
            key = keys.RSAPublicKey({"modulus": int.from_bytes(bytes(modulus), "big"),
                                     "public_exponent": int.from_bytes(bytes(exponent), "big")})
            return keys.PublicKeyInfo({"algorithm": {"algorithm": "rsa", "parameters": core.Null()},
                                       "public_key": key})
        point, = self._session.getAttributeValue(public, [PyKCS11.CKA_EC_POINT])
        return keys.PublicKeyInfo({
            "algorithm": {"algorithm": "ec",
                          "parameters": keys.ECDomainParameters("named", "secp256r1")},
            "public_key": keys.ECPointBitString(core.OctetString.load(bytes(point)).native)})

    def algorithm(self, key_id):
        """The name of the signature algorithm, as asn1crypto has it."""
        return "sha256_rsa" if self._pair(key_id)[2] else "sha256_ecdsa"

    def sign(self, key_id, data):
        """The signature over `data`, as it stands in X.509 and CMS."""
        _, private, is_rsa = self._pair(key_id)
        if is_rsa:
            return bytes(self._session.sign(
                private, data, PyKCS11.Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS, None)))
        raw = bytes(self._session.sign(private, hashlib.sha256(data).digest(),
                                       PyKCS11.Mechanism(PyKCS11.CKM_ECDSA, None)))
        half = len(raw) // 2
        return algos.DSASignature({"r": int.from_bytes(raw[:half], "big"),
                                   "s": int.from_bytes(raw[half:], "big")}).dump()

    def _pair(self, key_id):
        if key_id not in self._keys:
            found = []
            for kind in (PyKCS11.CKO_PUBLIC_KEY, PyKCS11.CKO_PRIVATE_KEY):
                objects = self._session.findObjects([(PyKCS11.CKA_CLASS, kind),
                                                     (PyKCS11.CKA_LABEL, key_id)])
                if len(objects) != 1:
                    raise TokenError(f"the token has not just one key {key_id}")
                found.append(objects[0])
            key_type, = self._session.getAttributeValue(found[0], [PyKCS11.CKA_KEY_TYPE])
            self._keys[key_id] = (*found, key_type == PyKCS11.CKK_RSA)
        return self._keys[key_id]


def _pin(directory):
    path = os.path.join(directory, "pin")
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        pin = secrets.token_hex(16)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w",
                  encoding="ascii") as file:
            file.write(pin)
            file.flush()
            os.fsync(file.fileno())
        return pin
