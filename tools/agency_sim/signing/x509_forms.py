"""Forms of RFC 5280 and RFC 5652, signed by the token: certificates, revocation lists, CMS."""

import datetime
import hashlib

from asn1crypto import algos, cms, core, crl, tsp, x509

CA_USAGE = {"key_cert_sign", "crl_sign"}
SIGNER_USAGE = {"digital_signature", "non_repudiation"}
UTC = datetime.timezone.utc


def time(value, form=x509.Time):
    """UTCTime until 2049, as RFC 5280 and RFC 5652 demand; whole seconds."""
    value = value.astimezone(UTC).replace(microsecond=0)
    return form("utc_time" if value.year < 2050 else "general_time", value)


def name(parts):
    return x509.Name.build({key: value for key, value in parts.items() if value})


def key_hash(public_key):
    return hashlib.sha1(bytes(public_key["public_key"])).digest()  # RFC 5280 4.2.1.2: a name only


def extension(kind, value, critical=False):
    return {"extn_id": kind, "critical": critical, "extn_value": value}


def certificate(token, *, subject, public_key, issuer, issuer_public_key, issuer_key, serial,
                begin, end, usage, path_length=None, crl_url=""):
    """`usage` of a CA makes it one. Returns x509.Certificate."""
    is_ca = "key_cert_sign" in usage
    extensions = [
        extension("basic_constraints", {"ca": is_ca, "path_len_constraint": path_length}, True),
        extension("key_usage", usage, True),
        extension("key_identifier", key_hash(public_key)),
        extension("authority_key_identifier", {"key_identifier": key_hash(issuer_public_key)}),
    ]
    if crl_url:
        point = {"distribution_point": x509.DistributionPointName(
            "full_name", [x509.GeneralName("uniform_resource_identifier", crl_url)])}
        extensions.append(extension("crl_distribution_points", [point]))
    algorithm = {"algorithm": token.algorithm(issuer_key)}
    tbs = x509.TbsCertificate({
        "version": "v3", "serial_number": serial, "signature": algorithm, "issuer": issuer,
        "validity": {"not_before": time(begin), "not_after": time(end)},
        "subject": subject, "subject_public_key_info": public_key, "extensions": extensions})
    return x509.Certificate({"tbs_certificate": tbs, "signature_algorithm": algorithm,
                             "signature_value": token.sign(issuer_key, tbs.dump())})


def revocation_list(token, *, issuer, issuer_key, begin, end, number, entries):
    """`entries`: serial, time, reason (a name of RFC 5280). Returns crl.CertificateList."""
    algorithm = {"algorithm": token.algorithm(issuer_key)}
    tbs = crl.TbsCertList({
        "version": "v2", "signature": algorithm, "issuer": issuer.subject,
        "this_update": time(begin), "next_update": time(end),
        "revoked_certificates": [{
            "user_certificate": serial, "revocation_date": time(when),
            "crl_entry_extensions": [extension("crl_reason", reason)],
        } for serial, when, reason in entries] or None,
        "crl_extensions": [
            extension("crl_number", number),
            extension("authority_key_identifier",
                      {"key_identifier": key_hash(issuer.public_key)})]})
    return crl.CertificateList({"tbs_cert_list": tbs, "signature_algorithm": algorithm,
                                "signature": token.sign(issuer_key, tbs.dump())})


def signed_data(token, *, signer, key, digest, signing_time, named, others):
    """A detached SignedData (CAdES-B) over `digest`, a SHA-256. `named` is the certificate that
    signing-certificate-v2 names; `others` go along. Returns cms.ContentInfo."""
    named_id = tsp.ESSCertIDv2({
        "hash_algorithm": {"algorithm": "sha256"},
        "cert_hash": hashlib.sha256(named.dump()).digest(),
        "issuer_serial": {"issuer": [x509.GeneralName("directory_name", named.issuer)],
                          "serial_number": named.serial_number}})
    attributes = cms.CMSAttributes([
        cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
        cms.CMSAttribute({"type": "signing_time", "values": [time(signing_time, cms.Time)]}),
        cms.CMSAttribute({"type": "message_digest", "values": [digest]}),
        cms.CMSAttribute({"type": "signing_certificate_v2",
                          "values": [tsp.SigningCertificateV2({"certs": [named_id]})]})])
    hash_algorithm = algos.DigestAlgorithm({"algorithm": "sha256"})
    algorithm = token.algorithm(key).replace("sha256_rsa", "rsassa_pkcs1v15")
    info = cms.SignerInfo({
        "version": "v1",
        "sid": cms.SignerIdentifier("issuer_and_serial_number", {
            "issuer": signer.issuer, "serial_number": signer.serial_number}),
        "digest_algorithm": hash_algorithm, "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": algorithm},
        "signature": token.sign(key, attributes.dump())})
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": "v1", "digest_algorithms": [hash_algorithm],
        "encap_content_info": {"content_type": "data"},
        "certificates": [cms.CertificateChoices("certificate", one) for one in (signer, *others)],
        "signer_infos": [info]})})


def tampered(content_info):
    """The same CMS with the last bit of its signature turned."""
    info = content_info["content"]["signer_infos"][0]
    value = bytearray(info["signature"].native)
    value[-1] ^= 1
    info["signature"] = core.OctetString(bytes(value))
    return content_info.copy()
