"""The configuration of Envoy: bare, or with tokens verified, access decided and every call in its log."""

import exchange_files

TYPES = "type.googleapis.com/envoy"
HTTP = f"{TYPES}.extensions.filters.http"
TLS = f"{TYPES}.extensions.transport_sockets.tls.v3"
# As many as calls at a time on one connection of the load, and more.
STREAMS = 1000
# Tokens whose signature it need not verify again: all.
CACHED_TOKENS = 2 * exchange_files.TOKENS


def http2(stream_window, connection_window):
    return {"max_concurrent_streams": STREAMS, "initial_stream_window_size": stream_window,
            "initial_connection_window_size": connection_window}


def tls(certificates, kind):
    """The side towards the load (`Downstream`) or the upstream (`Upstream`)."""
    common = {"alpn_protocols": ["h2"],
              "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
              "tls_certificates": [{"certificate_chain": {"filename": str(certificates.certificate("gateway"))},
                                    "private_key": {"filename": str(certificates.key("gateway"))}}],
              "validation_context": {"trusted_ca": {"filename": str(certificates.authority)}}}
    context = {"@type": f"{TLS}.{kind}TlsContext", "common_tls_context": common}
    if kind == "Downstream":
        context["require_client_certificate"] = True
    else:
        context["sni"] = "localhost"
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def verify_tokens(jwks):
    provider = {"issuer": exchange_files.ISSUER, "local_jwks": {"inline_string": jwks}, "payload_in_metadata": "token",
                "jwt_cache_config": {"jwt_cache_size": CACHED_TOKENS}}
    return {"name": "envoy.filters.http.jwt_authn",
            "typed_config": {"@type": f"{HTTP}.jwt_authn.v3.JwtAuthentication", "providers": {"bench": provider},
                             "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}]}}


def decide_access():
    """By what the token says and by the path; a policy for each agreement would cost it more."""
    principal = {"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": [{"key": "token"}, {"key": "iss"}],
                              "value": {"string_match": {"exact": exchange_files.ISSUER}}}}
    permission = {"url_path": {"path": {"prefix": "/lgsp."}}}
    return {"name": "envoy.filters.http.rbac",
            "typed_config": {"@type": f"{HTTP}.rbac.v3.RBAC",
                             "rules": {"action": "ALLOW", "policies": {
                                 "agreements": {"permissions": [permission], "principals": [principal]}}}}}


def connection_manager(place, protocol, jwks):
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{HTTP}.router.v3.Router"}}
    # No deadline: the bench has none elsewhere either.
    route = {"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "0s"}}
    manager = {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "load", "codec_type": "HTTP2", "http2_protocol_options": protocol,
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [*([verify_tokens(jwks), decide_access()] if jwks else []), router]}
    if jwks:
        manager["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": {
            "@type": f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(place.folder / "access.log")}}]
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}


def config(place, stream_window, connection_window, jwks):
    protocol = http2(stream_window, connection_window)
    chain = {"filters": [connection_manager(place, protocol, jwks)]}
    cluster = {
        "name": "upstream", "type": "STATIC", "connect_timeout": "5s",
        # Its limit of 1,024 requests at a time stays out of the way.
        "circuit_breakers": {"thresholds": [{"max_requests": 100_000, "max_pending_requests": 100_000}]},
        "load_assignment": {"cluster_name": "upstream", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": address(place.upstream)}}]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": protocol}}}}
    if place.certificates is not None:
        chain.update(tls(place.certificates, "Downstream"))
        cluster.update(tls(place.certificates, "Upstream"))
    listener = {"name": "load", "address": address(place.port), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
