"""The local certificate authority: real clients accept what it issues, and it survives what can happen to files."""

import asyncio
import shutil
import ssl
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from switchbay.infra.tls import (
    authority_file,
    ensure_authority,
    ensure_certificate,
    load_certificate,
    server_context,
    ssl_context_for_client,
)
from switchbay.kit.errors import AppError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


def leaf(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def test_reading_sets_a_record_aside_however_much_is_asked_for(tmp_path: Path) -> None:
    server_in, server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context(ensure_certificate(tmp_path, ("localhost",))).wrap_bio(
        server_in, server_out, server_side=True
    )
    trusting = ssl_context_for_client(authority_file(tmp_path))
    client = trusting.wrap_bio(server_out, server_in, server_hostname="localhost")
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    client.write(b"x" * 40_000)
    tracemalloc.start()
    try:
        sizes = [len(server.read(262_144)) for _ in range(3)]
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [16_384, 16_384, 7_232]
    assert most < 65_536


@asynccontextmanager
async def tls_server(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server that answers every connection with a greeting; gives its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def handshake(port: int, context: ssl.SSLContext, name: str) -> str:
    """Fetch the greeting; return the serial number of the certificate that was shown."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = shown.getpeercert(binary_form=True)
    assert certificate is not None
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.read()).endswith(b"hello")
    writer.close()
    await writer.wait_closed()
    return str(x509.load_der_x509_certificate(certificate).serial_number)


def test_authority_is_made_once(tmp_path: Path) -> None:
    first = ensure_authority(tmp_path)
    second = ensure_authority(tmp_path)
    assert first.certificate == second.certificate
    assert first.ca_file == authority_file(tmp_path)


def test_authority_is_a_constrained_p256_certificate_authority(tmp_path: Path) -> None:
    certificate = ensure_authority(tmp_path, NOW).certificate
    public_key = certificate.public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    assert public_key.curve.name == "secp256r1"
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    server_file = ensure_certificate(tmp_path, ["localhost"])
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert server_file.stat().st_mode & 0o777 == 0o600
    assert authority_file(tmp_path).stat().st_mode & 0o777 == 0o644


def test_leaf_names_its_hosts_and_addresses(tmp_path: Path) -> None:
    certificate = leaf(ensure_certificate(tmp_path, ["Localhost", "127.0.0.1", "[::1]", "bücher.example"], now=NOW))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "xn--bcher-kva.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert certificate.not_valid_after_utc == NOW + timedelta(days=90)


@pytest.mark.parametrize("host", ["", "a b", "-x.example", "a..b", "x" * 64 + ".example", "https://a", "a\x00b"])
def test_odd_host_is_refused_and_nothing_is_issued(tmp_path: Path, host: str) -> None:
    with pytest.raises(AppError) as caught:
        ensure_certificate(tmp_path, [host])
    assert caught.value.code == "certificate_host_malformed"
    assert list(tmp_path.rglob("*.pem")) == []


def test_leaf_is_kept_while_names_and_time_allow(tmp_path: Path) -> None:
    before = leaf(ensure_certificate(tmp_path, ["localhost"], now=NOW))
    again = leaf(ensure_certificate(tmp_path, ["localhost"], now=NOW + timedelta(days=59, hours=23)))
    assert before.serial_number == again.serial_number


def test_leaf_is_reissued_thirty_days_before_its_end(tmp_path: Path) -> None:
    before = leaf(ensure_certificate(tmp_path, ["localhost"], now=NOW))
    after = leaf(ensure_certificate(tmp_path, ["localhost"], now=NOW + timedelta(days=60)))
    assert before.serial_number != after.serial_number
    assert after.not_valid_after_utc == NOW + timedelta(days=150)


def test_leaf_is_reissued_when_the_names_change(tmp_path: Path) -> None:
    before = leaf(ensure_certificate(tmp_path, ["localhost"], now=NOW))
    after = leaf(ensure_certificate(tmp_path, ["localhost", "bay.example"], now=NOW))
    assert before.serial_number != after.serial_number


def test_damaged_leaf_is_replaced(tmp_path: Path) -> None:
    path = ensure_certificate(tmp_path, ["localhost"], now=NOW)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    ensure_certificate(tmp_path, ["localhost"], now=NOW)
    server_context(path)


def test_leaf_of_another_authority_is_replaced(tmp_path: Path) -> None:
    ensure_certificate(tmp_path / "other", ["localhost"], now=NOW)
    authority = ensure_authority(tmp_path, NOW)
    shutil.copy(tmp_path / "other" / "ca" / "server.pem", tmp_path / "ca" / "server.pem")
    leaf(ensure_certificate(tmp_path, ["localhost"], now=NOW)).verify_directly_issued_by(authority.certificate)


def test_authority_whose_creation_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    ensure_authority(tmp_path)
    authority_file(tmp_path).unlink()  # the key is written first, the certificate last
    assert ensure_authority(tmp_path).ca_file.exists()


@pytest.mark.parametrize("damage", ["missing", "garbage", "foreign"])
def test_authority_without_its_key_is_reported_and_never_replaced(tmp_path: Path, damage: str) -> None:
    ensure_authority(tmp_path)
    certificate = authority_file(tmp_path).read_bytes()
    key = tmp_path / "ca" / "ca.key"
    if damage == "missing":
        key.unlink()
    elif damage == "garbage":
        key.write_text("no key")
    else:
        ensure_authority(tmp_path / "other")
        shutil.copy(tmp_path / "other" / "ca" / "ca.key", key)
    with pytest.raises(AppError) as caught:
        ensure_certificate(tmp_path, ["localhost"])
    assert caught.value.code == "certificate_authority_broken"
    assert authority_file(tmp_path).read_bytes() == certificate


def test_expired_authority_is_reported(tmp_path: Path) -> None:
    ensure_authority(tmp_path, NOW)
    with pytest.raises(AppError) as caught:
        ensure_authority(tmp_path, NOW + timedelta(days=3651))
    assert caught.value.code == "certificate_authority_broken"


def test_leaf_near_the_end_of_the_authority_is_not_reissued_over_and_over(tmp_path: Path) -> None:
    ensure_authority(tmp_path, NOW)
    late = NOW + timedelta(days=3640)
    first = leaf(ensure_certificate(tmp_path, ["localhost"], now=late))
    again = leaf(ensure_certificate(tmp_path, ["localhost"], now=late + timedelta(days=1)))
    assert first.serial_number == again.serial_number
    assert first.not_valid_after_utc == NOW + timedelta(days=3650)


async def test_processes_that_start_together_share_one_authority(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from switchbay.infra.tls import ensure_certificate, server_context;"
        "server_context(ensure_certificate(pathlib.Path(sys.argv[1]), ['localhost', sys.argv[2]], sys.argv[2]))"
    )
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path), f"node{number}")
        for number in range(6)
    ]
    assert [await asyncio.wait_for(process.wait(), 60) for process in running] == [0] * 6
    authority = ensure_authority(tmp_path).certificate
    for number in range(6):
        leaf(tmp_path / "ca" / f"node{number}.pem").verify_directly_issued_by(authority)
    assert [path.name for path in (tmp_path / "ca").iterdir() if path.name.startswith(".ca")] == []


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_strict_client_accepts_the_certificate(tmp_path: Path, name: str) -> None:
    context = server_context(ensure_certificate(tmp_path, ["localhost", "127.0.0.1"]))
    client = ssl_context_for_client(authority_file(tmp_path))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    async with tls_server(context) as port:
        assert await handshake(port, client, name) == str(leaf(tmp_path / "ca" / "server.pem").serial_number)


async def test_client_refuses_a_name_that_is_not_in_the_certificate(tmp_path: Path) -> None:
    context = server_context(ensure_certificate(tmp_path, ["localhost"]))
    async with tls_server(context) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await handshake(port, ssl_context_for_client(authority_file(tmp_path)), "other.example")


async def test_client_that_does_not_know_the_authority_refuses(tmp_path: Path) -> None:
    context = server_context(ensure_certificate(tmp_path, ["localhost"]))
    async with tls_server(context) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await handshake(port, ssl_context_for_client(), "localhost")


async def test_running_server_shows_the_renewed_certificate(tmp_path: Path) -> None:
    path = ensure_certificate(tmp_path, ["localhost"])
    context = server_context(path)
    client = ssl_context_for_client(authority_file(tmp_path))
    async with tls_server(context) as port:
        before = await handshake(port, client, "localhost")
        load_certificate(context, ensure_certificate(tmp_path, ["localhost", "127.0.0.1"]))
        assert await handshake(port, client, "localhost") != before


@pytest.mark.parametrize("program", ["curl", "node", "openssl"])
async def test_other_programs_accept_the_certificate(tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    ca_file = authority_file(tmp_path)
    context = server_context(ensure_certificate(tmp_path, ["localhost", "127.0.0.1"]))
    async with tls_server(context) as port:
        script = (
            f"require('https').get('https://localhost:{port}/', r => r.pipe(process.stdout))"
            ".on('error', e => { console.error(e); process.exit(1) })"
        )
        command = {
            "curl": ["curl", "-sS", "--noproxy", "*", "--ipv4", "--cacert", str(ca_file), f"https://localhost:{port}/"],
            "node": ["node", "--dns-result-order=ipv4first", "-e", script],
            "openssl": [
                *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(ca_file)),
                *("-verify_return_error", "-verify_hostname", "localhost", "-x509_strict", "-purpose", "sslserver"),
            ],
        }[program]
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "NODE_EXTRA_CA_CERTS": str(ca_file)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(b"GET / HTTP/1.1\r\n\r\n"), 30)
    assert process.returncode == 0, err.decode()
    expected = b"Verify return code: 0 (ok)" if program == "openssl" else b"hello"
    assert expected in out


def test_unusable_files_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(AppError) as server:
        server_context(empty)
    with pytest.raises(AppError) as client:
        ssl_context_for_client(tmp_path / "missing.pem")
    assert (server.value.code, client.value.code) == ("certificate_unreadable", "ca_file_unreadable")
    assert "missing.pem" in client.value.message


def test_certificate_without_a_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppError) as caught:
        ensure_certificate(tmp_path, [])
    assert caught.value.code == "certificate_host_missing"
