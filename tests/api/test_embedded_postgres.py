import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api import embedded_postgres
from api.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, bin_dir

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as other users")

USER_PROCESS = """
import sys
from pathlib import Path
from api.embedded_postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as database:
    print(database.postgres_pid, flush=True)
    sys.stdin.readline()
"""

ORDINARY_USER = """
import os, stat, sys
from pathlib import Path
import psycopg
from embedded_postgres import EmbeddedPostgres
data = Path(sys.argv[1])
database = EmbeddedPostgres(data)
with database, psycopg.connect(database.conninfo()) as connection:
    print(connection.execute("SELECT current_user, current_database()").fetchone())
for path in (data, *data.iterdir()):
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert path.stat().st_uid == os.getuid(), path
database.destroy()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "data"
    yield path
    EmbeddedPostgres(path).destroy()


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """Give a folder everybody may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        yield path


def ask(database: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(database.conninfo(), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def fill(database: EmbeddedPostgres) -> None:
    with psycopg.connect(database.conninfo()) as connection:
        connection.execute("CREATE TABLE kept (value int)")
        connection.execute("INSERT INTO kept VALUES (7)")


def enter_elsewhere(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    process = start_elsewhere(data_dir)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def start_elsewhere(data_dir: Path) -> subprocess.Popen[str]:
    root = Path(embedded_postgres.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", USER_PROCESS, data_dir],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill_postmaster(database: EmbeddedPostgres) -> int:
    pid = database.postgres_pid
    os.kill(pid, signal.SIGKILL)
    while runs(pid):
        time.sleep(0.01)
    return pid


def cluster_of(database: EmbeddedPostgres) -> Path:
    return database._cluster(database._read_state())


def socket_dir_of(database: EmbeddedPostgres) -> Path:
    return Path(database._read_state().socket_dir)


def test_fresh_start_then_fast_second_start(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, settings={"work_mem": "5MB"}) as database:
        fill(database)
        assert ask(database, "SELECT current_user") == "postgres"
        assert ask(database, "SHOW work_mem") == "5MB"
        assert ask(database, "SHOW data_checksums") == "on"
        assert ask(database, "SHOW fsync") == "on"
        assert ask(database, "SHOW listen_addresses") == ""
        assert ask(database, "SELECT datlocale FROM pg_database LIMIT 1") == "C.UTF-8"
        # Ctrl-C reaches the terminal's session only.
        assert os.getsid(database.postgres_pid) != os.getsid(0)
        assert stat.S_IMODE(cluster_of(database).stat().st_mode) == 0o700
        assert stat.S_IMODE(socket_dir_of(database).stat().st_mode) == 0o700
    begin = time.monotonic()
    with EmbeddedPostgres(data_dir) as database:
        seconds = time.monotonic() - begin
        assert ask(database, "SELECT value FROM kept") == 7
    assert seconds < 1


def test_last_one_out_stops_it(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    with first:
        pid = first.postgres_pid
        with second:
            assert second.postgres_pid == pid
            other, other_pid = enter_elsewhere(data_dir)
            assert other_pid == pid
        assert runs(pid)
    assert runs(pid)
    other.communicate("\n")
    assert other.returncode == 0
    assert not runs(pid)
    with pytest.raises(EmbeddedPostgresError, match="enter it first"):
        _ = first.postgres_pid


def test_processes_that_arrive_at_once_share_one_server(data_dir: Path) -> None:
    processes = [start_elsewhere(data_dir) for _ in range(4)]
    pids = {int(process.stdout.readline()) for process in processes if process.stdout}
    for process in processes:
        process.communicate("\n")
    assert len(pids) == 1
    assert [process.returncode for process in processes] == [0] * 4
    assert not runs(pids.pop())


def test_a_killed_process_leaves_the_server_to_the_next(data_dir: Path) -> None:
    process, pid = enter_elsewhere(data_dir)
    process.kill()
    process.communicate()
    assert runs(pid)
    with EmbeddedPostgres(data_dir) as database:
        assert database.postgres_pid == pid
        assert ask(database, "SELECT 1") == 1
    assert not runs(pid)


def test_a_killed_postmaster_is_replaced_and_committed_rows_stay(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as database:
        fill(database)
        assert database.ensure_running() is False
        pid = kill_postmaster(database)
        assert database.ensure_running() is True
        assert database.postgres_pid != pid
        assert ask(database, "SELECT value FROM kept") == 7
        kill_postmaster(database)
    with EmbeddedPostgres(data_dir) as database:
        assert ask(database, "SELECT value FROM kept") == 7


def test_it_waits_for_the_orphans_of_a_killed_postmaster(data_dir: Path) -> None:
    busy = "DO $$ BEGIN WHILE clock_timestamp() < now() + '2 s' LOOP END LOOP; END $$"

    def work(conninfo: str) -> None:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            started.set()
            connection.execute(busy.encode())

    def orphan(conninfo: str) -> None:
        try:
            work(conninfo)
        except psycopg.OperationalError:
            started.set()

    started = threading.Event()
    with EmbeddedPostgres(data_dir) as database:
        fill(database)
        thread = threading.Thread(target=orphan, args=(database.conninfo(),))
        thread.start()
        started.wait()
        time.sleep(0.3)
        kill_postmaster(database)
        begin = time.monotonic()
        assert not database._server_gone()
        assert database.ensure_running() is True
        assert time.monotonic() - begin > 1
        assert ask(database, "SELECT value FROM kept") == 7
        thread.join()


def test_a_reused_process_number_is_not_taken_for_the_server(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir)
    with database:
        fill(database)
        account = database._account
        stranger = subprocess.Popen(
            ["/bin/sleep", "60"], user=account.pw_uid if os.geteuid() == 0 else None
        )
        try:
            kill_postmaster(database)
            while not database._server_gone():
                time.sleep(0.01)
            stale = cluster_of(database) / "postmaster.pid"
            lines = stale.read_text().split("\n")
            stale.write_text("\n".join([str(stranger.pid), *lines[1:]]))
            socket_lock = socket_dir_of(database) / ".s.PGSQL.5432.lock"
            socket_lock.write_text(stale.read_text())
            assert database.ensure_running() is True
            assert ask(database, "SELECT value FROM kept") == 7
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()


def test_a_removed_socket_folder_comes_back(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir)
    with database:
        folder = socket_dir_of(database)
        shutil.rmtree(folder)
        assert database.ensure_running() is True
        assert ask(database, "SELECT 1") == 1
    shutil.rmtree(folder)
    with database:
        assert socket_dir_of(database) == folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    shutil.rmtree(folder)
    folder.symlink_to("/")
    with database:
        assert socket_dir_of(database) != folder
        assert ask(database, "SELECT 1") == 1
        opened = socket_dir_of(database)
        opened.chmod(0o755)
        assert database.ensure_running() is True
        assert socket_dir_of(database) != opened
    folder.unlink()
    opened.rmdir()


def test_a_path_with_any_characters_works(open_dir: Path) -> None:
    data = open_dir / "Ärger mit 'Paketen' $HOME `id` \\"
    database = EmbeddedPostgres(data)
    with database:
        assert ask(database, "SHOW data_directory") == str(data / "postgres")
    database.destroy()


def test_an_interrupted_start_leaves_no_server_behind(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = embedded_postgres._run

    def interrupted(
        account: pwd.struct_passwd, *command: str | Path, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        done = run(account, *("-W" if word == "-w" else word for word in command), **options)
        if "start" in command:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(embedded_postgres, "_run", interrupted)
    database = EmbeddedPostgres(data_dir)
    with pytest.raises(KeyboardInterrupt):
        database.__enter__()
    assert database._postmaster() is None
    assert database._server_gone()


def test_settings_cannot_open_the_server(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, settings={"listen_addresses": "*"}) as database:
        assert ask(database, "SHOW listen_addresses") == ""
    with pytest.raises(EmbeddedPostgresError, match="no PostgreSQL setting"):
        EmbeddedPostgres(data_dir, settings={"jit": "off'\nport = '1"})


def test_statements_and_rows_stay_out_of_the_log(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as database:
        with psycopg.connect(database.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE TABLE people (mail text PRIMARY KEY, age int)")
            connection.execute("INSERT INTO people VALUES (%s)", ["ada@example.org"])
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO people VALUES (%s)", ["ada@example.org"])
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                connection.execute("SELECT 'ada@example.org'::int")
            connection.execute("SELECT 'ada@example.org'")
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        assert database.ensure_running() is False
        log = (cluster_of(database) / "postgres.log").read_text()
    assert "was terminated by signal 9" in log
    assert "ada@" not in log


def test_a_failed_start_says_why_in_one_line(data_dir: Path) -> None:
    with (
        pytest.raises(EmbeddedPostgresError, match="invalid value for parameter") as failure,
        EmbeddedPostgres(data_dir, settings={"work_mem": "much"}),
    ):
        pass
    assert "\n" not in str(failure.value)
    with EmbeddedPostgres(data_dir) as database:
        assert ask(database, "SELECT 1") == 1


def test_an_interrupted_creation_begins_anew_but_a_lost_cluster_does_not(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    state = EmbeddedPostgres(data_dir)._write_state(embedded_postgres._State("postgres"))
    if os.geteuid() == 0:
        place = str(embedded_postgres.SYSTEM_DIR / f"test-{os.getpid()}")
        state = EmbeddedPostgres(data_dir)._write_state(embedded_postgres._State(place))
    half_made = EmbeddedPostgres(data_dir)._cluster(state).with_suffix(".new")
    bin_dir()
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir) as database:
        cluster = cluster_of(database)
    shutil.rmtree(cluster)
    with pytest.raises(EmbeddedPostgresError, match="is gone: restore it"):
        EmbeddedPostgres(data_dir).__enter__()


def test_destroy_removes_all_and_only_when_nobody_is_inside(tmp_path: Path) -> None:
    data = tmp_path / "data"
    database = EmbeddedPostgres(data)
    with database:
        cluster, folder = cluster_of(database), socket_dir_of(database)
        with pytest.raises(EmbeddedPostgresError, match="in use"):
            EmbeddedPostgres(data).destroy()
    assert cluster.exists()
    database.destroy()
    assert not cluster.exists()
    assert not folder.exists()
    assert {path.suffix for path in data.iterdir()} <= {".lock"}
    database.destroy()


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    found = {parent: parent.stat() for parent in (path, *path.parents)}
    return {parent: (s.st_mode, s.st_uid, s.st_gid) for parent, s in found.items()}


def test_no_parent_folder_is_opened_for_anybody(tmp_path: Path) -> None:
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    clone = private / "clone"
    clone.mkdir(mode=0o755)
    before = modes(clone)
    database = EmbeddedPostgres(clone / "data")
    with database:
        assert ask(database, "SELECT 1") == 1
        inside = cluster_of(database).is_relative_to(clone)
        assert inside == (os.geteuid() != 0)
        assert modes(clone) == before
    database.destroy()
    assert modes(clone) == before
    assert stat.S_IMODE((clone / "data").stat().st_mode) == 0o700


@as_root
def test_root_keeps_the_cluster_in_a_data_dir_the_server_can_reach(open_dir: Path) -> None:
    before = modes(open_dir)
    database = EmbeddedPostgres(open_dir / "data")
    with database:
        assert cluster_of(database) == open_dir / "data" / "postgres"
        assert Path(f"/proc/{database.postgres_pid}").stat().st_uid != 0
        assert stat.S_IMODE((open_dir / "data").stat().st_mode) & 0o007 == 0
        assert modes(open_dir) == before
    database.destroy()


@as_root
def test_root_copies_programs_that_the_server_cannot_reach(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_there = embedded_postgres._runs
    shared = open_dir / "shared"
    monkeypatch.setattr(embedded_postgres, "SYSTEM_DIR", shared)
    monkeypatch.setattr(
        embedded_postgres,
        "_runs",
        lambda account, program: program.is_relative_to(shared) and runs_there(account, program),
    )
    copied = bin_dir()
    assert copied.is_relative_to(shared)
    assert (copied / "postgres").stat().st_mode & 0o777 == 0o755
    inode = copied.stat().st_ino
    assert bin_dir().stat().st_ino == inode


@as_root
def test_another_user_of_the_system_is_refused(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as database:

        def connect(user: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [bin_dir() / "psql", database.conninfo(), "-Atc", "SELECT 1"],
                user=user,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )

        assert connect("root").stdout == "1\n"
        assert "Permission denied" in connect("nobody").stderr
        # Even past the file modes, nobody is a role of nobody else.
        folder = socket_dir_of(database)
        folder.chmod(0o755)
        (folder / ".s.PGSQL.5432").chmod(0o777)
        refused = connect("nobody")
        assert refused.returncode != 0
        assert "Peer authentication failed" in refused.stderr
        folder.chmod(0o700)


@as_root
def test_a_database_of_another_user_is_refused(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        pass
    state = data_dir / "postgres.json"
    os.chown(state, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(EmbeddedPostgresError, match="belongs to user number"):
        EmbeddedPostgres(data_dir).__enter__()
    os.chown(state, 0, -1)


@as_root
def test_an_ordinary_user_runs_it(tmp_path: Path) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not installed")
    nobody = pwd.getpwnam("nobody")
    command = [setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    reach = subprocess.run(
        [*command, sys.executable, "-c", "import psycopg"],
        cwd="/",
        capture_output=True,
        check=False,
    )
    if reach.returncode != 0:
        pytest.skip("ordinary users cannot reach this Python")
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, nobody.pw_uid, nobody.pw_gid)
        shutil.copy(embedded_postgres.__file__, name)
        (Path(name) / "embedded_postgres.py").chmod(0o644)
        done = subprocess.run(
            [*command, sys.executable, "-c", ORDINARY_USER, f"{name}/data"],
            cwd="/",
            env={"PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1", "XDG_RUNTIME_DIR": name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        assert done.stdout == "('postgres', 'redress')\n"
        assert {path.name for path in Path(name).iterdir()} == {"data", "embedded_postgres.py"}
    assert not list(tmp_path.iterdir())
