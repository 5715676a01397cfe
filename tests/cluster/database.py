"""The deployment's PostgreSQL: the tests' own server, with TLS and a certificate authority that its clients verify it with."""

import shutil
import subprocess
from pathlib import Path

import sqlalchemy as sa

from tests.postgres_server import PostgresServer

COMMANDS = (
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority",
    "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost -addext subjectAltName=DNS:localhost",
    "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.crt -days 2 -copy_extensions copy",
)


class TlsServer(PostgresServer):
    """A server that answers over TLS as `localhost`; `authority` is the certificate to verify it with."""

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def start(self) -> None:
        if not self.authority.exists():
            for command in COMMANDS:
                subprocess.run(command.split(), cwd=self.folder, capture_output=True, check=True)
            for name in ("server.key", "server.crt"):
                shutil.copy(self.folder / name, self.folder / "data" / name)
                if self._as_user:
                    shutil.chown(self.folder / "data" / name, self._as_user["user"], self._as_user["group"])
            (self.folder / "data" / "server.key").chmod(0o600)
            with (self.folder / "data" / "postgresql.conf").open("a") as conf:
                conf.write("ssl = on\n")
        super().start()

    def address(self, name: str, authority: str | None = None) -> sa.URL:
        """A database's address over verified TLS; `authority` where its file is elsewhere for the client."""
        tls = {"sslmode": "verify-full", "sslrootcert": authority or str(self.authority)}
        return self.url(name).set(host="localhost", query=tls)

    def create(self, name: str) -> None:
        """Make an empty database."""
        engine = sa.create_engine(self.address("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
