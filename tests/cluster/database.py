"""A PostgreSQL with TLS for the deployment's tests: its own certificate authority, a password, loopback only."""

import os
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@dataclass(frozen=True)
class Database:
    """Where it listens, the password of its user `dagster`, and the certificate that its clients verify it with."""

    port: int
    password: str
    authority: Path
    folder: Path

    def url(self, name: str) -> str:
        return (
            f"postgresql+psycopg2://dagster:{self.password}@localhost:{self.port}/{name}"
            f"?sslmode=verify-full&sslrootcert={self.authority}"
        )

    def create(self, name: str) -> None:
        """Make an empty database."""
        import sqlalchemy as sa

        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        engine.dispose()


def program(name: str) -> str | None:
    """The path of a server program; None where PostgreSQL is not installed."""
    return shutil.which(name, path=os.pathsep.join([*map(str, FOLDERS), os.environ["PATH"]]))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _as_nobody(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done


def _certificate(folder: Path) -> None:
    """A certificate authority and a server's certificate for localhost, made anew."""
    lines = [
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority",
        "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost -addext subjectAltName=DNS:localhost",
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.crt -days 2 -copy_extensions copy",
    ]
    for line in lines:
        subprocess.run(line.split(), cwd=folder, capture_output=True, check=True)
    for name in ("server.key", "server.crt"):
        shutil.chown(folder / name, "nobody", "nogroup")
        (folder / name).chmod(0o600)


def start(folder: Path) -> Database:
    """Start a server with its data in a new folder."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    _certificate(folder)
    data, word, port = folder / "data", folder / "password", free_port()
    data.mkdir()
    password = secrets.token_hex(16)
    word.write_text(password)
    for path in (data, word):
        shutil.chown(path, "nobody", "nogroup")
    _as_nobody(program("initdb"), "-D", str(data), "-U", "dagster", "-A", "scram-sha-256", f"--pwfile={word}", "-E", "UTF8", "--no-sync")
    files = f"-c ssl_cert_file={folder}/server.crt -c ssl_key_file={folder}/server.key"
    options = f"-p {port} -h 127.0.0.1 -k {data} -c ssl=on {files} -c fsync=off -c max_connections=200"
    # pg_ctl hands its output on to the server, which would keep our pipe open: so it gets a file.
    _as_nobody(program("pg_ctl"), "-D", str(data), "-l", str(data / "log"), "-o", options, "-w", "-t", "60", "start")
    return Database(port, password, folder / "ca.pem", folder)


def stop(database: Database) -> None:
    _as_nobody(program("pg_ctl"), "-D", str(database.folder / "data"), "-m", "immediate", "stop")
