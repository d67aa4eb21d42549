"""What the bench `exchange` compares: each a process with one worker, on a core of its own, before the same upstream.

Every proxy gets what makes it fast here: connections to the upstream stay open, the windows and buffers that cost it
least, no access log but in `envoy_full`.
"""

import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import time

import exchange_files
import journey
import proxies_envoy

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNPACKED = ROOT / ".cache" / "bench" / "debian"
START_SECONDS, STOP_SECONDS = 30, 30
POLL_SECONDS = 0.02
LOG_LINES = 20
STREAM_WINDOW, CONNECTION_WINDOW = 256 * 1024, 4 * 1024 * 1024
# As many as the load has calls at a time, and more: nginx has one call at a time on a connection.
NGINX_KEEPALIVE = 512
# HAProxy stands still when a stream sends more than one of its buffers holds, and they are of 16 KiB otherwise.
HAPROXY_BUFFER = 64 * 1024
# Of a connection: more than any round has.
CALLS_FOR_EVER = 10**9


def cores():
    """The proxy's, and the one of load and upstream."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        raise journey.BenchError("two cores are wanted: one for the proxy, one for load and upstream")
    return found[0], found[1]


def on_core(core, command):
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", str(core), *map(str, command)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a proxy is started: an own folder, its port, that of the upstream, and certificates, or None for h2c."""
    folder: pathlib.Path
    port: int
    upstream: int
    certificates: exchange_files.Certificates | None


class Running:
    """A process that listens; ready when made. Use `stop`."""

    def __init__(self, name, core, command, folder, port, environment=None):
        """`port`: a number, or the field of the gateway's log that has it."""
        self.name, self.port, self.log = name, port, folder / f"{name}.log"
        with open(self.log, "wb") as log:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(on_core(core, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=folder, env={**os.environ, **(environment or {})})
        try:
            self.wait(self.told_port if isinstance(port, str) else self.listens)
        except BaseException:
            self.stop()
            raise

    def wait(self, condition):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise journey.BenchError(f"{self.name} did not start\n{self.end_of_log()}")
            time.sleep(POLL_SECONDS)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def told_port(self):
        """The gateway says which ports it was given."""
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if '"message":"ready"' in line:
                self.port = int(json.loads(line)[self.port])
                return True
        return False

    def end_of_log(self):
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])

    def pids(self):
        """Its own and those of its children."""
        found = [self.process.pid]
        for pid in found:
            for file in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, file.read_text(encoding="ascii").split())
        return found

    def stop(self):
        if self.process.poll() is not None:
            return
        children = self.pids()[1:]
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in children:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass  # it has ended with its parent


def write(file, text):
    file.write_text(text, encoding="utf-8")
    return file


def nghttpx(place):
    # Its own windows of 64 KiB cost it less than larger ones.
    command = ["nghttpx", "--conf=/dev/null", "--workers=1", "--accesslog-file=/dev/null", "--errorlog-file=/dev/stderr",
               "--log-level=WARN", f"--pid-file={place.folder}/nghttpx.pid", "--no-ocsp"]
    front, back, files = f"127.0.0.1,{place.port}", f"127.0.0.1,{place.upstream};;proto=h2", []
    if place.certificates is None:
        front += ";no-tls"
    else:
        back += ";tls;sni=localhost"
        made = place.certificates
        command += ["--tls-min-proto-version=TLSv1.3", "--tls-max-proto-version=TLSv1.3", "--verify-client",
                    f"--verify-client-cacert={made.authority}", f"--cacert={made.authority}",
                    f"--client-cert-file={made.certificate('gateway')}",
                    f"--client-private-key-file={made.key('gateway')}"]
        files = [made.key("gateway"), made.certificate("gateway")]
    return [*command, f"--frontend={front}", f"--backend={back}", *files], {}


def haproxy(place):
    front, back = "proto h2", "proto h2"
    if place.certificates is not None:
        made = place.certificates
        front = f"ssl crt {made.both('gateway')} alpn h2 ca-file {made.authority} verify required ssl-min-ver TLSv1.3"
        back = (f"ssl alpn h2 ca-file {made.authority} verify required crt {made.both('gateway')} ssl-min-ver TLSv1.3 "
                "verifyhost localhost")
    config = f"""
global
  nbthread 1
  maxconn 2000
  tune.bufsize {HAPROXY_BUFFER}
  tune.h2.initial-window-size {HAPROXY_BUFFER - 1024}
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend load
  bind 127.0.0.1:{place.port} {front}
  default_backend upstream
backend upstream
  server one 127.0.0.1:{place.upstream} {back}
"""
    # Its scripting language and its tracing are libraries beside it.
    libraries = ":".join(map(str, (UNPACKED / "usr" / "lib").glob("*-linux-gnu")))
    return ([UNPACKED / "usr" / "sbin" / "haproxy", "-db", "-f", write(place.folder / "haproxy.cfg", config)],
            {"LD_LIBRARY_PATH": libraries})


