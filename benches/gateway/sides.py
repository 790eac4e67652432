"""The sides: nginx, ours and HAProxy before one replica. Started here, and ended by their own pids."""

import pathlib, shutil, signal, socket, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
UPSTREAM = 18081
PORTS = {
    "nginx": {"http": 18082, "https": 18083},
    "ours": {"http": 18084, "https": 18085},
    "haproxy": {"http": 18086, "https": 18087},
}
NAMES = tuple(PORTS)
FEATURES = ("x-request-id", "x-content-type-options", "content-security-policy", "access-control-allow-origin")


def url(name, scheme):
    return f"{scheme}://127.0.0.1:{PORTS[name][scheme]}/api/x"


def refuse_leftovers():
    """With SO_REUSEPORT a leftover would silently take a share of the connections."""
    for port in (UPSTREAM, *(port for ports in PORTS.values() for port in ports.values())):
        with socket.socket() as probe:
            # Connections of an earlier run that still wait for their end are no listener.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                sys.exit(f"port {port} is taken: end whoever listens there (ss -ltnp), or every figure is wrong")


def wait_for(port, process, said):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"nobody answers on port {port}; {process.args[0]} said:\n{said.read_text()}")


class Sides:
    """All of them, while the `with` lasts; `pids` by name."""

    def __init__(self, folder, binary):
        self.folder, self.binary, self.running, self.pids = folder, binary, [], {}

    def __enter__(self):
        refuse_leftovers()
        self.folder.mkdir(mode=0o755)
        try:
            self.start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.running):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_all(self):
        ours = self.folder / "ours"
        ports = PORTS["ours"]
        command = [self.binary, ours, str(ports["http"]), str(ports["https"]), str(UPSTREAM)]
        self.start("ours", command, ports["https"])
        # The same certificate for all.
        cert, key = (ours / "tls" / name for name in ("cert.pem", "key.pem"))
        shutil.copy(cert, self.folder / "cert.pem")
        shutil.copy(key, self.folder / "key.pem")
        (self.folder / "both.pem").write_text(cert.read_text() + key.read_text())
        for name, port in (("upstream", UPSTREAM), ("nginx", PORTS["nginx"]["https"])):
            config = self.config(f"{name}.conf")
            self.start(name, ["nginx", "-c", config, "-p", self.folder, "-e", self.folder / f"{name}.err"], port)
        with open(self.folder / "haproxy.log", "wb") as log:
            self.start("haproxy", ["haproxy", "-db", "-f", self.config("haproxy.cfg")], PORTS["haproxy"]["https"], log)

    def config(self, name):
        config = self.folder / name
        config.write_text((HERE / name).read_text().replace("@DIR@", str(self.folder)))
        return config

    def start(self, name, command, port, out=None):
        said = self.folder / f"{name}.said"
        with open(said, "wb") as errors:
            process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=errors)
        self.running.append(process)
        self.pids[name] = process.pid
        wait_for(port, process, said)

    def check_features(self):
        for name in NAMES:
            for scheme in ("http", "https"):
                command = ["curl", "-sk", "-D-", "-o/dev/null", "-H", "origin: https://app.example.com"]
                command.append(url(name, scheme))
                head = subprocess.run(command, check=True, capture_output=True, text=True).stdout.lower()
                missing = [feature for feature in FEATURES if f"{feature}:" not in head]
                if missing or " 200" not in head.splitlines()[0]:
                    sys.exit(f"{url(name, scheme)} does not send {missing}: the features are not equal\n{head}")
