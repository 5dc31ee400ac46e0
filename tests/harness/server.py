"""The real binary as a process: started, awaited, stopped or killed."""

import os
import re
import selectors
import signal
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("STRONGROOM_BINARY", ROOT / "target/debug/strongroom"))

READY_SECONDS = 30
STOP_SECONDS = 15


class DidNotStart(Exception):
    """The server ended, or said nothing, before it was ready."""

    def __init__(self, code, stderr):
        super().__init__(f"exit code {code}: {stderr}")
        self.code = code
        self.stderr = stderr


class Server:
    """A running server. `endpoint` is the URL it announced."""

    def __init__(self, arguments, *, environment=None, ca=None):
        self.ca = ca
        self._log = tempfile.TemporaryFile()
        started = time.monotonic()
        self.process = subprocess.Popen(
            [BINARY, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={"PATH": os.environ["PATH"], **(environment or {})},
        )
        self.ready_line = self._first_line()
        self.ready_seconds = time.monotonic() - started
        found = re.search(r"https?://127\.0\.0\.1:\d+", self.ready_line)
        if not found:
            self.kill()
            raise DidNotStart(self.process.returncode, self.stderr())
        self.endpoint = found.group()
        admin = re.search(r"for admin on (http://127\.0\.0\.1:\d+)", self.ready_line)
        #: The URL of the admin listener, when there is one.
        self.admin = admin.group(1) if admin else None

    @property
    def port(self):
        return int(self.endpoint.rpartition(":")[2])

    @property
    def pid(self):
        return self.process.pid

    def tls(self):
        """The context that trusts this server alone, or None over plain HTTP."""
        return ssl.create_default_context(cafile=self.ca) if self.ca else None

    def stderr(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self):
        """Asks the server to end. It must do so by itself, with exit code 0."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {STOP_SECONDS} s after SIGTERM: {self.stderr()}") from None
        finally:
            self.process.stdout.close()
        assert code == 0, f"exit code {code} after SIGTERM: {self.stderr()}"

    def kill(self):
        """Takes the server's life without a warning, as `kill -9` does."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if self.process.poll() is not None:
            self.process.stdout.close()
        elif kind is None:
            self.stop()
        else:
            self.kill()

    def _first_line(self):
        line = b""
        deadline = time.monotonic() + READY_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                ready = selector.select(max(0, deadline - time.monotonic()))
                byte = os.read(self.process.stdout.fileno(), 1) if ready else b""
                if not byte:
                    code = self.process.wait(STOP_SECONDS) if ready else None
                    self.kill()
                    raise DidNotStart(code, self.stderr())
                line += byte
        return line.decode().rstrip("\n")


def dev(data=None, listen="127.0.0.1:0", admin="127.0.0.1:0", audit=None, quotas=None, more=()):
    """`strongroom dev`, in memory without `data`; with `audit`, its audit log goes there. `quotas` is a file."""
    arguments = ["--listen", listen, "--admin", admin, *(["--data", data] if data else []), *more]
    arguments += ["--audit", audit] if audit else []
    arguments += ["--quotas", quotas] if quotas else []
    return Server(["dev", *arguments])


PASSPHRASE = "correct horse battery staple"

#: The identities of `serve`: account, access key id, secret, user (None is the root of the account).
IDENTITIES = [
    ("111122223333", "AKIAROOT000000000001", "root-secret/of+1111", None),
    ("111122223333", "AKIAALICE00000000001", "alice-secret/of+1111", "alice"),
    ("444455556666", "AKIAROOT000000000004", "root-secret/of+4444", None),
]


class Installation:
    """A folder with what `serve` needs: configuration, root key, TLS pair, data.

    `quotas` are the lines of the `[quotas]` table. Tests call more often than AWS lets an account.
    """

    def __init__(self, folder, quotas="throttle = false"):
        self.quotas = quotas
        self.folder = Path(folder)
        self.config = self.folder / "strongroom.toml"
        self.data = self.folder / "data"
        self.root_key = self.folder / "root.key"
        self.certificate = self.folder / "cert.pem"
        self.environment = {"STRONGROOM_PASSPHRASE": PASSPHRASE}
        self.config.write_text(self._toml())
        self.config.chmod(0o600)

    def init(self):
        return subprocess.run(
            [BINARY, "init", "--config", self.config],
            env={"PATH": os.environ["PATH"], **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def serve(self, **environment):
        arguments = ["serve", "--config", self.config]
        return Server(arguments, environment={**self.environment, **environment}, ca=self.certificate)

    def _toml(self):
        lines = [
            'listen = "127.0.0.1:0"',
            'data = "data"',
            "[tls]",
            'certificate = "cert.pem"',
            'private_key = "key.pem"',
            "[seal]",
            'key_file = "root.key"',
            'passphrase_env = "STRONGROOM_PASSPHRASE"',
            "[admin]",
            'listen = "127.0.0.1:0"',
            "[quotas]",
            self.quotas,
        ]
        for account in dict.fromkeys(identity[0] for identity in IDENTITIES):
            lines += ["[[account]]", f'id = "{account}"']
            for owner, access_key, secret, user in IDENTITIES:
                if owner == account:
                    lines += ["[[account.access_key]]", f'id = "{access_key}"', f'secret = "{secret}"']
                    lines += [f'user = "{user}"'] if user else []
        return "\n".join(lines) + "\n"
