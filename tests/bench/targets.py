"""The processes of a benchmark: an nginx origin, nginx and HAProxy tuned as peers, and understudy."""
import json
import os
import resource
import signal
import socket
import subprocess
import time

MIB = 1 << 20
FILES = {"1m": MIB, "100m": 100 * MIB}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Ports:
    """Loopback ports of one run. `big` listeners are tuned for large bodies where a proxy needs that."""

    def __init__(self):
        names = ("origin origin_again nginx nginx_big nginx_tls haproxy haproxy_big haproxy_tls "
                 "understudy understudy_tls understudy_admin understudy_log understudy_log_admin").split()
        for name in names:
            setattr(self, name, free_port())


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_fixtures(run):
    """Bodies and a certificate. `run` is kept from one benchmark to the next."""
    www = os.path.join(run, "www")
    os.makedirs(www, exist_ok=True)
    for name, size in FILES.items():
        path = os.path.join(www, name)
        if not os.path.exists(path) or os.path.getsize(path) != size:
            with open(path, "wb") as file:
                for _ in range(size // MIB):
                    file.write(os.urandom(MIB))
    pem = os.path.join(run, "both.pem")
    if not os.path.exists(pem):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-keyout", f"{run}/key.pem",
                        "-out", f"{run}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
        with open(f"{run}/cert.pem", encoding="ascii") as cert, open(f"{run}/key.pem", encoding="ascii") as key:
            write(pem, cert.read() + key.read())
        os.chmod(pem, 0o600)


def _nginx(run, name, body, http, single=False):
    user = "user root;" if os.geteuid() == 0 else ""  # its workers must be able to read the run folder
    return f"""{user} daemon off; worker_processes 1; {'master_process off;' if single else ''}
error_log {run}/{name}.log warn; pid {run}/{name}.pid;
events {{ worker_connections 15000; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off;
  keepalive_timeout 600s; keepalive_requests 100000000; client_max_body_size 0;
  client_body_temp_path {run}/{name}.t1; proxy_temp_path {run}/{name}.t2; fastcgi_temp_path {run}/{name}.t3;
  uwsgi_temp_path {run}/{name}.t4; scgi_temp_path {run}/{name}.t5;
  {http}
{body}
}}
"""


def plain_json(size):
    text = '{"items": ["' + "a value of an app\", \"" * (size // 20) + '"]}'
    return text


def payload(port, instance="$request_id"):
    """A check-status payload as the built-in start route writes it; by default of a new instance (32 hex digits)."""
    query = "taskHub=Orders&connection=Storage&code=0123456789abcdef0123456789abcdef0123456789abcdef012345=="
    url = f"http://127.0.0.1:{port}/runtime/webhooks/durabletask/instances/{instance}"
    return json.dumps({"id": instance, "statusQueryGetUri": f"{url}?{query}",
                       "sendEventPostUri": f"{url}/raiseEvent/{{eventName}}?{query}",
                       "terminatePostUri": f"{url}/terminate?reason={{text}}&{query}",
                       "purgeHistoryDeleteUri": f"{url}?{query}", "restartPostUri": f"{url}/restart?{query}",
                       "suspendPostUri": f"{url}/suspend?reason={{text}}&{query}",
                       "resumePostUri": f"{url}/resume?reason={{text}}&{query}"})


def origin_config(run, ports):
    # /upload reads the whole body before it answers, /small answers at once and discards it.
    body = "0123456789abcdef" * 64
    server = f"""    root {run}/www;
    location = /small {{ default_type text/plain; return 200 "{body}"; }}
    location = /json {{ default_type application/json; return 200 '{plain_json(1024)}'; }}
    location /runtime/ {{ default_type application/json; return 202 '{payload(ports.origin)}'; }}
    location ~ ^/runtime/webhooks/durabletask/orchestrators/[^/]+/(?<instance>[^/]+)$ {{
      default_type application/json; return 202 '{payload(ports.origin, "$instance")}'; }}
    location /as-text/ {{ default_type text/plain; return 202 '{payload(ports.origin)}'; }}
    location = /upload {{ client_body_buffer_size 2m; proxy_pass_request_body off; proxy_method GET;
      proxy_set_header Content-Length ""; proxy_pass http://127.0.0.1:{ports.origin}/small; }}
    location / {{ default_type application/octet-stream; }}"""
    return _nginx(run, "origin", f"""  server {{
    listen 127.0.0.1:{ports.origin} reuseport backlog=4096;
    listen 127.0.0.1:{ports.origin_again} reuseport backlog=4096;
{server}
  }}""", "")


def nginx_config(run, ports, single=False):
    location = """location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_max_temp_file_size 0; %s }"""
    big = "proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 256k;"
    return _nginx(run, "nginx", f"""  upstream origin {{ server 127.0.0.1:{ports.origin};
    keepalive 256; keepalive_requests 100000000; keepalive_timeout 600s; }}
  server {{ listen 127.0.0.1:{ports.nginx} reuseport backlog=4096;
    {location % ''} }}
  server {{ listen 127.0.0.1:{ports.nginx_big} reuseport backlog=4096;
    client_body_buffer_size 256k; proxy_request_buffering off;
    {location % big} }}
  server {{ listen 127.0.0.1:{ports.nginx_tls} ssl reuseport backlog=4096;
    ssl_certificate {run}/cert.pem; ssl_certificate_key {run}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    {location % ''} }}""", "", single)


def haproxy_config(run, ports):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return f"""global
  nbthread 1
  fd-hard-limit {min(files, 20000) - 10}
  maxconn {min(files, 20000) // 2 - 400}
  maxpipes 16
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  no log
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  timeout http-request 600s
  option http-keep-alive
  option forwardfor
  http-reuse always
frontend small
  bind 127.0.0.1:{ports.haproxy} backlog 4096
  bind 127.0.0.1:{ports.haproxy_tls} ssl crt {run}/both.pem alpn http/1.1 backlog 4096
  default_backend origin
frontend big
  bind 127.0.0.1:{ports.haproxy_big} backlog 4096
  default_backend origin_spliced
backend origin
  server origin 127.0.0.1:{ports.origin} pool-max-conn 512 pool-purge-delay 600s
backend origin_spliced
  option splice-auto
  server origin 127.0.0.1:{ports.origin} pool-max-conn 512 pool-purge-delay 600s
"""


def understudy_config(run, ports, access_log=False):
    suffix = "_log" if access_log else ""
    listen = [{"address": f"127.0.0.1:{getattr(ports, 'understudy' + suffix)}"}]
    if not access_log:
        listen.append({"address": f"127.0.0.1:{ports.understudy_tls}",
                       "tls": {"certificate": f"{run}/cert.pem", "key": f"{run}/key.pem"}})
    log = {"access": access_log, "level": "warning"}
    if access_log:
        log["file"] = f"{run}/access.log"
    return json.dumps({
        "profile": "bench",
        "listen": listen,
        "admin": {"address": f"127.0.0.1:{getattr(ports, f'understudy{suffix}_admin')}"},
        "endpoints": [
            {"name": "primary", "url": f"http://127.0.0.1:{ports.origin}", "priority": 1},
            {"name": "secondary", "url": f"http://127.0.0.1:{ports.origin_again}", "priority": 2}],
        "probe": {"path": "/small", "interval": "10s", "timeout": "5s"},
        "stickiness": {"ttl": "10s", "client": "address"},
        "durable": {"task_hub": "shared"},
        "timeouts": {"idle": "600s", "upstream_idle": "600s"},
        "limits": {"connections": 15000, "in_flight": 15000, "per_endpoint": 15000},
        "log": log,
    }, indent=2)


def tree(pid):
    """A process and all its descendants."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                    todo += map(int, children.read().split())
        except OSError:
            pass
    return found


def cpu_seconds(pid):
    """What the scheduler gave a process tree, to the nanosecond."""
    total = 0
    for member in tree(pid):
        try:
            for task in os.listdir(f"/proc/{member}/task"):
                with open(f"/proc/{member}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        except OSError:
            pass
    return total / 1e9


def resident_bytes(pid):
    total = 0
    for member in tree(pid):
        with open(f"/proc/{member}/smaps_rollup", encoding="ascii") as file:
            total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))
    return total


class Process:
    """A server bound to one core, started with its port closed and handed over with it open."""

    def __init__(self, name, command, core, port, log, seconds=15):
        self.name, self.port = name, port
        with open(log, "w", encoding="utf-8") as output:
            self.child = subprocess.Popen(["taskset", "-c", str(core)] + command, stdout=output,
                                          stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self.child.pid
        deadline = time.monotonic() + seconds
        while not self._listens():
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.kill()
                with open(log, encoding="utf-8", errors="replace") as file:
                    raise RuntimeError(f"{name} does not listen on port {port}:\n{file.read()[-2000:]}")
            time.sleep(0.05)

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def terminate(self, seconds=60):
        """A graceful end, which valgrind needs to write its figures."""
        self.child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.child.poll() is None:
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.name} did not end on SIGTERM")
            try:
                self.child.wait(1)
            except subprocess.TimeoutExpired:
                # nginx without a master looks at its flag between two events: a signal that came
                # just before it waited is seen with the next connection.
                self._listens()

    def kill(self):
        for pid in tree(self.pid):  # parents first: a master would replace a killed worker
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.child.wait()