def nginx(place):
    front, back, scheme = "", "", "grpc"
    if place.certificates is not None:
        made = place.certificates
        scheme = "grpcs"
        front = f"""ssl_certificate {made.certificate('gateway')}; ssl_certificate_key {made.key('gateway')};
    ssl_client_certificate {made.authority}; ssl_verify_client on; ssl_protocols TLSv1.3;"""
        back = f"""grpc_ssl_certificate {made.certificate('gateway')}; grpc_ssl_certificate_key {made.key('gateway')};
      grpc_ssl_trusted_certificate {made.authority}; grpc_ssl_verify on; grpc_ssl_name localhost;
      grpc_ssl_protocols TLSv1.3;"""
    user = "user root;" if os.geteuid() == 0 else ""
    config = f"""
{user} daemon off; worker_processes 1; error_log stderr crit; pid {place.folder}/nginx.pid;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {place.folder}; proxy_temp_path {place.folder}; fastcgi_temp_path {place.folder};
  uwsgi_temp_path {place.folder}; scgi_temp_path {place.folder};
  client_max_body_size 0; http2_body_preread_size {STREAM_WINDOW}; keepalive_requests {CALLS_FOR_EVER};
  upstream echo {{
    server 127.0.0.1:{place.upstream};
    keepalive {NGINX_KEEPALIVE}; keepalive_requests {CALLS_FOR_EVER}; keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{place.port} {'ssl ' if front else ''}http2 backlog=1024;
    {front}
    location / {{
      {back}
      grpc_socket_keepalive on; grpc_pass {scheme}://echo;
    }}
  }}
}}
"""
    return [UNPACKED / "usr" / "sbin" / "nginx", "-p", place.folder, "-e", "stderr", "-c",
            write(place.folder / "nginx.conf", config)], {}


def envoy(place, full=None):
    """`full`: what verifies the tokens, for Envoy with all that it does in our place."""
    config = proxies_envoy.config(place, STREAM_WINDOW, CONNECTION_WINDOW, full)
    # Its program itself, not the script that starts it.
    programs = sorted((ROOT / ".cache" / "bench" / "envoy" / "lib").glob("python3*/site-packages/envoy/_bin/envoy"))
    if not programs:
        raise journey.BenchError("Envoy is missing: tools/bench/fetch")
    return [programs[0], "--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "--config-path",
            write(place.folder / "envoy.json", json.dumps(config, indent=1))], {}


COMMANDS = {"nghttpx": nghttpx, "haproxy": haproxy, "nginx": nginx, "envoy": envoy}


def start(name, place, jwks):
    """One of COMMANDS, or `envoy_full` with what verifies its tokens."""
    command, environment = envoy(place, jwks) if name == "envoy_full" else COMMANDS[name](place)
    return Running(name, cores()[0], command, place.folder, place.port, environment)


def start_gateway(name, build, place, agreements=100):
    """`bare` or `complete`: the gateway with a folder made for it. The ports are its own choice."""
    folder = place.folder / "data"
    command = [build / "bin" / "lgsp-bench-exchange-setup", f"--folder={folder}",
               f"--upstream=127.0.0.1:{place.upstream}", f"--agreements={agreements}"]
    if name == "bare":
        command.append("--bare")
    if place.certificates is not None:
        command += [f"--certificates={place.certificates.folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise journey.BenchError(f"lgsp-bench-exchange-setup: exit {done.returncode}\n{done.stderr}")
    return Running(name, cores()[0], [build / "bin" / "lgsp-gateway", f"--config={folder}/gateway.textproto"],
                   place.folder, "h2c_port" if place.certificates is None else "port")


def start_upstream(build, folder, certificates):
    port = free_port()
    arguments = certificates.arguments("upstream") if certificates else []
    return Running("upstream", cores()[1], [build / "bin" / "lgsp-bench-exchange-upstream", f"--port={port}", *arguments],
                   folder, port)
